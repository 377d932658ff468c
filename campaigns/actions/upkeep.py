"""What is done now and then in each tenant that has sent something: old receipts, retention, engagement."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from django_q.tasks import async_task

from campaigns.actions.engagement import count_up
from campaigns.actions.fold_receipts import fold_receipts
from campaigns.actions.retention import apply_retention
from subscribers.actions.flood import settle
from tenants.doorway import in_tenant
from tenants.models import SendIndex, Tenant, Throttle
from tenants.problem_notes import note_error

log = logging.getLogger(__name__)

# A lane whose probes nobody has used for so long belongs to sends that have ended.
FORGOTTEN = timedelta(minutes=10)
# A push service keeps a message for 28 days, a browser shows it for a while.
HEARD = timedelta(days=40)
# Only a browser that could decrypt a message can have displayed it.
_REACHED = """EXISTS (SELECT FROM campaigns_engagement reached WHERE reached.subscriber_id = person.id
    AND (reached.displayed_at IS NOT NULL OR reached.clicked_at IS NOT NULL))"""


def tend_all(after: int = 0) -> int:
    """Fold receipts and apply retention in the tenants that have sent something; answer how many were tended."""
    Throttle.objects.filter(next_at__lt=Now() - FORGOTTEN).delete()
    return _visit("campaigns.tasks.tend", _of(SendIndex.objects.all()), _tend, after)


def count_up_all(after: int = 0) -> int:
    """Count up Engagement in the tenants that have sent something lately; answer how many were visited."""
    lately = SendIndex.objects.filter(launched_at__gte=Now() - HEARD)
    return _visit("campaigns.tasks.engage", _of(lately), count_up, after)


def settle_floods_all(after: int = 0) -> int:
    """Settle in each tenant who came in floods of subscriptions; answer how many tenants were visited."""
    return _visit("campaigns.tasks.settle_floods", Tenant.objects.all(), _settle, after)


def _of(sends: "QuerySet[SendIndex]") -> "QuerySet[Tenant]":
    found: QuerySet[Tenant] = Tenant.objects.filter(pk__in=sends.values("tenant_id").distinct())
    return found


def _visit(
    task: str, tenants: "QuerySet[Tenant]", steps: Callable[[Tenant], Iterator[None]], after: int
) -> int:
    """Take steps in each tenant behind `after`, for a moment: then the task goes on behind what else waits.

    A failure of one tenant is logged and the next is visited.
    """
    visited, until = 0, time.monotonic() + settings.UPKEEP_SECONDS

    def is_over(done: int) -> bool:
        if time.monotonic() < until:
            return False
        async_task(task, done, cluster=settings.SHORT_QUEUE)
        return True

    for tenant in tenants.filter(pk__gt=after).exclude(state__in=Tenant.NO_SCHEMA).order_by("pk"):
        try:
            with in_tenant(tenant.schema_name):
                for _ in steps(tenant):
                    if is_over(tenant.pk - 1):
                        return visited
        except DatabaseError as error:
            log.error("upkeep of %s failed: %s", tenant.schema_name, str(error).splitlines()[0])
            note_error(error, tenant_id=tenant.pk)
        else:
            visited += 1
        # A tenant that has been seen to is not begun anew, however long it took.
        if is_over(tenant.pk):
            break
    return visited


def forget_caps() -> None:
    """Remove what no cap can count any more: a week and a day after the last."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM campaigns_capuse WHERE times[cardinality(times)] < now() - interval '8 days'"
        )
        cursor.execute("DELETE FROM campaigns_capuse WHERE cardinality(times) = 0")


def _settle(tenant: Tenant) -> Iterator[None]:
    for _ in settle(_REACHED):
        yield


def _tend(tenant: Tenant) -> Iterator[None]:
    while fold_receipts():
        yield
    while apply_retention(tenant):
        yield
    forget_caps()
