"""Octets in the forms in which they travel: as they are, gzip, Brotli (RFC 9110 section 8.4, RFC 7932)."""

import gzip
import hashlib
from functools import cached_property

import brotli

IDENTITY = ""
# The first that the other side takes is sent.
PREFERRED = ("br", "gzip")
# Of what is packed once for a long time, and of what is packed for one answer: 15 to 30 ms against 0.5 for a worker.
BEST, QUICK = 11, 5


def choose(accepted: str) -> str:
    """Choose by an Accept-Encoding header: "br", "gzip", or IDENTITY where neither is taken (section 12.5.3)."""
    weights = dict(_weight(part) for part in accepted.lower().split(","))
    for coding in PREFERRED:
        if weights.get(coding, weights.get("*", 0.0)) > 0:
            return coding
    return IDENTITY


def _weight(part: str) -> tuple[str, float]:
    """Read one coding; a weight that is no number is none."""
    coding, _, parameter = part.partition(";")
    name, _, weight = parameter.strip().partition("=")
    if name.strip() != "q":
        return coding.strip(), 1.0
    try:
        return coding.strip(), float(weight)
    except ValueError:
        return coding.strip(), 0.0


class Encoded:
    """Octets and their packed forms, each made when it is first asked for, with a strong entity tag each."""

    def __init__(self, octets: bytes, quality: int = BEST) -> None:
        self.octets = octets
        self._quality = quality

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.octets).hexdigest()[:32]

    def tag(self, coding: str) -> str:
        return f'"{self.digest}-{coding}"' if coding else f'"{self.digest}"'

    def packed(self, coding: str) -> bytes:
        if coding == "br":
            return self._brotli
        return self._gzip if coding == "gzip" else self.octets

    @cached_property
    def _brotli(self) -> bytes:
        packed: bytes = brotli.compress(self.octets, quality=self._quality)
        return packed

    @cached_property
    def _gzip(self) -> bytes:
        return gzip.compress(self.octets, 9, mtime=0)
