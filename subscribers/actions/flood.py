"""A flood of subscriptions: people are told, who came with it is marked, and nobody real is lost.

Marked rows get messages like all others. The mark goes with the first sign that there is a browser behind it: it
displays or is clicked on, or comes back to the website. Where none comes for LASTS, the subscription ends.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from subscribers.models import Site, Subscriber
from tenants.actions.alerts import raise_alert
from tenants.actions.notices import tell, who_may
from tenants.models import Role

KIND = "subscription_flood"
LASTS = timedelta(days=30)
TOLD_AGAIN = timedelta(hours=24)
ROWS = 5_000
# A new subscription's first page view is no sign of more than what made it.
_BACK = "interval '1 hour'"

# Who filled the website up to its limit came in the minute before it was reached.
_MARK = """
UPDATE subscribers_subscriber SET flooded_at = now() WHERE id = ANY(ARRAY(
    SELECT id FROM (
        SELECT id, first_seen_at, flooded_at, consent_origin FROM subscribers_subscriber
        WHERE site_id = %s AND state = 'active' AND NOT is_test ORDER BY id DESC LIMIT %s
    ) newest
    WHERE first_seen_at >= now() - interval '1 minute' AND flooded_at IS NULL AND consent_origin <> ''
    ORDER BY id))
"""


@transaction.atomic
def note_flood(*, tenant_id: int, site_id: int) -> int:
    """Mark who came in the last minute, and tell the workspace and the staff; answer how many were marked.

    People are told once in TOLD_AGAIN. The visitors are the actors, so no audit row.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MARK, [site_id, settings.SUBSCRIBE_PER_MINUTE])
        marked = int(cursor.rowcount)
    quiet = Q(flooded_at=None) | Q(flooded_at__lt=Now() - TOLD_AGAIN)
    if Site.objects.filter(quiet, pk=site_id).update(flooded_at=Now()):
        name = Site.objects.values_list("name", flat=True).get(pk=site_id)
        text = (
            f"A flood of new subscriptions on {name}. What is too much is refused, and comes again at the next page; "
            f"the rest is marked, and ends after {LASTS.days} days if nobody shows up."
        )
        raise_alert(KIND, tenant_id, text)
        tell(
            tenant_id,
            who_may(tenant_id, Role.ADMIN, site_id=site_id),
            site_id=site_id,
            kind="flood",
            text=text,
            path=f"/sites/{site_id}/",
        )
    return marked


def flooded(site_id: int) -> int:
    """Count who is subscribed, came in a flood and has shown nothing of themselves since."""
    marked = Subscriber.objects.filter(site_id=site_id, flooded_at__isnull=False)
    return marked.filter(state=Subscriber.State.ACTIVE).count()


def settle(signs: str) -> Iterator[int]:
    """Take marks away where there is a sign of life, then end what has none since LASTS; some rows at a time.

    `signs` is SQL about the subscriber `person`: what else than coming back is one.
    """
    came_back = f"person.seen_at >= person.first_seen_at + {_BACK}"
    real = f"(person.state <> 'active' OR {came_back} OR {signs})"
    yield from _changed("flooded_at = NULL", f"{real}")
    ends = "state = 'gone', ended_at = now(), ended_why = 'flood', flooded_at = NULL"
    yield from _changed(ends, f"NOT {real} AND person.flooded_at < now() - make_interval(days => %(days)s)")


def _changed(values: str, which: str) -> Iterator[int]:
    sql = f"""
        UPDATE subscribers_subscriber SET {values} WHERE id = ANY(ARRAY(
            SELECT person.id FROM subscribers_subscriber person
            WHERE person.flooded_at IS NOT NULL AND {which}
            ORDER BY person.id LIMIT {ROWS} FOR UPDATE))
    """  # noqa: S608  # constants of this code
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, {"days": LASTS.days})
            changed = cursor.rowcount
        if not changed:
            return
        yield changed
