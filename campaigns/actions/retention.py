"""What is kept of a send for a while only: who got it and why. Its figures stay."""

from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from campaigns.models import Send
from tenants.models import Tenant

MOST_SENDS = 20

_REMOVE = (
    "DELETE FROM campaigns_receipt WHERE batch_id IN (SELECT id FROM campaigns_batch WHERE send_id = %s)",
    "DELETE FROM campaigns_ledgerpage WHERE root_id IN (SELECT id FROM campaigns_batch WHERE send_id = %s)",
    "DELETE FROM campaigns_batch WHERE send_id = %s AND root_id IS NOT NULL",
    "DELETE FROM campaigns_batch WHERE send_id = %s",
)


def apply_retention(tenant: Tenant) -> int:
    """Remove recipients and receipts of some old sends; answer of how many. Call inside the tenant, again until 0."""
    days = tenant.retention_days or settings.RETENTION_DAYS
    old = Send.objects.filter(finished_at__lt=timezone.now() - timedelta(days=days), batches__isnull=False)
    found = list(old.order_by("pk").distinct().values_list("pk", flat=True)[:MOST_SENDS])
    for pk in found:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in _REMOVE:
                cursor.execute(statement, [pk])
    return len(found)
