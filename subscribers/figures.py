"""Counts of a site's audience."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone

from subscribers.models import Site, Subscriber

DAYS = 30

# Who is subscribed, by the day they came: the audience's index alone is read, for all websites, since the workspace's
# first page shows them all.
_CAME = """
SELECT site_id, (subscribed_at AT TIME ZONE 'UTC')::date, count(*) FROM subscribers_subscriber
WHERE state = 'active' AND NOT is_test GROUP BY 1, 2
"""
# Who left since, by the day they came and the day they left.
_LEFT = """
SELECT site_id, (subscribed_at AT TIME ZONE 'UTC')::date, (ended_at AT TIME ZONE 'UTC')::date, count(*)
FROM subscribers_subscriber
WHERE site_id IN (SELECT id FROM subscribers_site) AND NOT (state IN ('active', 'imported')) AND NOT is_test
    AND ended_at >= %s GROUP BY 1, 2, 3
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
    first = today - timedelta(days=DAYS - 1)
    now, came, went = Counter[int](), Counter[tuple[int, date]](), Counter[tuple[int, date]]()
    with connection.cursor() as cursor:
        cursor.execute(_CAME)
        for site_id, day, number in cursor.fetchall():
            now[site_id] += number
            came[site_id, day] += number
        cursor.execute(_LEFT, [datetime.combine(first, time.min, UTC)])
        for site_id, began, ended, number in cursor.fetchall():
            came[site_id, began] += number
            went[site_id, ended] += number
    found = {}
    for site_id in Site.objects.values_list("pk", flat=True):
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
    return {"day": day, "label": f"{day:%-d %B}", "total": total, "bar": round(100 * total / most)}
