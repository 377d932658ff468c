"""What became of every recipient of a send, a root batch at a time: for a file."""

from typing import Any

from django.db import connection

from campaigns.delivery.ledger import Packed, unpack
from campaigns.delivery.outcomes import Outcome
from campaigns.models import Receipt
from campaigns.reasons import reason_in_words
from campaigns.resend_audience import has_bit

HEAD = ("subscriber", "external_id", "outcome", "reason", "attempts", "displayed", "clicked")
_ROOT = """
SELECT id, ids, displayed, clicked FROM campaigns_batch WHERE send_id = %s AND root_id IS NULL AND id > %s
ORDER BY id LIMIT 1
"""
_PAGES = """
SELECT at, first, last, accepted, entries, reasons FROM campaigns_ledgerpage WHERE root_id = %s ORDER BY at, id
"""
_REPORTED = "SELECT kind, ordinal FROM campaigns_receipt WHERE batch_id = %s"
_NAMES = "SELECT id, external_id FROM subscribers_subscriber WHERE id = ANY(%s) AND external_id <> ''"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rows(send_id: int, after: int) -> tuple[int, list[tuple[Any, ...]]]:
    """Answer the next root batch's id and its rows (HEAD); 0 after the last."""
    with connection.cursor() as cursor:
        cursor.execute(_ROOT, [send_id, after])
        root = cursor.fetchone()
        if root is None:
            return 0, []
        pk, ids, displayed, clicked = root
        ends: dict[int, tuple[str, str, int]] = {}
        cursor.execute(_PAGES, [pk])
        for at, first, last, accepted, entries, reasons in cursor.fetchall():
            for entry in unpack(Packed(at, first, last, bytes(accepted), bytes(entries), reasons)):
                if entry.outcome is not Outcome.DEFERRED:
                    name = entry.outcome.name.lower()
                    ends[entry.ordinal] = (name, _said(name, entry.reason), entry.attempts)
        cursor.execute(_REPORTED, [pk])
        said = set(cursor.fetchall())
        cursor.execute(_NAMES, [ids])
        names = dict(cursor.fetchall())

    def is_told(kind: int, bits: bytes | None, place: int) -> str:
        return "yes" if (kind, place) in said or has_bit(bits, place) else ""

    return pk, [
        (
            subscriber,
            _safe(names.get(subscriber, "")),
            *ends.get(place, ("waiting", "", 0)),
            is_told(Receipt.Kind.DISPLAYED, displayed, place),
            is_told(Receipt.Kind.CLICKED, clicked, place),
        )
        for place, subscriber in enumerate(ids)
    ]


def _said(outcome: str, reason: str) -> str:
    return reason_in_words(outcome, reason).words if reason else ""


def _safe(text: str) -> str:
    """OWASP's list of what begins a formula in a spreadsheet."""
    return f"'{text}" if text.startswith(_FORMULA) else text
