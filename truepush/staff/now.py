"""What happens at this moment, from the books: due work, workers, lanes, sends, alerts, queues."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from django_q.models import OrmQ

from tenants.doctor import WORKERS_SILENT_SECONDS
from tenants.models import Alert, DueWork, SendIndex, Tenant, Throttle, WorkerProcess

# How many lines of each are shown; beside them stands how many there are.
MOST = 50
GOING = ("scheduled", "preparing", "running", "paused")
SILENT = timedelta(seconds=WORKERS_SILENT_SECONDS)


@dataclass(frozen=True)
class Lines:
    """The first of some rows, and how many there are in all."""

    rows: list[Any]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.rows)


def right_now() -> dict[str, Any]:
    """Read everything that the page shows, in a fixed number of queries and of rows."""
    now = timezone.now()
    due = DueWork.objects.filter(is_held=False, due_at__lte=now)
    work = DueWork.objects.aggregate(
        total=Count("pk"), held=Count("pk", filter=Q(is_held=True)),
        due=Count("pk", filter=Q(is_held=False, due_at__lte=now)),
    )  # fmt: skip
    sends = SendIndex.objects.filter(state__in=GOING)
    alerts = Alert.objects.filter(closed_at=None)
    stopped = Tenant.objects.exclude(state=Tenant.State.ACTIVE, sending_paused_at=None, migration_error="")
    found: dict[str, Any] = {
        "now": now,
        "work": work,
        "oldest": due.order_by("due_at").first(),
        "workers": Lines(
            list(WorkerProcess.objects.order_by("seen_at")[:MOST]), WorkerProcess.objects.count()
        ),
        "lanes": Lines(list(Throttle.objects.order_by("kind", "lane")[:MOST]), Throttle.objects.count()),
        "sends": Lines(list(sends.order_by("-pk")[:MOST]), sends.count()),
        "alerts": Lines(list(alerts[:MOST]), alerts.count()),
        "stopped": Lines(list(stopped[:MOST]), stopped.count()),
        "queues": list(OrmQ.objects.values("key").annotate(tasks=Count("pk")).order_by("key")),
    }
    _name(found)
    _age(found, now)
    return found


def _name(found: dict[str, Any]) -> None:
    """Put the workspaces' names to the rows that only have numbers, and the public number of its send to the work."""
    rows = [row for part in ("lanes", "sends", "alerts") for row in found[part].rows]
    rows += [found["oldest"]] if found["oldest"] else []
    names = Tenant.objects.in_bulk({row.tenant_id for row in rows if row.tenant_id})
    for row in rows:
        row.workspace = names.get(row.tenant_id)
    if oldest := found["oldest"]:
        same = SendIndex.objects.filter(tenant_id=oldest.tenant_id, send_id=oldest.send_id)
        oldest.index_id = same.values_list("pk", flat=True).first()


def _age(found: dict[str, Any], now: datetime) -> None:
    for worker in found["workers"].rows:
        worker.is_silent = now - worker.seen_at > SILENT
        worker.silent_for = seconds(now - worker.seen_at)
    for lane in found["lanes"].rows:
        lane.host = lane.origin.removeprefix("https://")
    if found["oldest"]:
        found["late"] = seconds(now - found["oldest"].due_at)


def seconds(span: timedelta) -> str:
    """Write a length of time for people: "4 s", "3 min", "5 h", "2 d"."""
    number = max(0, int(span.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if number >= 2 * size:
            return f"{number // size} {unit}"
    return f"{number} s"
