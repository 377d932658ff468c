"""Guards that stop a tenant's sending: sends that run away, and a key that push services refuse."""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import Now

from campaigns.delivery.outcomes import Answer
from campaigns.delivery.throttles import Source
from campaigns.delivery.work import Work
from campaigns.models import Send
from subscribers.models import Subscriber
from tenants.actions.alerts import raise_alert
from tenants.actions.sending import pause_sending
from tenants.models import SendIndex

log = logging.getLogger(__name__)

# Checklist RL-09's kin: a loop that launches again and again is stopped, a small audience's enthusiasm is not.
RUNAWAY_TIMES, RUNAWAY_LEAST = 10, 1000
# Push services that end many more subscriptions than usual: their mistake or ours, and nothing that can be undone.
GONE_TIMES, GONE_LEAST, GONE_DAYS = 5, 100, 7


def stop_runaway(work: Work, send: Send) -> bool:
    """Pause the tenant if its sends of the last minutes, with this one, reach ten times its audience.

    Call inside the tenant, in the transaction that froze the audience: the one that is too much sends nothing. Test
    sends do not count.
    """
    if send.kind == Send.Kind.TEST:
        return False
    since = Now() - timedelta(seconds=settings.RUNAWAY_SECONDS)
    recent = SendIndex.objects.filter(tenant_id=work.tenant_id, launched_at__gte=since)
    recent = recent.exclude(kind=Send.Kind.TEST)
    total = recent.aggregate(total=Sum("audience"))["total"] or 0
    if total <= RUNAWAY_LEAST:
        return False
    audience = Subscriber.objects.filter(state=Subscriber.State.ACTIVE, is_test=False).count()
    if total < RUNAWAY_TIMES * audience:
        return False
    minutes = round(settings.RUNAWAY_SECONDS / 60)
    return pause_sending(
        actor=None,
        tenant_id=work.tenant_id,
        kind="runaway",
        why=(
            f"{recent.count()} campaigns to {total:,} recipients were started within {minutes} minutes, "
            f"{RUNAWAY_TIMES} times your {audience:,} subscribers. We stopped so that nobody is flooded. "
            "Cancel what should not go out, then resume sending."
        ),
    )


def refuse_key(source: Source) -> None:
    """Pause the tenant whose key a push service refuses for more than a fifth of requests."""
    host = source.origin.removeprefix("https://")
    log.error("push key_refused tenant=%s host=%s", source.tenant_id, host)
    pause_sending(
        actor=None,
        tenant_id=source.tenant_id,
        kind="key_refused",
        why=(
            f"{host} refuses the key of your website for many subscribers. We stopped so that no subscription is "
            "lost. Tell support; nothing needs to be sent again by hand."
        ),
    )


def watch_gone(work: Work, send: Send) -> None:
    """Open an alert if far more subscriptions ended with this send than with those of the week before."""
    if send.gone < GONE_LEAST or send.kind == Send.Kind.TEST:
        return
    week = SendIndex.objects.filter(
        tenant_id=work.tenant_id, finished_at__gte=Now() - timedelta(days=GONE_DAYS)
    )
    past = week.exclude(send_id=send.pk).exclude(kind=Send.Kind.TEST)
    sums = past.aggregate(gone=Sum("gone"), audience=Sum("audience"))
    gone, audience = sums["gone"] or 0, sums["audience"] or 0
    if not audience or send.gone * audience <= GONE_TIMES * gone * send.audience:
        return
    raise_alert(
        "gone_many",
        work.tenant_id,
        f"Send {send.pk} of {work.schema_name}: {send.gone / send.audience:.1%} of subscriptions have ended, "
        f"{gone / audience:.1%} in the {GONE_DAYS} days before. See which push service says so and why.",
        send_id=send.pk,
    )


def tell_staff(work: Work, answers: Iterable[Answer]) -> set[Answer]:
    """Open an alert for each answer that is most likely a mistake of ours; answer those that are left: none."""
    for answer in answers:
        raise_alert(
            f"push_{answer.label}",
            work.tenant_id,
            f"Send {work.send_id} of {work.schema_name}: {answer.words}.",
            send_id=work.send_id,
        )
    return set()
