"""What is done now and then in each tenant that has sent something: old receipts, retention, engagement."""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import QuerySet
from django.db.models.functions import Now

from campaigns.actions.engagement import count_up
from campaigns.actions.fold_receipts import fold_receipts
from campaigns.actions.retention import apply_retention
from tenants.doorway import in_tenant
from tenants.models import SendIndex, Tenant, Throttle

log = logging.getLogger(__name__)

# A lane whose probes nobody has used for so long belongs to sends that have ended.
FORGOTTEN = timedelta(minutes=10)
# A push service keeps a message for 28 days, a browser shows it for a while.
HEARD = timedelta(days=40)


def tend_all() -> int:
    """Visit the tenants that have sent something; a failure of one is logged and the next is tended."""
    Throttle.objects.filter(next_at__lt=Now() - FORGOTTEN).delete()
    return _visit(SendIndex.objects.all(), _tend)


def count_up_all() -> int:
    """Visit the tenants that have sent something lately: their subscribers' Engagement."""
    return _visit(SendIndex.objects.filter(launched_at__gte=Now() - HEARD), count_up)


def _visit(sends: "QuerySet[SendIndex]", see_to: Callable[[Tenant], object]) -> int:
    visited = 0
    tenants = sends.values("tenant_id").distinct()
    for tenant in Tenant.objects.filter(pk__in=tenants, state=Tenant.State.ACTIVE):
        try:
            with in_tenant(tenant.schema_name):
                see_to(tenant)
        except DatabaseError as error:
            log.error("upkeep of %s failed: %s", tenant.schema_name, str(error).splitlines()[0])
        else:
            visited += 1
    return visited


def _tend(tenant: Tenant) -> None:
    while fold_receipts():
        pass
    while apply_retention(tenant):
        pass
