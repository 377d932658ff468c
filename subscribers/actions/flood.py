"""A flood of subscriptions: people are told, who came with it is marked, and nobody real is lost.

Marked rows get messages like all others. The mark goes with the first sign that there is a browser behind it: it
displays or is clicked on, or comes back to the website an hour later (which a script can do too, if it keeps what it
made); and with the subscription, when that ends. Where no sign comes for LASTS, the subscription ends.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from subscribers.actions.subscription import mark_gone
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

# The newest rows alone are looked at, as many as so many web processes take in a minute.
_PROCESSES = 10
# Who filled the website up to its limit came in the minute before it was reached (subscribers.flood.BURST_PART).
_NEWEST = "FROM subscribers_subscriber WHERE site_id = %(site)s AND state = 'active' AND NOT is_test"
_MARK = f"""
UPDATE subscribers_subscriber SET flooded_at = now() WHERE id = ANY(ARRAY(
    SELECT id {_NEWEST} AND id >= (SELECT min(id) FROM (SELECT id {_NEWEST} ORDER BY id DESC LIMIT %(most)s) newest)
        AND first_seen_at >= now() - interval '1 minute' AND flooded_at IS NULL AND consent_origin <> ''
    ORDER BY id FOR UPDATE))
"""  # noqa: S608  # constants of this code


@transaction.atomic
def note_flood(*, tenant_id: int, site_id: int, is_of_all: bool) -> int:
    """Tell the workspace and the staff of a flood; answer how many were marked: who came in the last minute.

    Nobody is where it comes from one address (`is_of_all` is false): which of the others came from there is not kept.
    People are told once in TOLD_AGAIN. The visitors are the actors, so no audit row.
    """
    marked = _mark(site_id) if is_of_all else 0
    quiet = Q(flooded_at=None) | Q(flooded_at__lt=Now() - TOLD_AGAIN)
    if Site.objects.filter(quiet, pk=site_id).update(flooded_at=Now()):
        name = Site.objects.values_list("name", flat=True).get(pk=site_id)
        text = (
            f"A flood of new subscriptions on {name}{'' if is_of_all else ', from one address'}. What is too much is "
            "refused, and comes again at the next page; who comes with it is marked, and ends after "
            f"{LASTS.days} days if nobody shows up."
        )
        raise_alert(KIND, tenant_id, text, site_id=site_id)
        tell(
            tenant_id,
            who_may(tenant_id, Role.ADMIN, site_id=site_id),
            site_id=site_id,
            kind="flood",
            text=text,
            path=f"/sites/{site_id}/",
        )
    return marked


def _mark(site_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_MARK, {"site": site_id, "most": _PROCESSES * settings.SUBSCRIBE_PER_MINUTE})
        return int(cursor.rowcount)


def flooded(site_id: int) -> int:
    """Count who is subscribed, came in a flood and has shown nothing of themselves since."""
    marked = Subscriber.objects.filter(site_id=site_id, flooded_at__isnull=False)
    return marked.filter(state=Subscriber.State.ACTIVE).count()


def settle(signs: str) -> Iterator[int]:
    """End what has shown no sign of life since LASTS, then take marks away where there is one; some rows at a time.

    `signs` is SQL about the subscriber `person`: what else than coming back is one. Who is paused with the key keeps
    the mark.
    """
    shown = f"(person.seen_at >= person.first_seen_at + {_BACK} OR {signs})"
    late = f"person.flooded_at < now() - make_interval(days => {LASTS.days})"
    yield from _settled(
        f"person.state = 'active' AND NOT {shown} AND {late}", partial(mark_gone, why="flood")
    )
    yield from _settled(f"person.state IN ('gone', 'unsubscribed') OR {shown}", _unmark)


def _unmark(subscriber_ids: list[int]) -> int:
    return Subscriber.objects.filter(pk__in=subscriber_ids).update(flooded_at=None)


def _settled(which: str, verb: Callable[[list[int]], int]) -> Iterator[int]:
    sql = f"""
        SELECT person.id FROM subscribers_subscriber person WHERE person.flooded_at IS NOT NULL AND ({which})
        ORDER BY person.id LIMIT {ROWS} FOR UPDATE
    """  # noqa: S608  # constants of this code
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
            changed = verb([pk for (pk,) in cursor.fetchall()])
        if not changed:
            return
        yield changed
