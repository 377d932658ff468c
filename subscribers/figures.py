"""Counts of a site's audience."""

from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone

from subscribers.models import Subscriber

DAYS = 30

# Subscribers at the end of each of the last days: who had come by then and had not left by then.
_DAILY = """
WITH days AS (SELECT generate_series(%s::date, %s::date, '1 day')::date AS day),
came AS (SELECT (subscribed_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n FROM subscribers_subscriber
         WHERE site_id = %s AND NOT is_test GROUP BY 1),
went AS (SELECT (ended_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n FROM subscribers_subscriber
         WHERE site_id = %s AND NOT is_test AND ended_at IS NOT NULL GROUP BY 1)
SELECT days.day,
       coalesce((SELECT sum(n) FROM came WHERE came.day <= days.day), 0)
     - coalesce((SELECT sum(n) FROM went WHERE went.day <= days.day), 0),
       coalesce((SELECT n FROM came WHERE came.day = days.day), 0),
       coalesce((SELECT n FROM went WHERE went.day = days.day), 0)
FROM days ORDER BY days.day
"""


def _audience() -> QuerySet[Subscriber]:
    """Who would get a message to everyone: subscribed, and not a test device."""
    return Subscriber.objects.filter(state=Subscriber.State.ACTIVE, is_test=False)


def count_active(site_id: int) -> int:
    return _audience().filter(site_id=site_id).count()


def count_active_by_site() -> dict[int, int]:
    """Count for every website in one query; websites without subscribers are left out."""
    return dict(_audience().values_list("site_id").annotate(Count("pk")))


def last_days(site_id: int) -> dict[str, Any]:
    """Answer `total`, `gained` and `lost` over 30 days, and `chart`: per day its total and a bar of 0..100."""
    today = timezone.now().date()
    with connection.cursor() as cursor:
        cursor.execute(_DAILY, [today - timedelta(days=DAYS - 1), today, site_id, site_id])
        rows = [(day, int(total), int(came), int(went)) for day, total, came, went in cursor.fetchall()]
    most = max((total for _, total, _, _ in rows), default=0) or 1
    return {
        "total": rows[-1][1],
        "gained": sum(came for *_, came, _ in rows),
        "lost": sum(went for *_, went in rows),
        "chart": [_bar(day, total, most) for day, total, _, _ in rows],
    }


def _bar(day: date, total: int, most: int) -> dict[str, Any]:
    return {"day": day, "label": f"{day:%-d %B}", "total": total, "bar": round(100 * total / most)}
