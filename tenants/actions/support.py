"""What support staff do to workspaces: suspend one, hold its sending, stop the sending of all; each with a reason."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from tenants.actions import audit
from tenants.actions.alerts import close_alert, raise_alert
from tenants.actions.sending import STOPPED, hold, let_go, resume_sending, stop_of_everything, tell_admins
from tenants.actions.workspace import one_at_a_time
from tenants.models import AuditEntry, SiteIndex, Tenant, User
from tenants.request_origin import current_origin

MOST_REASON = 300


class SupportRefused(ValueError):
    """What was asked for cannot be done now; the text says why."""


def check_reason(why: str) -> str:
    """Tidy a reason; raises SupportRefused if there is none."""
    why = " ".join(why.replace("\0", "").split())[:MOST_REASON]
    if len(why) < 5:
        raise SupportRefused("Give a reason of at least five characters: the workspace reads it too.")
    return why


@transaction.atomic
def suspend_workspace(*, actor: User, tenant: Tenant, why: str) -> None:
    """Close a workspace for all changes: its sends are held, its websites' calls refused; members still read.

    Raises SupportRefused if it is not active.
    """
    why = check_reason(why)
    row = Tenant.objects.select_for_update().get(pk=tenant.pk)
    if row.state != Tenant.State.ACTIVE:
        raise SupportRefused(
            f"{row.name} is not active: {row.get_state_display().lower()}. Nothing was changed."
        )
    Tenant.objects.filter(pk=tenant.pk).update(state=Tenant.State.SUSPENDED, state_detail=why)
    if row.sending_paused_at is None or row.sending_paused_by == Tenant.PausedBy.EVERYWHERE:
        # What a guard or support paused stays theirs, and paused when the workspace is opened again.
        hold([tenant.pk], "This workspace is suspended.", Tenant.PausedBy.SUSPENSION)
    SiteIndex.objects.filter(tenant_id=tenant.pk, state=SiteIndex.State.ACTIVE).update(
        state=SiteIndex.State.SUSPENDED
    )
    audit.record("workspace.suspend", actor=actor, tenant_id=tenant.pk, target=tenant.slug, why=why)
    tell_admins(tenant.pk, f"This workspace is suspended. {why}")


@transaction.atomic
def reopen_workspace(*, actor: User, tenant: Tenant, why: str) -> None:
    """End a suspension, and the pause of sending that came with it; raises SupportRefused if there is none."""
    why = check_reason(why)
    row = Tenant.objects.select_for_update().get(pk=tenant.pk)
    if row.state != Tenant.State.SUSPENDED:
        raise SupportRefused(f"{row.name} is not suspended. Nothing was changed.")
    Tenant.objects.filter(pk=tenant.pk).update(state=Tenant.State.ACTIVE, state_detail="")
    SiteIndex.objects.filter(tenant_id=tenant.pk, state=SiteIndex.State.SUSPENDED).update(
        state=SiteIndex.State.ACTIVE
    )
    if row.sending_paused_by == Tenant.PausedBy.SUSPENSION:
        if stop := stop_of_everything():
            hold([tenant.pk], stop.text, Tenant.PausedBy.EVERYWHERE)
        else:
            let_go([tenant.pk])
    audit.record("workspace.reopen", actor=actor, tenant_id=tenant.pk, target=tenant.slug, why=why)
    tell_admins(tenant.pk, "This workspace is open again.")


@transaction.atomic
def hold_sending(*, actor: User, tenant: Tenant, why: str) -> None:
    """Pause all sending of a workspace until support lets go; a guard's pause becomes support's.

    Raises SupportRefused if support, a suspension or a stop of everything holds it already.
    """
    why = check_reason(why)
    row = Tenant.objects.select_for_update().get(pk=tenant.pk)
    if row.sending_paused_by:
        raise SupportRefused(f"Sending of {row.name} is held already: {row.sending_paused_why}")
    hold([tenant.pk], why, Tenant.PausedBy.SUPPORT)
    raise_alert("held", tenant.pk, why)
    audit.record("workspace.pause_sending", actor=actor, tenant_id=tenant.pk, why=why, kind="support")
    tell_admins(tenant.pk, f"All sending is paused by support. {why}")


def release_sending(*, actor: User, tenant: Tenant, why: str) -> None:
    """Let go of that or of a guard's pause; raises SupportRefused if there is none, SendingHeld as `resume_sending`."""
    if not resume_sending(actor=actor, tenant=tenant, is_support=True, why=check_reason(why)):
        raise SupportRefused(f"Sending of {tenant.name} is not paused. Nothing was changed.")


@transaction.atomic
def stop_everything(*, actor: User, why: str) -> int:
    """Hold every send of every workspace, those that are made later too; answer how many workspaces it paused.

    Raises SupportRefused if it is on. A workspace that is paused already keeps its own reason.
    """
    why = check_reason(why)
    one_at_a_time()
    if stop_of_everything():
        raise SupportRefused("All sending is stopped already. Nothing was changed.")
    text = f"All sending of this installation is stopped. {why}"
    paused = [pk for pk, at, _ in _lock_all() if at is None]
    raise_alert(STOPPED, None, text)
    hold(paused, text, Tenant.PausedBy.EVERYWHERE)
    audit.record("installation.stop_sending", actor=actor, tenant_id=None, why=why, workspaces=len(paused))
    _record_each("workspace.pause_sending", actor, paused, why)
    return len(paused)


@transaction.atomic
def start_everything(*, actor: User, why: str) -> int:
    """Take that stop back; answer how many workspaces go on. Raises SupportRefused if nothing is stopped."""
    why = check_reason(why)
    one_at_a_time()
    if not stop_of_everything():
        raise SupportRefused("Sending is not stopped. Nothing was changed.")
    going = [pk for pk, _, by in _lock_all() if by == Tenant.PausedBy.EVERYWHERE]
    close_alert(actor=actor, kind=STOPPED, tenant_id=None)
    let_go(going)
    audit.record("installation.start_sending", actor=actor, tenant_id=None, why=why, workspaces=len(going))
    _record_each("workspace.resume_sending", actor, going, why)
    return len(going)


def _lock_all() -> list[tuple[int, datetime | None, str]]:
    """Lock every workspace, then answer which are paused, since when and by whom.

    Whoever pauses, suspends or opens one meanwhile has done so before, or waits and finds the stop as it is then.
    """
    rows = Tenant.objects.select_for_update(no_key=True).order_by("pk")
    return list(rows.values_list("pk", "sending_paused_at", "sending_paused_by"))


def _record_each(action: str, actor: User, tenant_ids: Iterable[int], why: str) -> None:
    """Write the same entry into the log of each workspace, in one statement: there may be thousands."""
    origin = current_origin()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            action=action, actor_id=actor.pk, actor=actor.email, tenant_id=pk,
            detail={"why": why, "kind": "everywhere"}, address=origin.address, request_id=origin.request_id,
        )
        for pk in tenant_ids
    )  # fmt: skip
