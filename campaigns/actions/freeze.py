"""Launch, the worker's half: freeze the audience into batches, once."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django_q.tasks import async_task

from campaigns.delivery.guards import stop_runaway
from campaigns.delivery.pacing import spread_rate
from campaigns.delivery.record import finish
from campaigns.delivery.work import Work
from campaigns.models import Send
from campaigns.resend_audience import resend_ids
from tenants.actions.sending import set_pace
from tenants.models import DueWork, SendIndex

MOST_BELLS = 7

EVERYONE = "site_id = %s AND state = 'active' AND NOT is_test"
CHOSEN = "site_id = %s AND state = 'active' AND id = ANY(%s)"
STILL = "site_id = %s AND state = 'active' AND NOT is_test AND id = ANY(%s)"

# One INSERT makes all batches from one reading of the audience, so no id can be in two of them (RE-03).
_FREEZE = """
INSERT INTO campaigns_batch (send_id, number, attempt, ids, size, first_id, last_id, zone, state, due_at, cursor, fence,
    holder)
SELECT %s, slice, 1, array_agg(id ORDER BY id), count(*), min(id), max(id), '', 'open', now(), 0, 0, ''
FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS slice
      FROM subscribers_subscriber WHERE {where}) audience
GROUP BY slice
RETURNING size
"""


@transaction.atomic
def freeze(work: Work) -> bool:
    """Turn a send that is being prepared into batches and set it running; False if there was nothing to do.

    The lock is skipped, not waited for: one worker freezes, the others look again in a moment. If that worker dies
    the lock is gone with it and the next one starts afresh.
    """
    send = (
        Send.objects.select_for_update(skip_locked=True)
        .filter(pk=work.send_id, state=Send.State.PREPARING)
        .annotate(now=Now())
        .first()
    )
    if send is None:
        return False
    sizes = _make_batches(send)
    now = send.now  # the database's, as workers on several hosts need one clock
    send.state = Send.State.RUNNING
    send.launched_at = now
    send.expires_at = now + timedelta(seconds=send.ttl)
    send.save(update_fields=["state", "rule_sql", "audience", "launched_at", "expires_at"])
    SendIndex.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).update(
        state=send.state, audience=send.audience, launched_at=now
    )
    DueWork.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).update(due_at=now)
    # This worker goes on with one batch; the others are for whoever is idle. A bell too many costs a look.
    for _ in sizes[1 : MOST_BELLS + 1]:
        async_task("campaigns.tasks.deliver")
    if send.audience:
        _guard(work, send)
    else:
        finish(work, send, now, "Nobody was subscribed when it started.")
    return True


def _make_batches(send: Send) -> list[int]:
    """Store the audience in batches; answer their sizes."""
    where, values = audience_sql(send)
    with connection.cursor() as cursor:
        cursor.execute(_FREEZE.format(where=where), [send.pk, settings.BATCH_SIZE, *values])
        sizes = [size for (size,) in cursor.fetchall()]
    send.rule_sql, send.audience = where, sum(sizes)
    return sizes


def _guard(work: Work, send: Send) -> None:
    """Set the pace of a send that is spread, and stop one that is too much."""
    if send.spread_minutes:
        rate = spread_rate(send.audience, send.spread_minutes)
        set_pace(f"send:{work.tenant_id}:{send.pk}", work.tenant_id, rate)
    stop_runaway(work, send)


def audience_sql(send: Send) -> tuple[str, list[Any]]:
    """Compile the send's rule to a WHERE clause with parameters."""
    if send.rule.get("everyone"):
        return EVERYONE, [send.site_id]
    if "resend_of" in send.rule:
        return STILL, [send.site_id, resend_ids(send.rule["resend_of"], send.rule["what"])]
    return CHOSEN, [send.site_id, list(send.rule["subscribers"])]
