"""What django-q2 runs for this app: ids in, a verb called, safe to run twice."""

from tenants import mails
from tenants.actions.attempts import forget_lapsed
from tenants.actions.audit import SYSTEM
from tenants.actions.audit_retention import forget_old_entries
from tenants.actions.flags import stop_worse
from tenants.actions.invitations import forget_old
from tenants.actions.notices import mail_notices as mail
from tenants.actions.problems import forget_old_problems
from tenants.actions.sessions import forget_closed
from tenants.actions.support_view import end_lapsed_views
from tenants.actions.workspace import prepare_workspace as prepare
from tenants.invitation_mail import mail_invitation as mail_one
from tenants.models import User
from tenants.outbox import forget_old_mail
from tenants.sealing import SIGN_UP, unseal


def prepare_workspace(tenant_id: int) -> None:
    prepare(actor=SYSTEM, tenant_id=tenant_id)


def mail_notices(ids: list[int]) -> None:
    mail(ids)


def forget_audit() -> int:
    return forget_old_entries()


def mail_invitation(pk: int) -> None:
    mail_one(pk)


def forget_invitations() -> int:
    return forget_old()


def mail_reset(user_id: int) -> None:
    """0 is nobody: a reset was asked for an address that has no account."""
    if user := _active(user_id):
        mails.mail_reset(user)


def mail_verification(user_id: int) -> None:
    user = _active(user_id)
    if user and not user.email_verified_at:
        mails.mail_verification(user)


def mail_sign_up(sealed: str) -> None:
    mails.mail_sign_up(unseal(sealed, context=SIGN_UP))


def mail_change(user_id: int, change: str) -> None:
    if user := _active(user_id):
        mails.mail_change(user, mails.CHANGES[change])


def forget_problems() -> int:
    return forget_old_problems()


def judge_flags() -> list[str]:
    return stop_worse()


def tidy_sign_in() -> None:
    forget_lapsed()
    forget_old_mail()
    forget_closed()


def end_views() -> int:
    return end_lapsed_views()


def _active(user_id: int) -> User | None:
    return User.objects.filter(pk=user_id, is_active=True).first()
