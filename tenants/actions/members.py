"""Who works in a workspace, as what, and on which of its websites."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q

from tenants.actions import audit
from tenants.models import Membership, Notice, Role, SiteIndex, Tenant, User
from tenants.roles import RANK, grantable


class MemberRefused(ValueError):
    """It cannot be done as asked; the text says why and what to do."""


@transaction.atomic
def change_member(
    *, actor: User, tenant: Tenant, member: Membership, role: str, site_ids: Sequence[int] = ()
) -> None:
    """Give a member another role or other websites (none given is all); raises MemberRefused."""
    own, row = _locked(actor, tenant, member)
    sites = checked_sites(tenant, role, site_ids)
    check_grant(own, role)
    if row.role == Role.OWNER and own.role != Role.OWNER:
        raise MemberRefused("Only owners can change what an owner may do. Ask one of them.")
    if own.pk == row.pk and RANK[Role(role)] > RANK[Role(row.role)]:
        raise MemberRefused("Nobody can give themselves a higher role. Ask an owner.")
    if role != Role.OWNER:
        _keep_an_owner(tenant, row)
    if (row.role, row.site_ids) == (role, sites):
        return
    Membership.objects.filter(pk=row.pk).update(role=role, site_ids=sites)
    if sites:
        # They may be about websites that are hidden now.
        _forget_notices(row)
    audit.record(
        "member.change", actor=actor, tenant_id=tenant.pk, target=row.user.email,
        before=described(tenant.pk, row.role, row.site_ids), after=described(tenant.pk, role, sites),
    )  # fmt: skip


@transaction.atomic
def remove_member(*, actor: User, tenant: Tenant, member: Membership) -> None:
    """Take a member out of the workspace, from their next request on; raises MemberRefused."""
    own, row = _locked(actor, tenant, member)
    if own.pk != row.pk:
        check_grant(own, Role.ANALYST)
    if row.role == Role.OWNER and own.role != Role.OWNER:
        raise MemberRefused("Only owners can remove an owner. Ask one of them.")
    _keep_an_owner(tenant, row)
    _forget_notices(row)
    Membership.objects.filter(pk=row.pk).delete()
    action = "member.leave" if own.pk == row.pk else "member.remove"
    audit.record(
        action, actor=actor, tenant_id=tenant.pk, target=row.user.email,
        before=described(tenant.pk, row.role, row.site_ids), after={},
    )  # fmt: skip


def check_grant(own: Membership, role: str) -> None:
    """Raise MemberRefused unless somebody of this membership may give the role."""
    if not own.runs_workspace:
        raise MemberRefused("Only admins and owners of the whole workspace decide about its people.")
    if role not in grantable(own):
        raise MemberRefused("Only owners make owners. Ask one of them.")


def checked_sites(tenant: Tenant, role: str, site_ids: Sequence[int]) -> list[int]:
    """Answer the websites in order; raises MemberRefused for one that is not there, and for an owner's limit."""
    if role not in Role.values:
        raise MemberRefused(f"{role[:20]!r} is no role. Choose one of the list.")
    wanted = sorted(set(site_ids))
    known = SiteIndex.objects.filter(tenant_id=tenant.pk, site_id__in=wanted).count()
    if known != len(wanted):
        raise MemberRefused("One of these websites is not there any more. Choose again.")
    if wanted and role == Role.OWNER:
        raise MemberRefused("Owners see all websites. Choose another role, or all websites.")
    return wanted


def described(tenant_id: int, role: str, site_ids: Sequence[int]) -> dict[str, Any]:
    """As the audit log keeps it: with the websites' names of this moment."""
    if not site_ids:
        return {"role": role, "websites": "all"}
    found = SiteIndex.objects.filter(tenant_id=tenant_id, site_id__in=site_ids).order_by("site_id")
    return {"role": role, "websites": list(found.values_list("name", flat=True))}


def _locked(actor: User, tenant: Tenant, member: Membership) -> tuple[Membership, Membership]:
    """Lock the owners, who acts and whom it is about, in one order: two owners cannot demote each other at once.

    Answer the memberships of who acts and of whom it is about as they are now; raises MemberRefused if one has gone.
    """
    meant = Q(role=Role.OWNER) | Q(pk=member.pk) | Q(user_id=actor.pk)
    rows = Membership.objects.select_for_update(of=("self",)).filter(meant, tenant=tenant)
    found = {row.pk: row for row in rows.select_related("user").order_by("pk")}
    own = next((row for row in found.values() if row.user_id == actor.pk), None)
    if own is None or member.pk not in found:
        raise MemberRefused("This person is no longer a member of the workspace.")
    return own, found[member.pk]


def _keep_an_owner(tenant: Tenant, row: Membership) -> None:
    """Raise MemberRefused if nobody would own the workspace without this member; call under the lock."""
    others = Membership.objects.filter(tenant=tenant, role=Role.OWNER, user__is_active=True).exclude(
        pk=row.pk
    )
    if row.role == Role.OWNER and not others.exists():
        raise MemberRefused("A workspace needs an owner. Make somebody else an owner first.")


def _forget_notices(row: Membership) -> None:
    Notice.objects.filter(tenant_id=row.tenant_id, user_id=row.user_id).delete()
