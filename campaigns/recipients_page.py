"""The recipients of a send of whom there is more to say than "accepted at the first try", page by page."""

from dataclasses import dataclass
from typing import Any

from django.db import connection

from campaigns.delivery.ledger import Packed, unpack_entries
from campaigns.delivery.outcomes import Outcome
from campaigns.reasons import Said, reason_in_words

PER_PAGE = 100
_PAGES = """
SELECT root.id, root.ids, page.at, page.first, page.last, page.accepted, page.entries, page.reasons
FROM campaigns_batch root JOIN campaigns_ledgerpage page ON page.root_id = root.id
WHERE root.send_id = %s AND root.root_id IS NULL AND root.id >= %s AND length(page.entries) > 0
ORDER BY root.id, page.at, page.id
"""


@dataclass(frozen=True)
class Recipient:
    """`cursor` is where the next page goes on after it."""

    subscriber_id: int
    outcome: str
    said: Said
    attempts: int
    status: int
    cursor: str


def recipients(send_id: int, *, outcome: str = "", after: str = "") -> tuple[list[Recipient], str]:
    """List up to PER_PAGE recipients behind the cursor, of one outcome or all; and the next cursor or "".

    Pages are read one at a time: of a million recipients only those of a few batches are in memory.
    """
    root, place = _read_cursor(after)
    found: list[Recipient] = []
    with connection.cursor() as cursor:
        cursor.execute(_PAGES, [send_id, root])
        while (row := cursor.fetchone()) is not None:
            found += _of_page(row, outcome, place if row[0] == root else -1)
            if len(found) > PER_PAGE:
                return found[:PER_PAGE], found[PER_PAGE - 1].cursor
    return found, ""


def _read_cursor(text: str) -> tuple[int, int]:
    root, _, place = text.partition("-")
    if root.isdecimal() and place.isdecimal() and len(text) < 40:
        return int(root), int(place)
    return 0, -1


def _of_page(row: tuple[Any, ...], outcome: str, place: int) -> list[Recipient]:
    root, ids, at, first, last, accepted, entries, reasons = row
    page = Packed(at, first, last, bytes(accepted), bytes(entries), reasons)
    found = []
    for entry in unpack_entries(page):
        name = entry.outcome.name.lower()
        if entry.outcome is Outcome.DEFERRED or entry.ordinal <= place or outcome not in ("", name):
            continue
        said = reason_in_words(name, entry.reason)
        cursor = f"{root}-{entry.ordinal}"
        found.append(Recipient(ids[entry.ordinal], name, said, entry.attempts, entry.status, cursor))
    return found
