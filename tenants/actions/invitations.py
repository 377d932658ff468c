"""Ask people by mail to join a workspace, and let them in: once, within a day, and nobody else."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from tenants.actions import audit
from tenants.actions.members import MemberRefused, check_grant, checked_sites, described
from tenants.actions.verification import verify_address
from tenants.models import Invitation, Membership, SiteIndex, Tenant, User

LIFETIME = timedelta(hours=24)
MOST_OPEN = 50
# Mails to one address from one workspace, and of one workspace in all, within a day.
MOST_MAILS, MOST_MAILS_OF_ALL = 5, 200
KEPT = timedelta(days=30)


class InvitationRefused(ValueError):
    """It cannot be sent, or does not let this person in; the text says why and what to do."""


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def open_invitations(tenant: Tenant) -> QuerySet[Invitation]:
    """What is neither accepted nor withdrawn; some of it may be over."""
    return Invitation.objects.filter(tenant=tenant, accepted_at=None, withdrawn_at=None)


@transaction.atomic
def invite(*, actor: User, tenant: Tenant, email: str, role: str, site_ids: Sequence[int] = ()) -> Invitation:
    """Invite an address, or change what is asked of it already, and queue the mail; raises InvitationRefused."""
    email = email.strip().lower()
    # One at a time for each workspace: its limits are counted below.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    sites = _checked(actor, tenant, role, site_ids)
    if Membership.objects.filter(tenant=tenant, user__email=email).exists():
        raise InvitationRefused(f"{email} is a member of this workspace already.")
    was = open_invitations(tenant).filter(email=email).first()
    _check_room(tenant, email, is_new=was is None or was.is_over)
    values = {
        "role": role, "site_ids": sites, "invited_by": actor, "expires_at": timezone.now() + LIFETIME,
        **_to_mail(was),
    }  # fmt: skip
    made, _ = Invitation.objects.update_or_create(
        tenant=tenant, email=email, accepted_at=None, withdrawn_at=None, defaults=values
    )
    _queue(made)
    audit.record(
        "invitation.send", actor=actor, tenant_id=tenant.pk, target=email[:120],
        before=described(tenant.pk, was.role, was.site_ids) if was else None, after=described(tenant.pk, role, sites),
    )  # fmt: skip
    return made


@transaction.atomic
def resend(*, actor: User, tenant: Tenant, invitation: Invitation) -> None:
    """Mail it again, with a new token that is good for a day; the one before opens nothing any more."""
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    row = open_invitations(tenant).filter(pk=invitation.pk).first()
    if row is None:
        raise InvitationRefused("This invitation was accepted or withdrawn in the meantime.")
    _checked(actor, tenant, row.role, row.site_ids)
    _check_room(tenant, row.email, is_new=row.is_over)
    Invitation.objects.filter(pk=row.pk).update(
        invited_by=actor, expires_at=Now() + LIFETIME, **_to_mail(row)
    )
    _queue(row)
    audit.record("invitation.resend", actor=actor, tenant_id=tenant.pk, target=row.email[:120])


@transaction.atomic
def withdraw(*, actor: User, tenant: Tenant, invitation: Invitation) -> bool:
    """Make its link worth nothing; False if it was accepted or withdrawn already."""
    _check_may(actor, tenant, invitation.role)
    changed = open_invitations(tenant).filter(pk=invitation.pk).update(withdrawn_at=Now(), digest=None)
    if changed:
        audit.record("invitation.withdraw", actor=actor, tenant_id=tenant.pk, target=invitation.email[:120])
    return bool(changed)


def _checked(actor: User, tenant: Tenant, role: str, site_ids: Sequence[int]) -> list[int]:
    try:
        sites = checked_sites(tenant, role, site_ids)
    except MemberRefused as error:
        raise InvitationRefused(str(error)) from None
    _check_may(actor, tenant, role)
    if not actor.email_verified_at:
        raise InvitationRefused("Verify your own e-mail address first: your account page sends you the link.")
    return sites


def _check_may(actor: User, tenant: Tenant, role: str) -> None:
    own = Membership.objects.filter(tenant=tenant, user=actor).first()
    if own is None:
        raise InvitationRefused("You are no longer a member of this workspace.")
    try:
        check_grant(own, role)
    except MemberRefused as error:
        raise InvitationRefused(str(error)) from None


def _check_room(tenant: Tenant, email: str, *, is_new: bool) -> None:
    if is_new and open_invitations(tenant).filter(expires_at__gt=Now()).count() >= MOST_OPEN:
        raise InvitationRefused(
            f"{MOST_OPEN} invitations are open. Withdraw one, or wait until some are over."
        )
    today = Invitation.objects.filter(tenant=tenant, created_at__gt=Now() - LIFETIME)
    mails = today.aggregate(n=Sum("mails"))["n"] or 0
    to_them = today.filter(email=email).aggregate(n=Sum("mails"))["n"] or 0
    if to_them >= MOST_MAILS or mails >= MOST_MAILS_OF_ALL:
        raise InvitationRefused("That is as many mails as go out in a day. Try again tomorrow.")


def _to_mail(was: Invitation | None) -> dict[str, Any]:
    """It waits for its mail, and the token before it opens nothing; one that was over begins anew."""
    anew = {"created_at": Now(), "mails": 0} if was and was.is_over else {}
    return {"digest": None, "mailed_at": None, "mail_failed": False, **anew}


def _queue(invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(mails=F("mails") + 1)
    async_task("tenants.tasks.mail_invitation", invitation.pk, cluster=settings.SHORT_QUEUE)


def issue_token(pk: int) -> tuple[Invitation, str] | None:
    """Make the token of an invitation that waits for its mail; None if it does not. It is kept nowhere, only its hash.

    The queue carries no token for the same reason; a task that runs twice finds nothing to do.
    """
    token = secrets.token_urlsafe(32)
    waiting = Invitation.objects.filter(pk=pk, mailed_at=None, accepted_at=None, withdrawn_at=None)
    if not waiting.update(digest=digest_of(token), mailed_at=Now(), expires_at=Now() + LIFETIME):
        return None
    return Invitation.objects.select_related("tenant", "invited_by").get(pk=pk), token


def note_failure(pk: int) -> None:
    """Say that the mail did not go out; its token opens nothing."""
    Invitation.objects.filter(pk=pk).update(mail_failed=True, digest=None)


def find(token: str) -> Invitation | None:
    """The invitation that this token opens now; None for one that is used, withdrawn, over or none of ours."""
    found = Invitation.objects.select_related("tenant", "invited_by").filter(
        digest=digest_of(token), accepted_at=None, withdrawn_at=None, expires_at__gt=Now()
    )
    return found.first()


@transaction.atomic
def accept(*, actor: User, token: str) -> Tenant:
    """Make the person a member; raises InvitationRefused. The link came by mail, so the address is theirs."""
    row = Invitation.objects.select_for_update().filter(digest=digest_of(token)).first()
    if row is None or row.accepted_at or row.withdrawn_at or row.is_over:
        raise InvitationRefused("This invitation is not open any more. Ask for a new one.")
    if row.email != actor.email.lower():
        raise InvitationRefused(
            f"This invitation is for {row.email}, and you are signed in as {actor.email}."
        )
    if row.tenant.state == Tenant.State.SUSPENDED:
        raise InvitationRefused(f"{row.tenant.name} is suspended. Accept when support has opened it again.")
    _check_inviter(row)
    Invitation.objects.filter(pk=row.pk).update(accepted_at=Now(), digest=None)
    verify_address(actor=actor)
    values = {"role": row.role, "site_ids": row.site_ids}
    _, is_new = Membership.objects.get_or_create(tenant=row.tenant, user=actor, defaults=values)
    if is_new:
        audit.record(
            "invitation.accept", actor=actor, tenant_id=row.tenant_id, target=row.invited_by.email[:120],
            after=described(row.tenant_id, row.role, row.site_ids),
        )  # fmt: skip
    return row.tenant


@transaction.atomic
def join(*, token: str, password: str) -> tuple[User, Tenant]:
    """Make an account for who is invited, and let them in; raises InvitationRefused, also where there is one."""
    # Of two clicks the second waits here, and finds it used.
    Invitation.objects.select_for_update().filter(digest=digest_of(token)).first()
    found = find(token)
    if found is None:
        raise InvitationRefused("This invitation is not open any more. Ask for a new one.")
    try:
        with transaction.atomic():
            user = User.objects.create_user(found.email, password)
    except IntegrityError:
        raise InvitationRefused("There is an account with this address. Sign in with it.") from None
    return user, accept(actor=user, token=token)


def _check_inviter(row: Invitation) -> None:
    """Refuse what was asked by somebody who could not ask it now, and websites that are gone."""
    own = Membership.objects.filter(
        tenant_id=row.tenant_id, user_id=row.invited_by_id, user__is_active=True
    ).first()
    known = SiteIndex.objects.filter(tenant_id=row.tenant_id, site_id__in=row.site_ids).count()
    try:
        if own is None or known != len(row.site_ids):
            raise MemberRefused("The invitation does not hold any more.")
        check_grant(own, row.role)
    except MemberRefused:
        raise InvitationRefused("This invitation does not hold any more. Ask for a new one.") from None


def forget_old() -> int:
    """Remove invitations of long ago; answer how many."""
    number, _ = Invitation.objects.filter(expires_at__lt=timezone.now() - KEPT).delete()
    return number
