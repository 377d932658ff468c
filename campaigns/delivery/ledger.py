"""Ledger pages: a packed record of what became of each recipient.

A page covers ordinals first..last of a root batch. "Accepted at the first try" is one bit of `accepted`, relative to
`first`, the lowest ordinal in the highest bit of the first octet. Everything else is an entry of 18 octets, big
endian: ordinal u32, outcome u8, attempts u8 (highest bit: one of them was ambiguous), status u16, milliseconds since
`at` u32, reason number u16 (0 = none, else 1-based into `reasons`), shortened TTL u32.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from campaigns.delivery.outcomes import Outcome, Result

_ENTRY = struct.Struct(">IBBHIHI")
_AMBIGUOUS = 0x80


class Entry(NamedTuple):
    ordinal: int
    outcome: Outcome
    attempts: int
    status: int
    offset_ms: int
    reason: str
    ttl: int
    # A POST of it went unanswered and may have arrived all the same.
    is_ambiguous: bool = False


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
    plain, others = [], []
    for row in results:
        if _is_plain(row):
            plain.append(row.ordinal)
        else:
            others.append(row)
    return pack_page(plain, others, at)


def pack_page(accepted: Sequence[int], others: Iterable[Entry], at: datetime) -> Packed:
    """Pack ordinals that were accepted at the first try, and what became of others, into a page; one at least."""
    rows = sorted(others)
    ends = [
        *(row.ordinal for row in (rows[:1] + rows[-1:])),
        *((min(accepted), max(accepted)) if accepted else ()),
    ]
    first, last = min(ends), max(ends)
    bits = bytearray((last - first) // 8 + 1)
    for ordinal in accepted:
        place = ordinal - first
        bits[place >> 3] |= 0x80 >> (place & 7)
    return Packed(at, first, last, bytes(bits), *_pack_entries(rows))


def _pack_entries(rows: Iterable[Entry]) -> tuple[bytes, list[str]]:
    numbers: dict[str, int] = {}
    packed = bytearray()
    for row in rows:
        number = numbers.setdefault(row.reason, len(numbers) + 1) if row.reason else 0
        attempts = row.attempts | (_AMBIGUOUS if row.is_ambiguous else 0)
        packed += _ENTRY.pack(row.ordinal, row.outcome, attempts, row.status, row.offset_ms, number, row.ttl)
    return bytes(packed), list(numbers)


def _is_plain(row: Entry) -> bool:
    return (
        row.outcome is Outcome.ACCEPTED
        and row.attempts == 1
        and not row.ttl
        and row.status in (0, 201)
        and not row.is_ambiguous
    )


def entry_of(result: Result) -> Entry:
    return Entry(
        result.ordinal,
        result.outcome,
        result.attempts,
        result.status,
        result.offset_ms,
        result.reason,
        result.ttl,
        result.is_ambiguous,
    )


def unpack(page: Packed) -> Iterator[Entry]:
    """Read a page back: first the plain ones, whose exact time and status are not kept, then the others."""
    for index, octet in enumerate(page.accepted):
        for bit in range(8) if octet else ():
            if octet & (0x80 >> bit):
                yield Entry(page.first + index * 8 + bit, Outcome.ACCEPTED, 1, 201, 0, "", 0)
    yield from unpack_entries(page)


def unpack_entries(page: Packed) -> Iterator[Entry]:
    """Read what is not plain."""
    for ordinal, outcome, attempts, status, offset, number, ttl in _ENTRY.iter_unpack(page.entries):
        reason = page.reasons[number - 1] if number else ""
        is_ambiguous = bool(attempts & _AMBIGUOUS)
        yield Entry(
            ordinal, Outcome(outcome), attempts & ~_AMBIGUOUS, status, offset, reason, ttl, is_ambiguous
        )


def entry_at(page: Packed, ordinal: int) -> Entry | None:
    """Read what a page says of one ordinal; entries are sorted, so it is found by halving."""
    low, high = 0, len(page.entries) // _ENTRY.size
    while low < high:
        middle = (low + high) // 2
        if int.from_bytes(page.entries[middle * _ENTRY.size : middle * _ENTRY.size + 4], "big") < ordinal:
            low = middle + 1
        else:
            high = middle
    found = page.entries[low * _ENTRY.size : (low + 1) * _ENTRY.size]
    if found[:4] == ordinal.to_bytes(4, "big"):
        return next(unpack_entries(Packed(page.at, page.first, page.last, b"", found, page.reasons)))
    if page.first <= ordinal <= page.last and has_bit(page.accepted, ordinal - page.first):
        return Entry(ordinal, Outcome.ACCEPTED, 1, 201, 0, "", 0)
    return None


def fold(pages: Iterable[Packed]) -> Packed:
    """Merge the pages of a finished root batch and its children into one: the last word on each ordinal counts.

    Offsets are moved to the earliest page's time. A deferral gives way to what came of its retry, which stays
    ambiguous if one of its attempts was. The bits are merged as whole numbers: one by one they cost 4 us a recipient.
    """
    ordered = sorted(pages, key=lambda page: page.at)
    start = ordered[0].at
    first, last = min(page.first for page in ordered), max(page.last for page in ordered)
    width = ((last - first) // 8 + 1) * 8
    accepted = 0
    final: dict[int, Entry] = {}
    for page in ordered:
        shift = width - (page.first - first) - len(page.accepted) * 8
        bits = int.from_bytes(page.accepted, "big")
        accepted |= bits << shift if shift >= 0 else bits >> -shift
        _merge(final, page, (page.at - start) // timedelta(milliseconds=1))
    plain = accepted.to_bytes(width // 8, "big")
    for ordinal in [ordinal for ordinal in final if has_bit(plain, ordinal - first)]:
        entry = final.pop(ordinal)
        if entry.outcome is not Outcome.DEFERRED:
            final[ordinal] = entry  # an entry of its own says more than the bit
    plain = _without(plain, [ordinal - first for ordinal in final])
    return Packed(start, first, last, plain, *_pack_entries(final[ordinal] for ordinal in sorted(final)))


def _merge(final: dict[int, Entry], page: Packed, later_ms: int) -> None:
    for entry in unpack_entries(page):
        known = final.get(entry.ordinal)
        if known is None or known.outcome is Outcome.DEFERRED:
            was_ambiguous = known is not None and known.is_ambiguous
            final[entry.ordinal] = entry._replace(
                offset_ms=entry.offset_ms + later_ms, is_ambiguous=entry.is_ambiguous or was_ambiguous
            )


def has_bit(bits: bytes | memoryview | None, place: int) -> bool:
    """Tell whether the bit of a place is set, the first in the highest bit of the first octet; none are of None."""
    return bits is not None and place >> 3 < len(bits) and bool(bits[place >> 3] & (0x80 >> (place & 7)))


def with_bits(bits: bytes | None, places: Iterable[int], size: int) -> bytes:
    """Set bits, the first place in the highest bit of the first octet; `size` is how many places there are."""
    made = bytearray(bits or bytes((size + 7) // 8))
    for place in places:
        made[place >> 3] |= 0x80 >> (place & 7)
    return bytes(made)


def _without(bits: bytes, places: Iterable[int]) -> bytes:
    cleared = bytearray(bits)
    for place in places:
        cleared[place >> 3] &= ~(0x80 >> (place & 7)) & 0xFF
    return bytes(cleared)
