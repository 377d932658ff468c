"""Stop and go of a tenant's whole sending, and how fast it is."""

from django.db import connection, transaction
from django.db.models.functions import Now
from django_q.tasks import async_task

from tenants.actions import audit
from tenants.actions.alerts import close_alert, raise_alert
from tenants.actions.notices import tell, who_may
from tenants.control import announce
from tenants.models import DueWork, Pace, Role, SendIndex, Tenant, User

# Messages a minute.
SLOWEST, FASTEST = 1, 10_000_000
GUARDS = ("runaway", "key_refused", "paused", "restored")


class RateRefused(ValueError):
    """A rate that cannot be set; the text says which are."""


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

    Sends keep their own state: what a person paused stays paused after `resume_sending`. A cancelled one is not held:
    its rest is still to be written down.
    """
    paused = Tenant.objects.filter(pk=tenant_id, sending_paused_at=None).update(
        sending_paused_at=Now(), sending_paused_why=why[:300]
    )
    if not paused:
        return False
    cancelled = SendIndex.objects.filter(tenant_id=tenant_id, state="cancelled").values("send_id")
    DueWork.objects.filter(tenant_id=tenant_id).exclude(send_id__in=cancelled).update(is_held=True)
    raise_alert(kind, tenant_id, why)
    audit.record("workspace.pause_sending", actor=actor, tenant_id=tenant_id, why=why, kind=kind)
    tell(
        tenant_id,
        who_may(tenant_id, Role.ADMIN, site_id=None),
        site_id=None,
        kind="paused",
        text=f"All sending is paused. {why}",
        path="/",
    )
    announce()
    return True


@transaction.atomic
def resume_sending(*, actor: User, tenant: Tenant) -> bool:
    """Let the tenant's sends go on, except those that a person paused; False if it was not paused."""
    resumed = Tenant.objects.filter(pk=tenant.pk, sending_paused_at__isnull=False).update(
        sending_paused_at=None, sending_paused_why=""
    )
    if not resumed:
        return False
    going = SendIndex.objects.filter(tenant_id=tenant.pk, state__in=("running", "preparing", "scheduled"))
    DueWork.objects.filter(tenant_id=tenant.pk, send_id__in=going.values("send_id")).update(
        is_held=False, due_at=Now()
    )
    for kind in GUARDS:
        close_alert(actor=actor, kind=kind, tenant_id=tenant.pk)
    audit.record("workspace.resume_sending", actor=actor, tenant_id=tenant.pk)
    async_task("campaigns.tasks.deliver")
    announce()
    return True
