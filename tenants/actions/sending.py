"""Stop and go of a tenant's whole sending, and how fast it is."""

from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django_q.tasks import async_task

from tenants.actions import audit
from tenants.actions.alerts import close_alert, raise_alert
from tenants.actions.notices import tell, who_may
from tenants.control import announce
from tenants.models import Alert, DueWork, Pace, Role, SendIndex, Tenant, User

# Messages a minute.
SLOWEST, FASTEST = 1, 10_000_000
GUARDS = ("runaway", "key_refused", "paused", "restored", "held")
# The open alert of this kind, of no workspace, is the switch that stops all sending.
STOPPED = "everything_stopped"


class RateRefused(ValueError):
    """A rate that cannot be set; the text says which are."""


class SendingHeld(ValueError):
    """Sending was stopped by somebody who alone can let it go on; the text says who."""


def check_rate(per_minute: int | None) -> None:
    """Refuse what is not from SLOWEST to FASTEST; None is as fast as it goes."""
    if per_minute is not None and not SLOWEST <= per_minute <= FASTEST:
        raise RateRefused(
            f"{per_minute:,} messages a minute cannot be set: give {SLOWEST} to {FASTEST:,}, "
            "or nothing for as fast as possible."
        )


_SET_PACE = """
INSERT INTO tenants_pace (key, tenant_id, per_minute, next_at) VALUES (%s, %s, %s, clock_timestamp())
ON CONFLICT (key) DO UPDATE SET per_minute = excluded.per_minute,
    next_at = least(tenants_pace.next_at, clock_timestamp() + make_interval(secs => 60.0 / excluded.per_minute))
"""


def set_pace(key: str, tenant_id: int, per_minute: float | None) -> None:
    """Write the rate that workers share, or take it away, and tell them. Call in the verb's transaction."""
    if per_minute is None:
        Pace.objects.filter(key=key).delete()
    else:
        with connection.cursor() as cursor:
            cursor.execute(_SET_PACE, [key, tenant_id, per_minute])
    # What waits for its turn at the old rate should look again.
    DueWork.objects.filter(tenant_id=tenant_id, is_held=False, due_at__gt=Now()).update(due_at=Now())
    announce()


@transaction.atomic
def set_tenant_rate(*, actor: User, tenant: Tenant, per_minute: int | None) -> None:
    """Limit what all websites of the tenant send together; raises RateRefused."""
    check_rate(per_minute)
    before = Tenant.objects.select_for_update().values_list("rate_per_minute", flat=True).get(pk=tenant.pk)
    Tenant.objects.filter(pk=tenant.pk).update(rate_per_minute=per_minute)
    set_pace(f"tenant:{tenant.pk}", tenant.pk, per_minute)
    audit.record(
        "workspace.rate", actor=actor, tenant_id=tenant.pk,
        before={"per_minute": before}, after={"per_minute": per_minute},
    )  # fmt: skip


@transaction.atomic
def set_needs_approval(*, actor: User, tenant: Tenant, needs_approval: bool) -> None:
    """Say whether a second person must approve what is sent; what waits for approval already goes on waiting."""
    changed = Tenant.objects.filter(pk=tenant.pk).exclude(needs_approval=needs_approval)
    if changed.update(needs_approval=needs_approval):
        audit.record(
            "workspace.approval", actor=actor, tenant_id=tenant.pk,
            before={"needs_approval": not needs_approval}, after={"needs_approval": needs_approval},
        )  # fmt: skip


@transaction.atomic
def pause_sending(*, actor: User | None, tenant_id: int, why: str, kind: str) -> bool:
    """Hold every send of the tenant and tell it and the staff; False if it was paused already.

    Sends keep their own state: what a person paused stays paused after `resume_sending`.
    """
    if lock_pause(tenant_id):
        return False
    hold([tenant_id], why)
    raise_alert(kind, tenant_id, why)
    audit.record("workspace.pause_sending", actor=actor, tenant_id=tenant_id, why=why, kind=kind)
    tell_admins(tenant_id, f"All sending is paused. {why}")
    return True


@transaction.atomic
def keep_paused(*, actor: User | None, tenant_id: int, why: str, kind: str) -> None:
    """Have what is paused already wait for a person for this reason too, and tell who may resume it.

    A pause that ends with a suspension or a stop of everything becomes the workspace's own, which outlasts that.
    """
    by = Tenant.objects.select_for_update().values_list("sending_paused_by", flat=True).get(pk=tenant_id)
    if by in (Tenant.PausedBy.EVERYWHERE, Tenant.PausedBy.SUSPENSION):
        hold([tenant_id], why)
        raise_alert(kind, tenant_id, why)
        audit.record("workspace.pause_sending", actor=actor, tenant_id=tenant_id, why=why, kind=kind)
    tell_admins(tenant_id, f"All sending is paused. {why}")


@transaction.atomic
def resume_sending(*, actor: User, tenant: Tenant, is_support: bool = False, why: str = "") -> bool:
    """Let the tenant's sends go on, except those that a person paused; False if it was not paused.

    Raises SendingHeld where support, a suspension or a stop of everything holds it: support lets go of its own alone.
    """
    row = Tenant.objects.select_for_update().get(pk=tenant.pk)
    if row.sending_paused_at is None:
        return False
    if row.sending_paused_by == Tenant.PausedBy.SUPPORT and not is_support:
        raise SendingHeld("Support stopped the sending of this workspace. Ask them to let it go on.")
    if row.state == Tenant.State.SUSPENDED:
        raise SendingHeld("The workspace is suspended. Its sending goes on when it is opened again.")
    if stop_of_everything():
        raise SendingHeld("All sending of this installation is stopped. It goes on when support ends that.")
    let_go([tenant.pk])
    for kind in GUARDS:
        close_alert(actor=actor, kind=kind, tenant_id=tenant.pk)
    said: dict[str, Any] = {"why": why} if why else {}
    audit.record("workspace.resume_sending", actor=actor, tenant_id=tenant.pk, **said)
    return True


def lock_pause(tenant_id: int) -> bool:
    """Answer whether the tenant's due work is to be held, and let nobody change that before the transaction ends.

    Without the lock, work that is made while somebody pauses would miss the pause. Call it before rows of due work are
    changed: who pauses locks in this order too.
    """
    rows = Tenant.objects.select_for_update(no_key=True).values_list("sending_paused_at", flat=True)
    return rows.get(pk=tenant_id) is not None


def stop_of_everything() -> Alert | None:
    """The open stop of all sending, with its reason; None if sending is not stopped."""
    return Alert.objects.filter(kind=STOPPED, tenant_id=None, closed_at=None).first()


def hold(tenant_ids: list[int], why: str, by: str = "") -> None:
    """Mark tenants as paused and hold what they send. Call in the verb's transaction, with their rows locked.

    A cancelled send is not held: its rest is still to be written down.
    """
    Tenant.objects.filter(pk__in=tenant_ids).update(
        sending_paused_at=Now(), sending_paused_why=why[:300], sending_paused_by=by
    )
    cancelled = SendIndex.objects.filter(
        tenant_id=OuterRef("tenant_id"), send_id=OuterRef("send_id"), state="cancelled"
    )
    DueWork.objects.filter(~Exists(cancelled), tenant_id__in=tenant_ids).update(is_held=True)
    announce()


def let_go(tenant_ids: list[int]) -> None:
    """Take the pause of these tenants away and ring for what they have. Call in the verb's transaction."""
    Tenant.objects.filter(pk__in=tenant_ids).update(
        sending_paused_at=None, sending_paused_why="", sending_paused_by=""
    )
    going = SendIndex.objects.filter(
        tenant_id=OuterRef("tenant_id"),
        send_id=OuterRef("send_id"),
        state__in=("running", "preparing", "scheduled"),
    )
    DueWork.objects.filter(Exists(going), tenant_id__in=tenant_ids).update(is_held=False, due_at=Now())
    async_task("campaigns.tasks.deliver")
    announce()


def tell_admins(tenant_id: int, text: str) -> None:
    """Tell who runs the workspace what became of its sending."""
    admins = who_may(tenant_id, Role.ADMIN, site_id=None)
    tell(tenant_id, admins, site_id=None, kind="paused", text=text, path="/")
