"""Launch, the worker's half: freeze the audience into batches, once."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django_q.tasks import async_task

from campaigns.actions.schedule import go_on
from campaigns.delivery.canary import FAR
from campaigns.delivery.guards import stop_runaway
from campaigns.delivery.pacing import spread_rate
from campaigns.delivery.record import finish
from campaigns.delivery.work import Work
from campaigns.models import Send
from campaigns.resend_audience import resend_ids
from campaigns.timing import slots
from subscribers.audience import LIVE, ROOM
from subscribers.rules.sql import Sql
from subscribers.segment_users import where_taken_down
from tenants.actions.sending import set_pace
from tenants.models import DueWork, SendIndex

MOST_BELLS = 7

CHOSEN = "person.site_id = %s AND person.state = 'active' AND person.id = ANY(%s)"
STILL = f"{LIVE} AND person.id = ANY(%s)"

# One INSERT makes all batches from one reading of the audience, so no id can be in two of them (RE-03).
_FREEZE = """
INSERT INTO campaigns_batch (send_id, number, attempt, ids, size, first_id, last_id, zone, state, due_at, cursor, fence,
    holder)
SELECT %s, slice, 1, array_agg(id ORDER BY id), count(*), min(id), max(id), '', 'open', now(), 0, 0, ''
FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS slice
      FROM subscribers_subscriber person WHERE {where}) audience
GROUP BY slice
RETURNING size
"""

# A few first: drawn by hash, so ids do not decide; the rest (wave 1) waits until the few were looked at.
_FREEZE_CANARY = """
INSERT INTO campaigns_batch (send_id, number, attempt, ids, size, first_id, last_id, zone, state, due_at, cursor, fence,
    holder, wave)
SELECT %s, row_number() OVER (ORDER BY wave, slice) - 1, 1, array_agg(id ORDER BY id), count(*), min(id), max(id), '',
    'open', now() + CASE wave WHEN 1 THEN %s::interval ELSE '0' END, 0, 0, '', wave
FROM (SELECT id, wave, (row_number() OVER (PARTITION BY wave ORDER BY id) - 1) / %s AS slice
      FROM (SELECT id, CASE WHEN (hashint8extended(id, %s) & 1048575) < %s THEN 0 ELSE 1 END AS wave
            FROM subscribers_subscriber person WHERE {where}) drawn) audience
GROUP BY wave, slice
RETURNING size
"""
_DRAWN_OF = 1_048_576

# By each subscriber's own clock: zones with the same instant and offset share batches. Who has no zone that is known
# goes with the website's. An instant that is null is never: those are counted instead (_LEFT_OUT).
_SLOTS = "unnest(%s::text[], %s::timestamptz[], %s::text[]) AS slot(zone, at, label)"
_FREEZE_LOCAL = f"""
INSERT INTO campaigns_batch (send_id, number, attempt, ids, size, first_id, last_id, zone, state, due_at, cursor, fence,
    holder, expires_at)
SELECT %s, row_number() OVER (ORDER BY at, label, slice) - 1, 1, array_agg(id ORDER BY id), count(*), min(id), max(id),
    label, 'open', at, 0, 0, '', at + make_interval(secs => %s)
FROM (SELECT id, at, label, (row_number() OVER (PARTITION BY at, label ORDER BY id) - 1) / %s AS slice
      FROM (SELECT person.id, CASE WHEN slot.zone IS NULL THEN %s ELSE slot.at END AS at,
                coalesce(slot.label, %s) AS label
            FROM subscribers_subscriber person LEFT JOIN {_SLOTS} ON slot.zone = person.time_zone
            WHERE {{where}}) timed WHERE at IS NOT NULL) audience
GROUP BY at, label, slice
RETURNING size, due_at
"""  # noqa: S608
_LEFT_OUT = f"""
SELECT label, count(*) FROM (
    SELECT CASE WHEN slot.zone IS NULL THEN %s ELSE slot.at END AS at, coalesce(slot.label, %s) AS label
    FROM subscribers_subscriber person LEFT JOIN {_SLOTS} ON slot.zone = person.time_zone WHERE {{where}}) timed
WHERE at IS NULL GROUP BY label
"""  # noqa: S608


@transaction.atomic
def freeze(work: Work) -> bool:
    """Turn a send that is being prepared into batches and set it running; False if there was nothing to do.

    The lock is skipped, not waited for: one worker freezes, the others look again in a moment. If that worker dies
    the lock is gone with it and the next one starts afresh.
    """
    send = (
        Send.objects.select_for_update(skip_locked=True)
        .filter(pk=work.send_id, state__in=(Send.State.PREPARING, Send.State.SCHEDULED), due_at__lte=Now())
        .annotate(now=Now())
        .first()
    )
    if send is None:
        return False
    now = send.now  # the database's, as workers on several hosts need one clock
    sizes = _make_batches(send)
    send.state = Send.State.RUNNING
    send.launched_at = now
    send.save(update_fields=["state", "rule_sql", "audience", "launched_at", "expires_at", "timing"])
    SendIndex.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).update(
        state=send.state, audience=send.audience, launched_at=now
    )
    DueWork.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).update(due_at=now)
    go_on(work.tenant_id, send, now)
    # This worker goes on with one batch; the others are for whoever is idle. A bell too many costs a look.
    for _ in sizes[1 : MOST_BELLS + 1]:
        async_task("campaigns.tasks.deliver")
    if send.audience:
        _guard(work, send)
    else:
        finish(work, send, now, "Nobody was subscribed when it started.")
    return True


def _make_batches(send: Any) -> list[int]:
    """Store the audience in batches; answer their sizes."""
    meant = audience_sql(send)
    with connection.cursor() as cursor:
        cursor.execute(ROOM)
        if send.timing:
            sizes, last = _batches_by_zone(cursor, send, meant)
        elif send.canary:
            drawn = round(send.canary["percent"] / 100 * _DRAWN_OF)
            values = [send.pk, FAR, settings.BATCH_SIZE, send.seed, drawn, *meant.values]
            cursor.execute(_FREEZE_CANARY.format(where=meant.text), values)
            sizes, last = [size for (size,) in cursor.fetchall()], send.now
        else:
            cursor.execute(_FREEZE.format(where=meant.text), [send.pk, settings.BATCH_SIZE, *meant.values])
            sizes, last = [size for (size,) in cursor.fetchall()], send.now
    send.expires_at = last + timedelta(seconds=send.ttl)
    # Of people who were named one by one the list is in the rule already.
    send.rule_sql = meant.shown() if "rules" in send.rule else meant.text
    send.audience = sum(sizes)
    return sizes


def _batches_by_zone(cursor: Any, send: Any, meant: Sql) -> tuple[list[int], datetime]:
    """Store batches that are due by each subscriber's own clock; answer their sizes and when the last are due."""
    wall = datetime.fromisoformat(send.timing["local"])
    times = slots(wall, send.now, send.timing["past"])
    columns = [[slot.zone for slot in times], [slot.at for slot in times], [slot.offset for slot in times]]
    [other] = slots(wall, send.now, send.timing["past"], [send.timing["zone"]])
    known = [other.at, other.offset, *columns, *meant.values]
    cursor.execute(_FREEZE_LOCAL.format(where=meant.text), [send.pk, send.ttl, settings.BATCH_SIZE, *known])
    made = cursor.fetchall()
    if any(slot.at is None for slot in times):
        cursor.execute(_LEFT_OUT.format(where=meant.text), known)
        send.timing = {**send.timing, "left_out": dict(cursor.fetchall())}
    return [size for size, _ in made], max((at for _, at in made), default=send.now)


def _guard(work: Work, send: Send) -> None:
    """Set the pace of a send that is spread, and stop one that is too much."""
    if send.spread_minutes:
        rate = spread_rate(send.audience, send.spread_minutes)
        set_pace(f"send:{work.tenant_id}:{send.pk}", work.tenant_id, rate)
    stop_runaway(work, send)


def audience_sql(send: Any) -> Sql:
    """Compile the send's rule to a WHERE clause over `subscribers_subscriber person`, for the moment of its launch."""
    if send.rule.get("everyone"):
        return Sql(LIVE, (send.site_id,))
    if "rules" in send.rule:
        return where_taken_down(send.site_id, send.rule["segment"], send.rule["rules"], send.now)
    if "resend_of" in send.rule:
        return Sql(STILL, (send.site_id, resend_ids(send.rule["resend_of"], send.rule["what"])))
    return Sql(CHOSEN, (send.site_id, list(send.rule["subscribers"])))
