"""What became of every recipient of a send, a root batch at a time: for a file."""

from typing import Any

from django.db import connection

from campaigns.delivery.ab import LETTERS
from campaigns.delivery.ledger import Entry, has_bit
from campaigns.models import Receipt
from campaigns.reasons import reason_in_words
from campaigns.resend_audience import entries_of
from truepush.lib.spreadsheet import harmless

HEAD = ("subscriber", "external_id", "outcome", "reason", "attempts", "displayed", "clicked", "version")
_ROOT = """
SELECT id, ids, displayed, clicked, variant FROM campaigns_batch WHERE send_id = %s AND root_id IS NULL AND id > %s
ORDER BY id LIMIT 1
"""
_REPORTED = "SELECT kind, ordinal FROM campaigns_receipt WHERE batch_id = %s"
_NAMES = "SELECT id, external_id FROM subscribers_subscriber WHERE id = ANY(%s) AND external_id <> ''"


def rows(send_id: int, after: int) -> tuple[int, list[tuple[Any, ...]]]:
    """Answer the next root batch's id and its rows (HEAD); 0 after the last."""
    with connection.cursor() as cursor:
        cursor.execute(_ROOT, [send_id, after])
        root = cursor.fetchone()
        if root is None:
            return 0, []
        pk, ids, displayed, clicked, variant = root
        cursor.execute(_REPORTED, [pk])
        said = set(cursor.fetchall())
        cursor.execute(_NAMES, [ids])
        names = dict(cursor.fetchall())

    entries = entries_of(pk)

    def is_told(kind: int, bits: bytes | None, place: int) -> str:
        return "yes" if (kind, place) in said or has_bit(bits, place) else ""

    return pk, [
        (
            subscriber,
            harmless(names.get(subscriber, "")),
            *_end(entries.get(place)),
            is_told(Receipt.Kind.DISPLAYED, displayed, place),
            is_told(Receipt.Kind.CLICKED, clicked, place),
            "" if variant is None else LETTERS[variant],
        )
        for place, subscriber in enumerate(ids)
    ]


def _end(entry: Entry | None) -> tuple[str, str, int]:
    if entry is None:
        return "waiting", "", 0
    outcome = entry.outcome.name.lower()
    return outcome, reason_in_words(outcome, entry.reason).words if entry.reason else "", entry.attempts
