"""What django-q2 runs for this app: ids in, a verb called, safe to run twice."""

from tenants.actions.audit import SYSTEM
from tenants.actions.audit_retention import forget_old_entries
from tenants.actions.notices import mail_notices as mail
from tenants.actions.workspace import prepare_workspace as prepare


def prepare_workspace(tenant_id: int) -> None:
    prepare(actor=SYSTEM, tenant_id=tenant_id)


def mail_notices(ids: list[int]) -> None:
    mail(ids)


def forget_audit() -> int:
    return forget_old_entries()
