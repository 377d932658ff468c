"""Ledger pages: a packed record of what became of each recipient.

A page covers ordinals first..last of a root batch. "Accepted at the first try" is one bit of `accepted`, relative to
`first`, the lowest ordinal in the highest bit of the first octet. Everything else is an entry of 18 octets, big
endian: ordinal u32, outcome u8, attempts u8, status u16, milliseconds since `at` u32, reason number u16 (0 = none,
else 1-based into `reasons`), shortened TTL u32.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from campaigns.delivery.outcomes import Outcome, Result

_ENTRY = struct.Struct(">IBBHIHI")


class Entry(NamedTuple):
    ordinal: int
    outcome: Outcome
    attempts: int
    status: int
    offset_ms: int
    reason: str
    ttl: int


@dataclass
class Packed:
    """The columns of a page."""

    at: datetime
    first: int
    last: int
    accepted: bytes
    entries: bytes
    reasons: list[str] = field(default_factory=list)


def pack(results: Iterable[Entry], at: datetime) -> Packed:
    """Pack entries, of which there is at least one, into a page."""
    rows = sorted(results)
    first, last = rows[0].ordinal, rows[-1].ordinal
    bits = bytearray((last - first) // 8 + 1)
    numbers: dict[str, int] = {}
    packed = bytearray()
    for row in rows:
        if _is_plain(row):
            place = row.ordinal - first
            bits[place >> 3] |= 0x80 >> (place & 7)
            continue
        number = numbers.setdefault(row.reason, len(numbers) + 1) if row.reason else 0
        packed += _ENTRY.pack(
            row.ordinal, row.outcome, row.attempts, row.status, row.offset_ms, number, row.ttl
        )
    return Packed(at, first, last, bytes(bits), bytes(packed), list(numbers))


def _is_plain(row: Entry) -> bool:
    return row.outcome is Outcome.ACCEPTED and row.attempts == 1 and not row.ttl and row.status in (0, 201)


def entry_of(result: Result) -> Entry:
    return Entry(
        result.ordinal,
        result.outcome,
        result.attempts,
        result.status,
        result.offset_ms,
        result.reason,
        result.ttl,
    )


def unpack(page: Packed) -> Iterator[Entry]:
    """Read a page back: first the plain ones, whose exact time and status are not kept, then the others."""
    for index, octet in enumerate(page.accepted):
        for bit in range(8) if octet else ():
            if octet & (0x80 >> bit):
                yield Entry(page.first + index * 8 + bit, Outcome.ACCEPTED, 1, 201, 0, "", 0)
    for ordinal, outcome, attempts, status, offset, number, ttl in _ENTRY.iter_unpack(page.entries):
        reason = page.reasons[number - 1] if number else ""
        yield Entry(ordinal, Outcome(outcome), attempts, status, offset, reason, ttl)


def fold(pages: Iterable[Packed]) -> Packed:
    """Merge the pages of a finished root batch and its children into one: the last word on each ordinal counts.

    Offsets are moved to the earliest page's time. A deferral gives way to what came of its retry.
    """
    ordered = sorted(pages, key=lambda page: page.at)
    start = ordered[0].at
    final: dict[int, Entry] = {}
    for page in ordered:
        shift = (page.at - start) // timedelta(milliseconds=1)
        for entry in unpack(page):
            known = final.get(entry.ordinal)
            if known is None or known.outcome is Outcome.DEFERRED:
                final[entry.ordinal] = entry._replace(offset_ms=entry.offset_ms + shift)
    return pack(final.values(), start)
