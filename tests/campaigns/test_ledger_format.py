"""Ledger pages: what goes in comes out, and the octets stay what they are."""

import random
from datetime import UTC, datetime, timedelta

from campaigns.delivery.ledger import Entry, Packed, fold, pack, unpack
from campaigns.delivery.outcomes import Outcome

AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
ENDS = [outcome for outcome in Outcome if outcome is not Outcome.DEFERRED]
REASONS = ["", "gone 410", "server_error 503: busy", "network: connection reset", "ключ", "…" * 170]


def plain(ordinal: int) -> Entry:
    return Entry(ordinal, Outcome.ACCEPTED, 1, 201, 0, "", 0)


def drawn(draw: random.Random, ordinal: int, outcome: Outcome) -> Entry:
    return Entry(
        ordinal,
        outcome,
        draw.randrange(2, 6),
        draw.choice([0, 201, 410, 429, 503]),
        draw.randrange(2**32 - 10**6),
        draw.choice(REASONS),
        draw.choice([0, 60, 2**32 - 1]),
    )


def test_random_pages_go_there_and_back() -> None:
    draw = random.Random(20260601)
    for _ in range(300):
        first = draw.choice([0, 1, 7, 8, 4999, 2**31 - 3000])
        ordinals = sorted(draw.sample(range(first, first + 2000), k=draw.randrange(1, 600)))
        entries = [
            plain(ordinal) if draw.random() < 0.8 else drawn(draw, ordinal, draw.choice(list(Outcome)))
            for ordinal in ordinals
        ]
        page = pack(draw.sample(entries, k=len(entries)), AT)
        assert sorted(unpack(page)) == entries
        assert (page.first, page.last) == (ordinals[0], ordinals[-1])


def test_the_format_is_frozen() -> None:
    """A page that was written by any version is read by every later one."""
    page = pack(
        [
            plain(8),
            plain(9),
            Entry(10, Outcome.GONE, 1, 410, 250, "gone 410", 0),
            Entry(11, Outcome.ACCEPTED, 1, 201, 300, "", 60),
            Entry(12, Outcome.FAILED, 5, 503, 70000, "server_error 503: busy", 0),
            Entry(13, Outcome.GONE, 1, 410, 301, "gone 410", 0),
            plain(17),
        ],
        AT,
    )
    assert page.accepted.hex() == "c040"
    assert page.entries.hex() == (
        "0000000a0201019a000000fa000100000000"
        "0000000b010100c90000012c00000000003c"
        "0000000c030501f700011170000200000000"
        "0000000d0201019a0000012d000100000000"
    )
    assert (page.at, page.first, page.last) == (AT, 8, 17)
    assert page.reasons == ["gone 410", "server_error 503: busy"]


def test_what_is_not_quite_plain_is_kept_whole() -> None:
    """PS-04, PS-10, PS-14: a second try, a shortened TTL, another 2xx, are not the packed default."""
    entries = [
        Entry(0, Outcome.ACCEPTED, 2, 201, 5, "", 0),
        Entry(1, Outcome.ACCEPTED, 1, 201, 6, "", 60),
        Entry(2, Outcome.ACCEPTED, 1, 202, 7, "", 0),
    ]
    page = pack(entries, AT)
    assert page.accepted == b"\0"
    assert list(unpack(page)) == entries


def test_an_accepted_recipient_costs_one_bit() -> None:
    page = pack(map(plain, range(5000)), AT)
    assert (len(page.accepted), page.entries, page.reasons) == (625, b"", [])


def test_random_pages_of_a_batch_fold_into_one_with_the_last_word_on_each_recipient() -> None:
    draw = random.Random(20260602)
    for _ in range(60):
        batch = Scattered(draw, size=draw.randrange(1, 800))
        pages = batch.pages()
        folded = fold(draw.sample(pages, k=len(pages)))
        assert folded.at == min(page.at for page in pages)
        assert {entry.ordinal: entry for entry in unpack(folded)} == batch.expected(folded.at)


class Scattered:
    """A batch whose recipients end at the first to fourth try, each try on one of three pages of its own."""

    def __init__(self, draw: random.Random, size: int) -> None:
        self.entries: dict[datetime, list[Entry]] = {}
        self.ends: dict[int, tuple[datetime, Entry]] = {}
        starts = [
            [AT + timedelta(seconds=60 * attempt, milliseconds=draw.randrange(59_000)) for _ in range(3)]
            for attempt in range(4)
        ]
        for ordinal in range(size):
            last = draw.choice([0, 0, 0, 1, 2, 3])
            for attempt in range(last + 1):
                outcome = draw.choice(ENDS) if attempt == last else Outcome.DEFERRED
                entry = drawn(draw, ordinal, outcome)._replace(offset_ms=draw.randrange(5000))
                if last == 0 and draw.random() < 0.7:
                    entry = plain(ordinal)
                start = draw.choice(starts[attempt])
                self.entries.setdefault(start, []).append(entry)
                self.ends[ordinal] = start, entry

    def pages(self) -> list[Packed]:
        return [pack(entries, at) for at, entries in self.entries.items()]

    def expected(self, at: datetime) -> dict[int, Entry]:
        """The ends, their offsets counted from `at`; the time of a plain one is not kept."""
        return {
            ordinal: entry
            if entry == plain(ordinal)
            else entry._replace(offset_ms=entry.offset_ms + (start - at) // timedelta(milliseconds=1))
            for ordinal, (start, entry) in self.ends.items()
        }


def test_a_deferral_that_seems_younger_than_its_end_does_not_win() -> None:
    """Two hosts' clocks may differ by more than a retry takes."""
    ended = pack([Entry(4, Outcome.FAILED, 2, 400, 10, "bad_request 400", 0)], AT)
    deferred = pack([Entry(4, Outcome.DEFERRED, 1, 503, 10, "", 0)], AT + timedelta(seconds=3))
    assert list(unpack(fold([deferred, ended]))) == list(unpack(ended))
