"""Second factors: who has one, who must, and what is told when they change."""

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django_q.tasks import async_task

from tenants.actions import audit
from tenants.actions.sessions import forget_sessions
from tenants.models import Membership, Role, Tenant, User

_STRONG = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class NoSecondFactor(ValueError):
    """Who asks others for a second factor has none."""


def has_second_factor(user: User) -> bool:
    """Recovery codes alone are none: they are only there beside another."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=_STRONG).exists())


def is_missing(membership: Membership) -> bool:
    """Whether a member may not come in before they add one. The demonstration asks nobody."""
    asked: bool = membership.tenant.owners_need_mfa and membership.role == Role.OWNER and not settings.DEMO
    return asked and not has_second_factor(membership.user)


def is_missing_for_staff(user: User) -> bool:
    """The same of somebody on their way to support staff's pages, or from there into a console."""
    return settings.STAFF_NEEDS_MFA and not settings.DEMO and not has_second_factor(user)


@transaction.atomic
def record_change(*, actor: User, change: str) -> None:
    """Note a change of one's own second factors and mail it; every session ends, so that each one left passed it."""
    audit.record(f"user.{change}", actor=actor, tenant_id=None, target=actor.email[:120])
    async_task("tenants.tasks.mail_change", actor.pk, change, cluster=settings.SHORT_QUEUE)
    forget_sessions(actor)


@transaction.atomic
def forget_factors(*, user: User, why: str) -> int:
    """Remove every second factor of somebody who lost them all, by the operator; answer how many.

    Every session ends and the person is told by mail. Raises NoSecondFactor if there is none.
    """
    number: int = Authenticator.objects.filter(user_id=user.pk).delete()[0]
    if not number:
        raise NoSecondFactor(f"{user.email} has no second factor, so nothing was changed.")
    audit.record(
        "user.factors_forgotten", actor=audit.SYSTEM, tenant_id=None, target=user.email[:120], why=why[:300]
    )
    async_task("tenants.tasks.mail_change", user.pk, "factors_forgotten", cluster=settings.SHORT_QUEUE)
    forget_sessions(user)
    return number


@transaction.atomic
def ask_owners(*, actor: User, tenant: Tenant, asked: bool) -> None:
    """Ask the workspace's owners for a second factor, or no longer; raises NoSecondFactor for an owner without one."""
    if asked and not has_second_factor(actor):
        raise NoSecondFactor("Add a second factor to your own account first.")
    before, tenant.owners_need_mfa = tenant.owners_need_mfa, asked
    tenant.save(update_fields=["owners_need_mfa"])
    audit.record(
        "workspace.security",
        actor=actor,
        tenant_id=tenant.pk,
        before={"owners_need_mfa": before},
        after={"owners_need_mfa": asked},
    )
