"""Carry a signed-in person from the public host to a tenant's host, and end all of their sessions."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from tenants.actions import audit
from tenants.actions.sessions import forget_sessions
from tenants.actions.support_view import open_view
from tenants.models import Domain, Handover, Membership, SeenSession, SupportView, Tenant, User

LIFETIME = timedelta(seconds=30)
CHALLENGE = re.compile(r"[0-9a-f]{64}")


class HandoverRefused(Exception):
    """The token does not open this host; the text says why in words for the person."""


def challenge_of(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def host_of(tenant: Tenant) -> str:
    """Name the host of the tenant's console, without a port."""
    return str(Domain.objects.get(tenant=tenant, is_primary=True).domain)


@transaction.atomic
def issue(*, actor: User, tenant: Tenant, challenge: str, seen_id: int | None = None) -> str:
    """Make a token for this person, tenant and browser; valid once within 30 s. Only its hash is stored.

    Raises HandoverRefused if the person signed out everywhere since this request began, or ended the sign-in `seen_id`.
    """
    same = User.objects.select_for_update().filter(pk=actor.pk, session_epoch=actor.session_epoch)
    own = SeenSession.objects.select_for_update().filter(pk=seen_id or 0, user=actor)
    if same.first() is None or (seen_id and own.first() is None):
        raise HandoverRefused("You signed out in the meantime.")
    Handover.objects.filter(expires_at__lt=timezone.now() - timedelta(days=1)).delete()
    token = secrets.token_urlsafe(32)
    Handover.objects.create(
        digest=_digest(token),
        challenge=challenge,
        user=actor,
        tenant=tenant,
        host=host_of(tenant),
        seen_id=seen_id,
        expires_at=timezone.now() + LIFETIME,
    )
    return token


@transaction.atomic
def _claim(digest: bytes, now: datetime) -> Handover:
    """Use the token up under a lock on its person, in the order of `end_all_sessions`: after it no token opens."""
    owner = Handover.objects.filter(digest=digest).values_list("user_id", flat=True).first()
    user = User.objects.select_for_update().filter(pk=owner or 0).first()
    claimed = Handover.objects.filter(digest=digest, used_at__isnull=True).update(used_at=now)
    if not claimed or user is None:
        raise HandoverRefused("This link was used already or is not one of ours.")
    handover = Handover.objects.get(digest=digest)
    handover.user = user
    return handover


def redeem(token: str, *, tenant: Tenant, host: str, nonce: str) -> Handover:
    """Use the token up and answer whose it is; raises HandoverRefused for a used, late, foreign or copied one."""
    # 1. Claim: one conditional UPDATE, so two browsers with one token cannot both pass. It is a transaction of its
    #    own: a token that fails a check below stays used up.
    now = timezone.now()
    handover = _claim(_digest(token), now)
    # 2. Check what it was bound to. It stays used up when a check fails.
    reason = ""
    if handover.expires_at < now:
        reason = "This link is older than 30 seconds."
    elif handover.tenant_id != tenant.pk or handover.host != host:
        reason = "This link was made for another workspace."
    elif not nonce or not constant_time_compare(handover.challenge, challenge_of(nonce)):
        reason = "This link was made for another browser."
    is_member = Membership.objects.filter(tenant=tenant, user=handover.user, user__is_active=True).exists()
    if not reason and not is_member and entered(handover) is None:
        reason = "You are not a member of this workspace any more."
    if reason:
        raise HandoverRefused(reason)
    if is_member:
        audit.record("workspace.enter", actor=handover.user, tenant_id=tenant.pk)
    return handover


def entered(handover: Handover) -> SupportView | None:
    """The look of support staff by which the person comes in; None for a member, and where it is over."""
    if Membership.objects.filter(tenant_id=handover.tenant_id, user_id=handover.user_id).exists():
        return None
    return open_view(handover.user, handover.tenant, seen_id=handover.seen_id or 0)


@transaction.atomic
def end_all_sessions(*, actor: User, user: User) -> None:
    """End every session of the user on every host, at their next request."""
    forget_sessions(user)
    audit.record("user.sign_out_everywhere", actor=actor, tenant_id=None, target=user.email)
