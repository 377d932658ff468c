"""Steer a send that is under way: pause, resume, cancel, change its speed.

Workers hear of it by a notice and stop before their next request; what is in flight is still written down. Lock
order, as in delivery: Send, SendIndex, Batch, DueWork.
"""

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from campaigns.actions.errors import CampaignRefused
from campaigns.delivery.ab import LETTERS, crown, weigh
from campaigns.delivery.pacing import spread_rate
from campaigns.delivery.rest import all_due, release
from campaigns.models import Send
from tenants.actions import audit
from tenants.actions.sending import check_rate, lock_pause, set_pace
from tenants.control import announce
from tenants.models import DueWork, SendIndex, Tenant, User

LONGEST_SPREAD_MINUTES = 1440


@transaction.atomic
def pause(*, actor: User, tenant: Tenant, send: Send) -> None:
    """Stop a running send before its next request; raises CampaignRefused if it is not running."""
    was = _move(send, tenant, (Send.State.RUNNING,), Send.State.PAUSED, f"Paused by {actor.email}.")
    DueWork.objects.filter(tenant_id=tenant.pk, send_id=send.pk).update(is_held=True)
    _record("send.pause", actor, tenant, send, (was, Send.State.PAUSED))
    announce()


@transaction.atomic
def resume(*, actor: User, tenant: Tenant, send: Send) -> None:
    """Let a paused send go on where it was; raises CampaignRefused if it is not paused."""
    was = _move(send, tenant, (Send.State.PAUSED,), Send.State.RUNNING, "")
    is_held = lock_pause(tenant.pk)
    row = Send.objects.get(pk=send.pk)
    if row.ab.get("state") == "ask":
        raise CampaignRefused("Choose which version the rest gets; then it goes on.")
    if row.canary.get("state") == "ask":
        # The few were looked at; this is the answer about the rest.
        Send.objects.filter(pk=send.pk).update(canary={**row.canary, "state": "went"})
        release(tenant.pk, row, timezone.now())
    _wake(tenant, send, is_held)
    _record("send.resume", actor, tenant, send, (was, Send.State.RUNNING))


def _wake(tenant: Tenant, send: Send, is_held: bool) -> None:
    DueWork.objects.filter(tenant_id=tenant.pk, send_id=send.pk).update(is_held=is_held, due_at=Now())
    async_task("campaigns.tasks.deliver")
    announce()


@transaction.atomic
def choose_version(*, actor: User, tenant: Tenant, send: Send, version: str) -> None:
    """Give the rest of an A/B test this version ("B") now, also before its time is over.

    Raises CampaignRefused if no test of the send waits for that.
    """
    row = Send.objects.select_for_update().get(pk=send.pk)
    is_paused = row.state == Send.State.PAUSED and row.ab.get("state") == "ask"
    if not is_paused and (row.state != Send.State.RUNNING or row.ab.get("state") != "out"):
        raise CampaignRefused("The rest of this send waits for no choice, so nothing was changed.")
    variants = {letter: number for number, letter in enumerate(LETTERS[: len(row.content)])}
    if version not in variants:
        raise CampaignRefused(f"There is no version “{version[:20]}” of it. Choose one of the list.")
    is_held = lock_pause(tenant.pk)
    weigh(row)
    crown(tenant.pk, row, variants[version], timezone.now(), f"{actor.email} chose {version}.")
    if is_paused:
        _move(send, tenant, (Send.State.PAUSED,), Send.State.RUNNING, "")
    _wake(tenant, send, is_held)
    audit.record("send.choose", actor=actor, tenant_id=tenant.pk, target=f"send {send.pk}", version=version)


@transaction.atomic
def cancel(*, actor: User, tenant: Tenant, send: Send) -> None:
    """End a send for good; a worker then writes down who was not reached. Raises CampaignRefused if it has ended."""
    going = (Send.State.PREPARING, Send.State.RUNNING, Send.State.PAUSED)
    was = _move(send, tenant, going, Send.State.CANCELLED, f"Cancelled by {actor.email}.")
    lock_pause(tenant.pk)  # a pause that is under way would hold it for ever
    if was == Send.State.PREPARING:
        # Nobody is in its audience yet.
        Send.objects.filter(pk=send.pk).update(finished_at=Now())
        SendIndex.objects.filter(tenant_id=tenant.pk, send_id=send.pk).update(finished_at=Now())
        DueWork.objects.filter(tenant_id=tenant.pk, send_id=send.pk).delete()
    else:
        all_due(send)
        DueWork.objects.filter(tenant_id=tenant.pk, send_id=send.pk).update(is_held=False, due_at=Now())
        async_task("campaigns.tasks.deliver")
    _record("send.cancel", actor, tenant, send, (was, Send.State.CANCELLED))
    announce()


def _record(action: str, actor: User, tenant: Tenant, send: Send, states: tuple[str, str]) -> None:
    audit.record(
        action, actor=actor, tenant_id=tenant.pk, target=f"send {send.pk}",
        before={"state": states[0]}, after={"state": states[1]},
    )  # fmt: skip


def _move(send: Send, tenant: Tenant, known: tuple[str, ...], state: str, detail: str) -> str:
    """Change the state if it is one of `known`; answer which it was. Raises CampaignRefused."""
    row = Send.objects.select_for_update().only("state").get(pk=send.pk)
    if row.state not in known:
        raise CampaignRefused(f"This send is {row.get_state_display().lower()} now, so that cannot be done.")
    Send.objects.filter(pk=send.pk).update(state=state, state_detail=detail)
    SendIndex.objects.filter(tenant_id=tenant.pk, send_id=send.pk).update(state=state)
    return str(row.state)


@transaction.atomic
def set_send_rate(
    *,
    actor: User,
    tenant: Tenant,
    send: Send,
    per_minute: int | None = None,
    spread_minutes: int | None = None,
) -> None:
    """Change how fast a send goes on: a rate, what is left over so many minutes, or (neither) as fast as possible.

    Raises RateRefused, and CampaignRefused if it has ended.
    """
    check_rate(per_minute)
    check_spread(spread_minutes)
    row = Send.objects.select_for_update().get(pk=send.pk)
    if row.finished_at or row.state == Send.State.CANCELLED:
        raise CampaignRefused("This send has ended, so its speed cannot be changed.")
    Send.objects.filter(pk=send.pk).update(rate_per_minute=per_minute, spread_minutes=spread_minutes)
    rate: float | None = per_minute
    if spread_minutes and row.launched_at:
        rate = spread_rate(left_of(row), spread_minutes)
    set_pace(f"send:{tenant.pk}:{send.pk}", tenant.pk, rate)
    audit.record(
        "send.rate", actor=actor, tenant_id=tenant.pk, target=f"send {send.pk}",
        before={"per_minute": row.rate_per_minute, "spread_minutes": row.spread_minutes},
        after={"per_minute": per_minute, "spread_minutes": spread_minutes},
    )  # fmt: skip


def check_spread(minutes: int | None) -> None:
    """Refuse what is not from 1 to LONGEST_SPREAD_MINUTES."""
    if minutes is not None and not 1 <= minutes <= LONGEST_SPREAD_MINUTES:
        raise CampaignRefused(
            f"A send cannot be spread over {minutes:,} minutes: give 1 to {LONGEST_SPREAD_MINUTES:,}."
        )


def left_of(send: Send) -> int:
    """Count the recipients that have no end yet."""
    return send.audience - (
        send.accepted + send.gone + send.failed + send.expired + send.skipped + send.cancelled
    )
