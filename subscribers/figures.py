"""Counts of a site's audience."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from subscribers.models import Site, Subscriber
from tenants.doorway import current_schema

DAYS = 30
# Counting that takes longer is kept (Site.figures) and shown for a while; a worker counts what is older than FRESH.
# Small audiences are counted for each page.
SLOW_MS, LARGE = 60, 50_000
FRESH, SHOWN = timedelta(minutes=1), timedelta(hours=1)
TASK = "subscribers.tasks.count_site"

# Who is subscribed, by the day they came: the audience's index alone is read, for these websites at once.
_CAME = """
SELECT site_id, (subscribed_at AT TIME ZONE 'UTC')::date, count(*) FROM subscribers_subscriber
WHERE site_id = ANY(%s) AND state = 'active' AND NOT is_test GROUP BY 1, 2
"""
# Who left since, by the day they came and the day they left.
_LEFT = """
SELECT site_id, (subscribed_at AT TIME ZONE 'UTC')::date, (ended_at AT TIME ZONE 'UTC')::date, count(*)
FROM subscribers_subscriber
WHERE site_id = ANY(%s) AND NOT (state IN ('active', 'imported')) AND NOT is_test AND ended_at >= %s GROUP BY 1, 2, 3
"""
# A number that is kept is looked at before anybody is counted: PostgreSQL runs the subquery only if it is needed.
_KEPT = "(site.figures->>'at')::timestamptz"
_ACTIVE = f"""
SELECT site.id, CASE WHEN {_KEPT} > %(shown)s THEN (site.figures->>'total')::int ELSE
    (SELECT count(*) FROM subscribers_subscriber WHERE site_id = site.id AND state = 'active' AND NOT is_test) END,
    {_KEPT} < %(fresh)s
FROM subscribers_site site WHERE %(site)s IN (site.id, 0)
"""  # noqa: S608  # nothing of it is given from outside


class Day(NamedTuple):
    day: date
    total: int
    came: int
    went: int


def _audience() -> QuerySet[Subscriber]:
    """Who would get a message to everyone: subscribed, and not a test device."""
    return Subscriber.objects.filter(state=Subscriber.State.ACTIVE, is_test=False)


def count_active(site_id: int) -> int:
    """Count who is subscribed; of a large website as it was some minutes ago at most."""
    return _count(site_id).get(site_id, 0)


def count_active_by_site() -> dict[int, int]:
    """Count for every website in one query."""
    return _count(0)


def _count(site_id: int) -> dict[int, int]:
    """Of one website, or with 0 of all."""
    began, now = monotonic(), timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE, {"site": site_id, "shown": now - SHOWN, "fresh": now - FRESH})
        rows = cursor.fetchall()
    ms = 1000 * (monotonic() - began)
    for pk, number, is_old in rows:
        if is_old or (is_old is None and is_kept(number, ms)):
            _ask(pk)
    return {pk: number for pk, number, _ in rows}


def is_kept(total: int, ms: float) -> bool:
    """Whether so many, who took so long to count, are too many to count for each page."""
    return total > LARGE and ms > SLOW_MS


def _ask(site_id: int) -> None:
    """Have a worker count it anew; asked twice it does it once."""
    async_task(TASK, current_schema(), site_id, cluster=settings.SHORT_QUEUE)


def count_by_state(site_id: int) -> dict[str, int]:
    """Count all states of a website's subscribers, test devices left out; each half by an index of its own."""
    ended = Subscriber.objects.filter(site_id=site_id, is_test=False).exclude(state=Subscriber.State.ACTIVE)
    return {
        Subscriber.State.ACTIVE.value: count_active(site_id),
        **dict(ended.values_list("state").annotate(Count("pk"))),
    }


def last_days() -> dict[int, dict[str, Any]]:
    """Answer for each website `total`, `gained` and `lost` over 30 days, and `chart`: a bar of 0..100 per day."""
    now, found, unknown = timezone.now(), {}, []
    for site_id, kept in Site.objects.values_list("pk", "figures"):
        age = now - datetime.fromisoformat(kept["at"]) if kept else SHOWN
        if age >= SHOWN:
            unknown.append(site_id)
            continue
        found[site_id] = kept
        if age > FRESH:
            _ask(site_id)
    if unknown:
        began = monotonic()
        found |= measure(unknown)
        ms = 1000 * (monotonic() - began)
        for site_id in unknown:
            if is_kept(found[site_id]["total"], ms):
                _ask(site_id)
    return found


def measure(site_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Count them now."""
    today = timezone.now().date()
    first = today - timedelta(days=DAYS - 1)
    now, came, went = Counter[int](), Counter[tuple[int, date]](), Counter[tuple[int, date]]()
    with connection.cursor() as cursor:
        cursor.execute(_CAME, [site_ids])
        for site_id, day, number in cursor.fetchall():
            now[site_id] += number
            came[site_id, day] += number
        cursor.execute(_LEFT, [site_ids, datetime.combine(first, time.min, UTC)])
        for site_id, began, ended, number in cursor.fetchall():
            came[site_id, began] += number
            went[site_id, ended] += number
    found = {}
    for site_id in site_ids:
        days, total = [], now[site_id]
        # Backwards from today: the evening before had who left on this day, and not who came on it.
        for back in range(DAYS):
            day = today - timedelta(days=back)
            days.append(Day(day, total, came[site_id, day], went[site_id, day]))
            total += went[site_id, day] - came[site_id, day]
        found[site_id] = _figures(days[::-1])
    return found


def _figures(days: list[Day]) -> dict[str, Any]:
    most = max(day.total for day in days) or 1
    return {
        "total": days[-1].total,
        "gained": sum(day.came for day in days),
        "lost": sum(day.went for day in days),
        "chart": [_bar(day.day, day.total, most) for day in days],
    }


def _bar(day: date, total: int, most: int) -> dict[str, Any]:
    return {
        "day": day.isoformat(),
        "label": f"{day:%-d %B}",
        "total": total,
        "bar": round(100 * total / most),
    }
