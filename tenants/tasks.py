"""What django-q2 runs for this app: ids in, a verb called, safe to run twice."""

from tenants.actions.attempts import forget_lapsed
from tenants.actions.audit import SYSTEM
from tenants.actions.audit_retention import forget_old_entries
from tenants.actions.invitations import forget_old
from tenants.actions.notices import mail_notices as mail
from tenants.actions.workspace import prepare_workspace as prepare
from tenants.invitation_mail import mail_invitation as mail_one


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


def tidy_sign_in() -> None:
    forget_lapsed()
