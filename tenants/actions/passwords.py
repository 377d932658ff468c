"""Passwords: asked for anew, set by a link, changed. Each ends what the old one opened."""

from django.conf import settings
from django.db import transaction
from django_q.tasks import async_task

from tenants.actions import attempts, audit
from tenants.actions.attempts import Attempt
from tenants.actions.sessions import forget_sessions
from tenants.actions.verification import verify_address
from tenants.models import User


@transaction.atomic
def ask_for_reset(*, email: str) -> None:
    """Queue a mail with a link, if there is such an account; what happens here is the same if there is none."""
    user_id = User.objects.filter(email=email, is_active=True).values_list("pk", flat=True).first()
    audit.record("user.reset_asked", actor=audit.SYSTEM, tenant_id=None, target=email[:120])
    async_task("tenants.tasks.mail_reset", user_id or 0, cluster=settings.SHORT_QUEUE)


@transaction.atomic
def reset_password(*, actor: User, password: str) -> None:
    """Set the password of whoever followed the link in a mail: so the address is theirs, and guesses at it are over."""
    _set(actor, password)
    verify_address(actor=actor)
    attempts.forget(Attempt.SIGN_IN, account=actor.email)
    audit.record("user.password_reset", actor=actor, tenant_id=None, target=actor.email[:120])


@transaction.atomic
def change_password(*, actor: User, password: str) -> None:
    _set(actor, password)
    audit.record("user.password_change", actor=actor, tenant_id=None, target=actor.email[:120])


def _set(user: User, password: str) -> None:
    """Every session carries a hash of the password, so all of them end; hand-overs on their way do too."""
    user.set_password(password)
    user.save(update_fields=["password"])
    forget_sessions(user)
    async_task("tenants.tasks.mail_change", user.pk, "password", cluster=settings.SHORT_QUEUE)
