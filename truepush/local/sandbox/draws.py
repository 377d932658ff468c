from hashlib import blake2b


def draw(*parts: str) -> float:
    """A number in [0, 1) that is the same for the same parts, so that a run can be repeated."""
    return int.from_bytes(blake2b("\0".join(parts).encode(), digest_size=7).digest(), "big") / 2**56
