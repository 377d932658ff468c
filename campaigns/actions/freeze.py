"""Launch, the worker's half: freeze the audience into batches, once."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django_q.tasks import async_task

from campaigns.actions.freeze_sql import Audience, Made
from campaigns.actions.schedule import go_on
from campaigns.delivery.guards import stop_runaway
from campaigns.delivery.pacing import spread_rate
from campaigns.delivery.record import finish
from campaigns.delivery.work import Work
from campaigns.models import WAVE_REST, Send, SendStat
from campaigns.resend_audience import resend_ids
from subscribers.audience import LIVE, ROOM
from subscribers.rules.sql import Sql
from subscribers.segment_users import where_taken_down
from tenants.actions.sending import lock_pause, set_pace
from tenants.models import DueWork, SendIndex

MOST_BELLS = 7

CHOSEN = "person.site_id = %s AND person.state = 'active' AND person.id = ANY(%s)"
STILL = f"{LIVE} AND person.id = ANY(%s)"


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
    lock_pause(work.tenant_id)  # what comes may make due work, or pause
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
    audience = Audience(send, meant, settings.BATCH_SIZE)
    made = audience.store()
    if send.timing.get("past") == "skip":
        send.timing = {**send.timing, "left_out": audience.left_out()}
    last = max([send.now, *(one.due_at for one in made if one.wave != WAVE_REST)])
    send.expires_at = last + timedelta(seconds=send.ttl)
    # Of people who were named one by one the list is in the rule already.
    send.rule_sql = meant.shown() if "rules" in send.rule else meant.text
    send.audience = sum(one.size for one in made)
    _begin_stats(send, made)
    return [one.size for one in made]


def _begin_stats(send: Send, made: Sequence[Made]) -> None:
    """Make the rows in which the figures of each variant are counted."""
    people: Counter[tuple[int, int]] = Counter()
    for one in made:
        if one.variant is not None:
            people[one.wave, one.variant] += one.size
    SendStat.objects.bulk_create(
        SendStat(send=send, wave=wave, variant=variant, audience=number)
        for (wave, variant), number in sorted(people.items())
    )


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
