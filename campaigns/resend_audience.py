"""Who is left of an ended send: read from its ledger and receipts, batch by batch."""

from collections.abc import Iterator

from django.db import connection

from campaigns.delivery.ledger import Entry, Packed, has_bit, unpack
from campaigns.delivery.outcomes import Outcome, Skip

# Failed, expired or skipped; accepted and not displayed; accepted and not clicked.
MISSED, NOT_DISPLAYED, NOT_CLICKED = "missed", "not_displayed", "not_clicked"
CHOICES = (MISSED, NOT_DISPLAYED, NOT_CLICKED)

_MISSED = frozenset({Outcome.FAILED, Outcome.EXPIRED, Outcome.SKIPPED, Outcome.CANCELLED})
_BITS = {NOT_DISPLAYED: "displayed", NOT_CLICKED: "clicked"}
_KINDS = {NOT_DISPLAYED: 1, NOT_CLICKED: 2}

_ROOTS = """
SELECT id, ids, displayed, clicked FROM campaigns_batch
WHERE send_id = %s AND root_id IS NULL AND id > %s ORDER BY id LIMIT 1
"""
_PAGES = "SELECT at, first, last, accepted, entries, reasons FROM campaigns_ledgerpage WHERE root_id = %s ORDER BY at"
_REPORTED = "SELECT ordinal FROM campaigns_receipt WHERE batch_id = %s AND kind = %s"


def resend_ids(send_id: int, what: str) -> list[int]:
    """List the subscribers, ascending; whether each can still be reached is for the query that freezes them."""
    return sorted(pk for ids in _by_batch(send_id, what) for pk in ids)


def _by_batch(send_id: int, what: str) -> Iterator[list[int]]:
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_ROOTS, [send_id, last])
            row = cursor.fetchone()
        if row is None:
            return
        last, ids, displayed, clicked = row
        bits = {"displayed": displayed, "clicked": clicked}.get(_BITS.get(what, ""))
        yield [ids[ordinal] for ordinal in _ordinals(last, what, bits)]


def entries_of(root_id: int) -> dict[int, Entry]:
    """The last word on the recipients of a root batch, by ordinal; who is not in it waits."""
    last: dict[int, Entry] = {}
    with connection.cursor() as cursor:
        cursor.execute(_PAGES, [root_id])
        for at, first, end, accepted, entries, reasons in cursor.fetchall():
            page = Packed(at, first, end, bytes(accepted), bytes(entries), reasons)
            last |= {entry.ordinal: entry for entry in unpack(page) if entry.outcome is not Outcome.DEFERRED}
    return last


def _ordinals(root_id: int, what: str, bits: bytes | None) -> list[int]:
    entries = entries_of(root_id)
    if what == MISSED:
        # Who is held out stays so: with them what the message changed is measured.
        return [
            ordinal
            for ordinal, entry in entries.items()
            if entry.outcome in _MISSED and entry.reason != Skip.HOLD_OUT.value
        ]
    ends = {ordinal: entry.outcome for ordinal, entry in entries.items()}
    with connection.cursor() as cursor:
        cursor.execute(_REPORTED, [root_id, _KINDS[what]])
        said = {ordinal for (ordinal,) in cursor.fetchall()}
    return [
        ordinal
        for ordinal, outcome in ends.items()
        if outcome is Outcome.ACCEPTED and ordinal not in said and not has_bit(bits, ordinal)
    ]
