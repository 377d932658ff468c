"""What is done now and then in each tenant that has sent something: fold old receipts, apply retention."""

import logging
from datetime import timedelta

from django.db import DatabaseError
from django.db.models.functions import Now

from campaigns.actions.fold_receipts import fold_receipts
from campaigns.actions.retention import apply_retention
from tenants.doorway import in_tenant
from tenants.models import SendIndex, Tenant, Throttle

log = logging.getLogger(__name__)

# A lane whose probes nobody has used for so long belongs to sends that have ended.
FORGOTTEN = timedelta(minutes=10)


def tend_all() -> int:
    """Visit the tenants that have sent something; a failure of one is logged and the next is tended."""
    Throttle.objects.filter(next_at__lt=Now() - FORGOTTEN).delete()
    senders = SendIndex.objects.values("tenant_id").distinct()
    tended = 0
    for tenant in Tenant.objects.filter(pk__in=senders, state=Tenant.State.ACTIVE):
        try:
            _tend(tenant)
        except DatabaseError as error:
            log.error("upkeep of %s failed: %s", tenant.schema_name, str(error).splitlines()[0])
        else:
            tended += 1
    return tended


def _tend(tenant: Tenant) -> None:
    with in_tenant(tenant.schema_name):
        while fold_receipts():
            pass
        while apply_retention(tenant):
            pass
