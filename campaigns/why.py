"""Why somebody got a message or did not: one query over the frozen audience, the ledger and the receipts.

The closed list: accepted (displayed, clicked, closed), gone, failed, expired, cancelled, skipped (with its reason of
`Skip`), still waiting; and of who was not in the audience: subscribed later, not subscribed any more, another website,
a test device, not meant by the rule. What retention has removed says so.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from campaigns.delivery.ab import LETTERS
from campaigns.delivery.ledger import Packed, entry_at, has_bit
from campaigns.delivery.outcomes import Outcome
from campaigns.delivery.personal import title_of
from campaigns.models import Receipt, Send
from subscribers.models import Subscriber

NEWEST = 50
WAITING = "waiting"
NOT_IN_AUDIENCE = "not in the audience"
NO_LONGER_KEPT = "no longer kept"


@dataclass
class Verdict:
    """What became of one subscriber in one send; `outcome` is a word of the closed list, `why` its deciding reason."""

    send_id: int
    title: str
    kind: str
    launched_at: datetime | None
    outcome: str
    why: str = ""
    at: datetime | None = None
    attempts: int = 0
    status: int = 0
    ttl: int = 0
    is_ambiguous: bool = False
    # Of a send with versions the letter of theirs; empty for who got none.
    version: str = ""
    reports: set[str] = field(default_factory=set)

    @property
    def last_word(self) -> str:
        """The furthest it came: clicked, displayed, or the outcome."""
        return next((word for word in ("clicked", "displayed") if word in self.reports), self.outcome)


# The newest sends of the subscriber's website (or the one that is asked for), the root batch that holds it, its place
# in there, every page of the ledger that covers the place, what was reported, and the child that still waits. Batches
# of a send by local time, or with a few first, overlap in their ids, so the id itself is looked for.
_HISTORY = """
WITH sends AS (
    SELECT id, content, kind, state, rule, launched_at, finished_at, created_at FROM campaigns_send
    WHERE site_id = %(site)s AND (%(send)s::bigint IS NULL OR id = %(send)s)
    ORDER BY id DESC LIMIT %(most)s)
SELECT sends.id, sends.content, sends.kind, sends.state, sends.rule, sends.launched_at, sends.finished_at,
    root.id, root.ordinal, root.reported,
    page.at, page.first, page.last, page.accepted, page.entries, page.reasons,
    (SELECT array_agg(kind) FROM campaigns_receipt WHERE batch_id = root.id AND ordinal = root.ordinal),
    waiting.attempt, waiting.due_at, root.wave, root.variant,
    EXISTS (SELECT FROM campaigns_batch kept WHERE kept.send_id = sends.id)
FROM sends
LEFT JOIN LATERAL (
    SELECT id, array_position(ids, %(subscriber)s) - 1 AS ordinal,
        ARRAY[displayed, clicked, closed] AS reported, wave, variant
    FROM campaigns_batch WHERE send_id = sends.id AND root_id IS NULL
        AND first_id <= %(subscriber)s AND last_id >= %(subscriber)s AND %(subscriber)s = ANY(ids)
    ORDER BY first_id DESC LIMIT 1) root ON true
LEFT JOIN campaigns_ledgerpage page
    ON page.root_id = root.id AND page.first <= root.ordinal AND page.last >= root.ordinal
LEFT JOIN LATERAL (
    SELECT attempt, due_at FROM campaigns_batch
    WHERE root_id = root.id AND state = 'open' AND root.ordinal = ANY(ordinals[cursor + 1 : size]) LIMIT 1
    ) waiting ON true
ORDER BY sends.id DESC, page.at
"""


def verdict_of(subscriber: Subscriber, send_id: int) -> Verdict | None:
    """Say what became of the subscriber in this send; None if it is not a send of its website."""
    found = _verdicts(subscriber, send_id=send_id, most=1)
    return found[0] if found else None


def history(subscriber: Subscriber, most: int = NEWEST) -> list[Verdict]:
    """Say what became of the subscriber in the newest sends of its website, in one query."""
    return _verdicts(subscriber, send_id=None, most=most)


def _verdicts(subscriber: Subscriber, *, send_id: int | None, most: int) -> list[Verdict]:
    values = {"site": subscriber.site_id, "send": send_id, "most": most, "subscriber": subscriber.pk}
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY, values)
        rows = [_Row(*row) for row in cursor.fetchall()]
    return [_judge(subscriber, members) for members in _by_send(rows)]


@dataclass
class _Row:
    send_id: int
    content: Any
    kind: str
    state: str
    rule: Any
    launched_at: datetime | None
    finished_at: datetime | None
    root_id: int | None
    ordinal: int | None
    reported: list[bytes | None] | None
    at: datetime | None
    first: int
    last: int
    accepted: bytes
    entries: bytes
    reasons: list[str]
    receipts: list[int] | None
    attempt: int | None
    due_at: datetime | None
    # 1 for who comes after a few who got it first (campaigns.delivery.canary).
    wave: int | None
    variant: int | None
    is_kept: bool


def _by_send(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    together: dict[int, list[_Row]] = {}
    for row in rows:
        together.setdefault(row.send_id, []).append(row)
    yield from together.values()


def _judge(subscriber: Subscriber, rows: list[_Row]) -> Verdict:
    row = rows[0]
    content = row.content if isinstance(row.content, list) else json.loads(row.content)
    made = Verdict(row.send_id, title_of(content), row.kind, row.launched_at, WAITING)
    if row.variant is not None:
        made.version = LETTERS[row.variant]
        made.title = title_of(content[row.variant :] or content)
    if row.state == Send.State.SCHEDULED:
        made.why = "it is scheduled and has not begun"
    elif row.state == Send.State.PREPARING:
        made.why = "the audience is being frozen"
    elif row.ordinal is None:
        made.outcome, made.why = _outside(subscriber, row)
    else:
        made.reports = _reports(row)
        _read_ledger(made, rows)
    return made


def _read_ledger(made: Verdict, rows: list[_Row]) -> None:
    """Take the last word of the pages that cover the place; a deferral is not the end."""
    made.why = "not sent yet"
    for row in rows:
        if row.at is None or row.ordinal is None:
            continue
        page = Packed(row.at, row.first, row.last, bytes(row.accepted), bytes(row.entries), row.reasons)
        entry = entry_at(page, row.ordinal)
        if entry is None or (made.outcome != WAITING and entry.outcome is Outcome.DEFERRED):
            continue
        made.at = row.at + timedelta(milliseconds=entry.offset_ms)
        made.attempts, made.status, made.ttl = entry.attempts, entry.status, entry.ttl
        made.why, made.is_ambiguous = entry.reason, made.is_ambiguous or entry.is_ambiguous
        if entry.outcome is not Outcome.DEFERRED:
            made.outcome = entry.outcome.name.lower()
    if made.outcome == WAITING and rows[0].due_at is not None:
        made.at = rows[0].due_at
    elif made.outcome == WAITING and rows[0].wave:
        made.why = "not sent yet: a few get it first"


def _reports(row: _Row) -> set[str]:
    """What its browser said: raw receipts, and the bits of those that were folded."""
    found = {Receipt.Kind(kind).name.lower() for kind in row.receipts or []}
    for kind, bits in zip(("displayed", "clicked", "closed"), row.reported or [], strict=False):
        place = row.ordinal or 0
        if has_bit(bits, place):
            found.add(kind)
    return found


def _outside(subscriber: Subscriber, row: _Row) -> tuple[str, str]:
    """Say why somebody was not in the frozen audience."""
    launched = row.launched_at
    if launched and row.finished_at and not row.is_kept:
        return NO_LONGER_KEPT, "what became of each recipient is kept for a while only"
    if subscriber.is_test:
        return NOT_IN_AUDIENCE, "a test device"
    if launched and subscriber.subscribed_at > launched:
        return NOT_IN_AUDIENCE, "subscribed later"
    if launched and subscriber.ended_at and subscriber.ended_at <= launched:
        return NOT_IN_AUDIENCE, f"{subscriber.get_state_display().lower()} before it started"
    return NOT_IN_AUDIENCE, "the rule did not mean this subscriber at launch"
