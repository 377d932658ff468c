"""Count up what subscribers made of the newest campaigns, apart from sending and from the SDK's calls.

A root batch is counted once, when its pages are folded: who was accepted, and who has reported by then. What is
reported later is added by time; adding it twice changes nothing, so each look begins a little before the last one.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction

from campaigns.delivery.batches import packed_of
from campaigns.delivery.ledger import unpack
from campaigns.delivery.outcomes import Outcome
from campaigns.models import Batch, Engagement, LedgerPage, Receipt, Send
from subscribers.actions.profile import was_active
from tenants.models import Tenant

MOST_SENDS = 20
MOST_BATCHES = 20
# Reports are committed long before this is over.
OVERLAP = timedelta(seconds=30)
SLICE = timedelta(minutes=5)
_WINDOW = (1 << MOST_SENDS) - 1

_ADD = """
INSERT INTO campaigns_engagement AS known
    (subscriber_id, received_at, displayed_at, clicked_at, sends, displayed, clicked)
SELECT person.id, %(at)s, given.displayed_at, given.clicked_at, ARRAY[%(send)s::bigint],
    (given.displayed_at IS NOT NULL)::int, (given.clicked_at IS NOT NULL)::int
FROM unnest(%(ids)s::bigint[], %(displayed)s::timestamptz[], %(clicked)s::timestamptz[])
    AS given (id, displayed_at, clicked_at)
JOIN subscribers_subscriber person ON person.id = given.id
ORDER BY person.id
ON CONFLICT (subscriber_id) DO UPDATE SET
    received_at = greatest(known.received_at, excluded.received_at),
    displayed_at = greatest(known.displayed_at, excluded.displayed_at),
    clicked_at = greatest(known.clicked_at, excluded.clicked_at),
    sends = (excluded.sends || known.sends)[1:%(most)s],
    displayed = ((known.displayed << 1) | excluded.displayed) & %(window)s,
    clicked = ((known.clicked << 1) | excluded.clicked) & %(window)s
"""

_TOLD = """
SELECT DISTINCT batch_id FROM campaigns_receipt WHERE at >= %s AND at < %s AND kind IN (1, 2) ORDER BY batch_id
"""

_REPORTS = """
SELECT ordinal, max(at) FILTER (WHERE kind = 1), max(at) FILTER (WHERE kind = 2)
FROM campaigns_receipt WHERE batch_id = %s AND at >= %s AND at < %s AND kind IN (1, 2) GROUP BY ordinal
"""

# The send's place is looked up in the row that is changed: another task may have put a campaign in front meanwhile.
# In parentheses: PostgreSQL reads `a | b << c` as `(a | b) << c`.
_BIT = "(1 << (array_position(known.sends, %(send)s::bigint) - 1))"
_HEAR = f"""
UPDATE campaigns_engagement known SET
    displayed_at = greatest(known.displayed_at, given.displayed_at),
    clicked_at = greatest(known.clicked_at, given.clicked_at),
    displayed = known.displayed | CASE WHEN given.displayed_at IS NULL THEN 0 ELSE {_BIT} END,
    clicked = known.clicked | CASE WHEN given.clicked_at IS NULL THEN 0 ELSE {_BIT} END
FROM unnest(%(ids)s::bigint[], %(displayed)s::timestamptz[], %(clicked)s::timestamptz[])
    AS given (id, displayed_at, clicked_at)
WHERE known.subscriber_id = given.id AND %(send)s::bigint = ANY(known.sends) AND (
    (given.displayed_at IS NOT NULL AND ((known.displayed & {_BIT}) = 0 OR given.displayed_at > known.displayed_at))
    OR (given.clicked_at IS NOT NULL AND ((known.clicked & {_BIT}) = 0 OR given.clicked_at > known.clicked_at)))
"""  # noqa: S608  # nothing of it is given from outside


# Who clicked was there. Each slice of time is looked at once, so that nothing is counted twice.
_CLICKED = """
SELECT batch.ids[receipt.ordinal + 1], max(receipt.at) FROM campaigns_receipt receipt
JOIN campaigns_batch batch ON batch.id = receipt.batch_id
WHERE receipt.at >= %s AND receipt.at < %s AND receipt.kind = 2 GROUP BY 1
"""


class Summary(NamedTuple):
    """How many of a subscriber's newest campaigns were accepted, displayed and clicked."""

    received: int
    displayed: int
    clicked: int


def summary_of(row: Engagement) -> Summary:
    return Summary(len(row.sends), row.displayed.bit_count(), row.clicked.bit_count())


def count_up(tenant: Tenant) -> Iterator[None]:
    """Bring the tenant's Engagement up to date, a bounded step at a time: each yield has more to do behind it.

    Call inside the tenant.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    while _count_batches():
        yield
    yield from _hear(tenant, now)


def _count_batches() -> int:
    """Count some finished batches, each in a transaction of its own; answer how many."""
    folded = LedgerPage.objects.filter(is_folded=True).values("root_id")
    waiting = Batch.objects.filter(root=None, state=Batch.State.DONE, is_counted=False, pk__in=folded)
    return sum(_count_batch(pk) for pk in waiting.order_by("pk").values_list("pk", flat=True)[:MOST_BATCHES])


@transaction.atomic
def _count_batch(pk: int) -> bool:
    batch = Batch.objects.select_for_update(of=("self",), no_key=True).select_related("send").get(pk=pk)
    if batch.is_counted:
        return False
    Batch.objects.filter(pk=pk).update(is_counted=True)
    page = LedgerPage.objects.get(root_id=pk, is_folded=True)
    # A test of one's own browser says nothing about a subscriber.
    if batch.send.kind != Send.Kind.TEST:
        reached = [entry.ordinal for entry in unpack(packed_of(page)) if entry.outcome is Outcome.ACCEPTED]
        _add(batch, page.at, reached)
    return True


def _add(batch: Batch, at: datetime, reached: Sequence[int]) -> None:
    """Put one more campaign in front of those of everybody whom it reached."""
    told: dict[int, dict[int, datetime]] = {}
    for kind, bits in ((Receipt.Kind.DISPLAYED, batch.displayed), (Receipt.Kind.CLICKED, batch.clicked)):
        # What is folded already has lost its time: it was after the send.
        told[kind] = dict.fromkeys(_ordinals(bytes(bits or b"")), at)
    reports = Receipt.objects.filter(batch=batch, kind__in=list(told)).values_list("kind", "ordinal", "at")
    for said, ordinal, moment in reports:
        told[said][ordinal] = moment
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            {
                "at": at,
                "send": batch.send_id,
                "ids": [batch.ids[ordinal] for ordinal in reached],
                "displayed": [told[Receipt.Kind.DISPLAYED].get(ordinal) for ordinal in reached],
                "clicked": [told[Receipt.Kind.CLICKED].get(ordinal) for ordinal in reached],
                "most": MOST_SENDS,
                "window": _WINDOW,
            },
        )


def _ordinals(bits: bytes) -> Iterable[int]:
    """Give the ordinals whose bit is set, the first in the highest bit of the first octet."""
    for place, octet in enumerate(bits):
        for bit in range(8):
            if octet & (0x80 >> bit):
                yield place * 8 + bit


def _hear(tenant: Tenant, now: datetime) -> Iterator[None]:
    """Add what was reported since the last time, a slice at a time; what is not counted yet waits for its batch."""
    since = tenant.engaged_until or now
    while since < now:
        until = min(since + SLICE, now)
        with connection.cursor() as cursor:
            cursor.execute(_TOLD, [since - OVERLAP, until])
            told = [batch_id for (batch_id,) in cursor.fetchall()]
        for batch_id in told:
            _hear_batch(batch_id, since - OVERLAP, until)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_CLICKED, [since, until])
            was_active(dict(cursor.fetchall()))
        Tenant.objects.filter(pk=tenant.pk).update(engaged_until=until)
        since = until
        if since < now:
            yield
    if tenant.engaged_until is None:
        Tenant.objects.filter(pk=tenant.pk).update(engaged_until=now)


def _hear_batch(pk: int, since: datetime, until: datetime) -> None:
    batch = Batch.objects.only("ids", "send_id").filter(pk=pk).first()
    if batch is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(_REPORTS, [pk, since, until])
        reports = sorted((batch.ids[ordinal], *times) for ordinal, *times in cursor.fetchall())
        ids, displayed, clicked = zip(*reports, strict=True) if reports else ((), (), ())
        values = {"ids": list(ids), "displayed": list(displayed), "clicked": list(clicked)}
        cursor.execute(_HEAR, {**values, "send": batch.send_id})
