"""Why a website's audience shrank: who left in the last weeks, by what was said, and who has not been seen for long."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import connection
from django.utils import timezone

from subscribers.audience import LIVE

WEEKS = 12
DORMANT_DAYS = (90, 180, 365)
SERVICES = {
    "fcm": "Google (FCM)",
    "mozilla": "Mozilla",
    "apple": "Apple",
    "wns": "Microsoft (WNS)",
    "sandbox": "the sandbox",
}

_LEFT = """
SELECT date_trunc('week', ended_at AT TIME ZONE 'UTC')::date, ended_why, service, count(*)
FROM subscribers_subscriber
WHERE site_id = %s AND NOT (state IN ('active', 'imported')) AND ended_at >= %s AND NOT is_test GROUP BY 1, 2, 3
"""
_CAME = """
SELECT date_trunc('week', person.subscribed_at AT TIME ZONE 'UTC')::date, count(*)
FROM subscribers_subscriber person WHERE {live} AND person.subscribed_at >= %s GROUP BY 1
"""
_DORMANT = "SELECT {counts} FROM subscribers_subscriber person WHERE {live}"
_SAID = {
    "410": "410 from {service}: its data was cleared, or permission was taken away",
    "404": "404 from {service}: the push service knows no such subscription",
    "visitor": "Unsubscribed on the website",
    "console": "Unsubscribed in this console",
    "dormant": "Not seen for long, unsubscribed in this console",
    "replaced": "Replaced by a newer subscription of the same browser",
    "flood": "Came in a flood of subscriptions, and nobody was ever there",
    "key": "Paused: made with another server key ({service})",
    "": "Before reasons were kept",
}


@dataclass
class Week:
    """`left` is how many for each reason, the most frequent first."""

    begins: date
    came: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def left(self) -> list[tuple[str, int]]:
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))

    @property
    def total(self) -> int:
        return self.counts.total()


def losses(site_id: int) -> list[Week]:
    """List the last weeks, the newest first."""
    today = timezone.now().date()
    monday = today - timedelta(days=today.weekday())
    weeks = {begins: Week(begins) for begins in (monday - timedelta(weeks=back) for back in range(WEEKS))}
    since = datetime.combine(min(weeks), datetime.min.time(), timezone.get_default_timezone())
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, [site_id, since])
        for begins, why, service, number in cursor.fetchall():
            said = _SAID.get(why, why).format(service=SERVICES.get(service, service))
            weeks[begins].counts[said] += number
        cursor.execute(_CAME.format(live=LIVE), [site_id, since])
        for begins, number in cursor.fetchall():
            weeks[begins].came = number
    return list(weeks.values())


def dormant(site_id: int) -> list[tuple[int, int]]:
    """Count the subscribed who have not been seen for so many days."""
    counts = ", ".join("count(*) FILTER (WHERE person.seen_at < %s)" for _ in DORMANT_DAYS)
    limits = [timezone.now() - timedelta(days=days) for days in DORMANT_DAYS]
    with connection.cursor() as cursor:
        cursor.execute(_DORMANT.format(counts=counts, live=LIVE), [*limits, site_id])
        return list(zip(DORMANT_DAYS, cursor.fetchone(), strict=True))
