"""What is kept for a while only: of events when exactly and with which properties (how often, first and last stay), and
the figures of the funnel.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django_q.tasks import async_task

from subscribers.actions.funnel import KEPT_DAYS, forget_steps
from tenants.actions import audit
from tenants.doorway import in_tenant
from tenants.models import Tenant, User

# A tenth of a second's work: nobody waits longer for a row.
ROWS = 5_000
LEAST_DAYS, MOST_DAYS = 1, 3650
TASK = "subscribers.tasks.forget"

_TO = "SELECT max(id) FROM (SELECT id FROM subscribers_eventfact WHERE id > %s ORDER BY id LIMIT %s) piece"
_FORGET = """
UPDATE subscribers_eventfact SET
    recent = ARRAY(SELECT at FROM unnest(recent) at WHERE at >= %(before)s ORDER BY at DESC),
    last_properties = CASE WHEN last_at < %(before)s THEN '{}' ELSE last_properties END
WHERE id > %(after)s AND id <= %(to)s
    AND (recent[cardinality(recent)] < %(before)s OR (last_at < %(before)s AND last_properties <> '{}'))
"""


class RetentionRefused(ValueError):
    """The number of days cannot be taken; the text says why."""


def forget_all(tenant_id: int = 0, fact_id: int = 0) -> int:
    """Apply retention to the events of every workspace, from this one and fact on; answer how many facts changed.

    After UPKEEP_SECONDS the task goes on behind what else waits. Begun anew after a kill: what is done already is only
    looked at again.
    """
    until, changed = time.monotonic() + settings.UPKEEP_SECONDS, 0
    with_schema = Tenant.objects.exclude(state__in=Tenant.NO_SCHEMA)
    for tenant in with_schema.filter(pk__gte=tenant_id).order_by("pk"):
        days = tenant.event_days or settings.EVENT_DAYS
        before = timezone.now() - timedelta(days=days)
        after = fact_id if tenant.pk == tenant_id else 0
        with in_tenant(tenant.schema_name):
            for _ in forget_steps(timezone.now().date() - timedelta(days=KEPT_DAYS)):
                if time.monotonic() >= until:
                    async_task(TASK, tenant.pk, after, cluster=settings.SHORT_QUEUE)
                    return changed
            for number, last in forget(before, after=after):
                changed += number
                if time.monotonic() >= until:
                    async_task(TASK, tenant.pk, last, cluster=settings.SHORT_QUEUE)
                    return changed
    return changed


def forget(before: datetime, *, after: int = 0) -> Iterator[tuple[int, int]]:
    """Remove moments and properties of before, a transaction at a time: (facts changed, the last one looked at)."""
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_TO, [after, ROWS])
            (to,) = cursor.fetchone()
            if to is None:
                return
            cursor.execute(_FORGET, {"before": before, "after": after, "to": to})
            changed = cursor.rowcount
        after = to
        yield changed, after


@transaction.atomic
def set_retention(*, actor: User, tenant: Tenant, recipients: int | None, events: int | None) -> None:
    """Say how many days recipients of sends and moments of events are kept; None is the installation's number."""
    for days in (recipients, events):
        if days is not None and not LEAST_DAYS <= days <= MOST_DAYS:
            raise RetentionRefused(f"{days} days cannot be kept: give {LEAST_DAYS} to {MOST_DAYS:,}.")
    before = {"recipients": tenant.retention_days, "events": tenant.event_days}
    Tenant.objects.filter(pk=tenant.pk).update(retention_days=recipients, event_days=events)
    audit.record(
        "workspace.retention", actor=actor, tenant_id=tenant.pk,
        before=before, after={"recipients": recipients, "events": events},
    )  # fmt: skip
