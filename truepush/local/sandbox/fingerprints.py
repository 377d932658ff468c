from array import array
from hashlib import blake2b

_SHARDS = 256
_FIRST_SIZE = 64


class FingerprintSet:
    """Says whether a value was seen before, in about 16 octets each: 64-bit fingerprints in open addressing.

    Two of a million different values share a fingerprint with a chance of 3e-8. A shard grows by itself, so
    no single addition copies the whole set.
    """

    def __init__(self) -> None:
        self._shards = [_empty(_FIRST_SIZE) for _ in range(_SHARDS)]
        self._sizes = [0] * _SHARDS
        self.distinct = 0

    def add(self, value: bytes) -> bool:
        """True where the value is new."""
        fingerprint = int.from_bytes(blake2b(value, digest_size=8).digest(), "big") or 1
        number = fingerprint % _SHARDS
        shard = self._shards[number]
        place = _place(shard, fingerprint)
        if shard[place] == fingerprint:
            return False
        shard[place] = fingerprint
        self._sizes[number] += 1
        self.distinct += 1
        if self._sizes[number] * 3 > len(shard) * 2:
            self._shards[number] = _grown(shard)
        return True


def _empty(size: int) -> "array[int]":
    return array("Q", bytes(8 * size))


def _place(shard: "array[int]", fingerprint: int) -> int:
    mask = len(shard) - 1
    place = fingerprint // _SHARDS & mask
    while shard[place] not in (0, fingerprint):
        place = place + 1 & mask
    return place


def _grown(shard: "array[int]") -> "array[int]":
    larger = _empty(2 * len(shard))
    for fingerprint in shard:
        if fingerprint:
            larger[_place(larger, fingerprint)] = fingerprint
    return larger
