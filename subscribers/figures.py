"""Counts of a site's audience."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone

from subscribers.models import Subscriber

DAYS = 30

# Per website the subscribers at the end of each of the last days: who had come by then and had not left by then. One
# query for all of them, since the workspace's first page shows them all.
_DAILY = """
WITH days AS (SELECT generate_series(%s::date, %s::date, '1 day')::date AS day),
came AS (SELECT site_id, (subscribed_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n FROM subscribers_subscriber
         WHERE NOT is_test GROUP BY 1, 2),
went AS (SELECT site_id, (ended_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n FROM subscribers_subscriber
         WHERE NOT is_test AND ended_at IS NOT NULL GROUP BY 1, 2)
SELECT site.id, days.day,
       coalesce((SELECT sum(n) FROM came WHERE came.site_id = site.id AND came.day <= days.day), 0)
     - coalesce((SELECT sum(n) FROM went WHERE went.site_id = site.id AND went.day <= days.day), 0),
       coalesce((SELECT n FROM came WHERE came.site_id = site.id AND came.day = days.day), 0),
       coalesce((SELECT n FROM went WHERE went.site_id = site.id AND went.day = days.day), 0)
FROM subscribers_site site CROSS JOIN days ORDER BY site.id, days.day
"""


class Day(NamedTuple):
    day: date
    total: int
    came: int
    went: int


def _audience() -> QuerySet[Subscriber]:
    """Who would get a message to everyone: subscribed, and not a test device."""
    return Subscriber.objects.filter(state=Subscriber.State.ACTIVE, is_test=False)


def count_active(site_id: int) -> int:
    return _audience().filter(site_id=site_id).count()


def count_active_by_site() -> dict[int, int]:
    """Count for every website in one query; websites without subscribers are left out."""
    return dict(_audience().values_list("site_id").annotate(Count("pk")))


def count_by_state(site_id: int) -> dict[str, int]:
    """Count all states of a website's subscribers, test devices left out; each half by an index of its own."""
    ended = Subscriber.objects.filter(site_id=site_id, is_test=False).exclude(state=Subscriber.State.ACTIVE)
    return {
        Subscriber.State.ACTIVE.value: count_active(site_id),
        **dict(ended.values_list("state").annotate(Count("pk"))),
    }


def last_days() -> dict[int, dict[str, Any]]:
    """Answer for each website `total`, `gained` and `lost` over 30 days, and `chart`: a bar of 0..100 per day."""
    today = timezone.now().date()
    with connection.cursor() as cursor:
        cursor.execute(_DAILY, [today - timedelta(days=DAYS - 1), today])
        by_site: defaultdict[int, list[Day]] = defaultdict(list)
        for site_id, day, total, came, went in cursor.fetchall():
            by_site[site_id].append(Day(day, int(total), int(came), int(went)))
    return {site_id: _figures(days) for site_id, days in by_site.items()}


def _figures(days: list[Day]) -> dict[str, Any]:
    most = max(day.total for day in days) or 1
    return {
        "total": days[-1].total,
        "gained": sum(day.came for day in days),
        "lost": sum(day.went for day in days),
        "chart": [_bar(day.day, day.total, most) for day in days],
    }


def _bar(day: date, total: int, most: int) -> dict[str, Any]:
    return {"day": day, "label": f"{day:%-d %B}", "total": total, "bar": round(100 * total / most)}
