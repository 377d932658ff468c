"""Proof that an e-mail address is the person's own."""

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from tenants.actions import audit
from tenants.models import User
from tenants.sealing import SIGN_UP, seal


def ask_to_verify(*, actor: User) -> None:
    """Queue a mail with a link. No audit row: nothing has changed."""
    async_task("tenants.tasks.mail_verification", actor.pk, cluster=settings.SHORT_QUEUE)


def has_account(email: str) -> bool:
    return User.objects.filter(email__iexact=email).exists()


def ask_to_sign_up(*, email: str) -> None:
    """Queue a mail that leads to a new workspace, or, for an address with an account, to the sign-in.

    The address is sealed: what a queue holds can be read in the database. No audit row: nothing has changed.
    """
    async_task("tenants.tasks.mail_sign_up", seal(email, context=SIGN_UP), cluster=settings.SHORT_QUEUE)


@transaction.atomic
def verify_address(*, actor: User) -> None:
    """Note that mail to the address reached the person: by a link in it, whatever that was for."""
    if actor.email_verified_at:
        return
    actor.email_verified_at = timezone.now()
    actor.save(update_fields=["email_verified_at"])
    # What allauth goes by when a second factor is added.
    EmailAddress.objects.update_or_create(
        user=actor, email=actor.email, defaults={"verified": True, "primary": True}
    )
    audit.record("user.verify", actor=actor, tenant_id=None, target=actor.email[:120])
