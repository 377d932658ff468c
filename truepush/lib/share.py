"""Who is among a share of all: drawn by a hash, so every process gives the same answer and a share only grows."""

import hashlib


def is_in_share(what: str, who: str, percent: int) -> bool:
    """Whether `who` is among this share of all: who is in 1 % is in 10 %, and each `what` draws anew."""
    drawn = hashlib.sha256(f"{what}:{who}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") < percent * 2**64 // 100
