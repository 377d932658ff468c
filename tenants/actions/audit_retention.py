"""Remove old entries of the audit log: the only way in which any can go."""

from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from tenants.actions import audit
from tenants.actions.audit import SYSTEM

ROWS = 5_000
_OLD = """
DELETE FROM tenants_auditentry WHERE id IN (SELECT id FROM tenants_auditentry WHERE at < %s ORDER BY id LIMIT %s)
"""


def forget_old_entries() -> int:
    """Remove what is older than AUDIT_DAYS, in transactions of ROWS rows; answer how many went.

    The table's trigger (migration 0010) lets nothing go that is younger than 30 days, whatever is set.
    """
    before = timezone.now() - timedelta(days=settings.AUDIT_DAYS)
    removed = 0
    while (number := _forget(before.isoformat())) > 0:
        removed += number
    if removed:
        audit.record(
            "audit.retention", actor=SYSTEM, tenant_id=None, removed=removed, days=settings.AUDIT_DAYS
        )
    return removed


@transaction.atomic
def _forget(before: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL truepush.audit_retention = 'on'")
        cursor.execute(_OLD, [before, ROWS])
        removed = int(cursor.rowcount)
        # Not for what else this transaction may be a part of.
        cursor.execute("SET LOCAL truepush.audit_retention = 'off'")
    return removed
