"""What is said of subscribers: put into an inbox at once, folded into profiles and event facts in batches.

A call costs one insert. The fold takes what has come of one workspace, at most FOLD_ROWS at a time, merges it per
person in memory, and writes two statements: a row of a subscriber changes once for all that was said meanwhile.
"""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django_q.tasks import async_task

from subscribers.actions.funnel import FOLD_ROWS as FUNNEL_ROWS
from subscribers.actions.funnel import fold_steps
from subscribers.actions.told import MARK_SECONDS, mark_told
from subscribers.hours import add_hours
from subscribers.models import Inbox
from subscribers.profiles import (
    MOST_EVENT_NAMES,
    ProfileRefused,
    Told,
    merge_attributes,
    merge_tags,
)
from tenants.doorway import in_tenant
from tenants.models import Tenant
from tenants.problem_notes import note_error

log = logging.getLogger(__name__)

FOLD_ROWS = 2000
RECENT = 20
TASK = "subscribers.tasks.fold_told"
_SETTLED = timedelta(seconds=5 * MARK_SECONDS)

_TAKE = "SELECT id, subscriber_id, told, at FROM subscribers_inbox ORDER BY id LIMIT %s"
# Locked in order of id, as everything locks several subscribers.
_READ = """
SELECT id, tags, attributes, hours FROM subscribers_subscriber WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_WRITE = """
UPDATE subscribers_subscriber person SET
    tags = given.tags, attributes = given.attributes, seen_at = greatest(person.seen_at, given.seen_at),
    external_id = coalesce(given.external_id, person.external_id),
    sessions = least(person.sessions + given.sessions, 2000000000),
    pages = least(person.pages + given.pages, 2000000000), hours = coalesce(given.hours, person.hours)
FROM jsonb_to_recordset(%s::jsonb) AS given (id bigint, tags varchar[], attributes jsonb, external_id varchar,
    sessions integer, pages integer, seen_at timestamptz, hours bytea)
WHERE person.id = given.id
"""
_NAMES = "SELECT subscriber_id, name FROM subscribers_eventfact WHERE subscriber_id = ANY(%s)"
_ADD = """
INSERT INTO subscribers_eventfact AS known
    (subscriber_id, name, count, first_at, last_at, last_properties, recent)
SELECT given.* FROM jsonb_to_recordset(%s::jsonb) AS given (subscriber_id bigint, name varchar, count integer,
    first_at timestamptz, last_at timestamptz, last_properties jsonb, recent timestamptz[])
ORDER BY given.subscriber_id, given.name
ON CONFLICT (subscriber_id, name) DO UPDATE SET
    count = least(known.count::bigint + excluded.count, 2000000000),
    first_at = least(known.first_at, excluded.first_at),
    last_at = greatest(known.last_at, excluded.last_at),
    last_properties = CASE WHEN excluded.last_at >= known.last_at THEN excluded.last_properties
                           ELSE known.last_properties END,
    recent = ARRAY(SELECT at FROM unnest(known.recent || excluded.recent) at ORDER BY at DESC LIMIT 20)
"""


class Said(NamedTuple):
    """One row of the inbox."""

    told: Told
    at: datetime


def tell(*, tenant_id: int, subscriber_id: int, told: Told) -> None:
    """Keep what was said; it is in the profile some seconds later. Call inside the tenant."""
    Inbox.objects.create(subscriber_id=subscriber_id, told=told.as_json())
    mark_told(tenant_id)


def fold_all() -> int:
    """Fold the inboxes of workspaces that were told something, a slice each by turns; answer how many rows.

    After UPKEEP_SECONDS the task goes on behind what else waits.
    """
    until, folded = time.monotonic() + settings.UPKEEP_SECONDS, 0
    waiting = list(
        Tenant.objects.filter(told_at__isnull=False, state=Tenant.State.ACTIVE).order_by("told_at")
    )
    while waiting:
        still = []
        for tenant in waiting:
            if time.monotonic() >= until:
                async_task(TASK, cluster=settings.SHORT_QUEUE)
                return folded
            rows, is_more = _fold_tenant(tenant)
            folded += rows
            if is_more:
                still.append(tenant)
        waiting = still
    return folded


def _fold_tenant(tenant: Tenant) -> tuple[int, bool]:
    """Fold a slice of the inbox and one of the funnel; answer how many rows, and whether more of them waits."""
    begun = timezone.now()
    told, steps = (_tried(tenant, name, work) for name, work in (("inbox", fold), ("funnel", fold_steps)))
    is_more = told == FOLD_ROWS or steps == FUNNEL_ROWS
    if told is not None and steps is not None and not is_more:
        # All that was there is folded. A row that was written under a mark so old was committed long before that.
        Tenant.objects.filter(pk=tenant.pk, told_at__lt=begun - _SETTLED).update(told_at=None)
    return (told or 0) + (steps or 0), is_more


def _tried(tenant: Tenant, name: str, work: Callable[[], int | None]) -> int | None:
    """Fold one of the two; what is wrong with it must not keep the other waiting. None as from `work`."""
    try:
        with in_tenant(tenant.schema_name):
            return work()
    except DatabaseError as error:
        log.error("%s of %s failed: %s", name, tenant.schema_name, str(error).splitlines()[0])
        note_error(error, tenant_id=tenant.pk)
        return None


@transaction.atomic
def fold() -> int | None:
    """Fold the oldest rows of this tenant's inbox; answer how many, None while another process is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('inbox'), hashtext(current_schema()))")
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(_TAKE, [FOLD_ROWS])
        rows = cursor.fetchall()
        if rows:
            said: dict[int, list[Said]] = defaultdict(list)
            for _, subscriber_id, told, at in rows:
                said[subscriber_id].append(Said(Told.from_json(json.loads(told)), at))
            apply(said)
            cursor.execute("DELETE FROM subscribers_inbox WHERE id = ANY(%s)", [[row[0] for row in rows]])
    return len(rows)


def apply(said: dict[int, list[Said]]) -> None:
    """Merge what was said into profiles and facts, inside a transaction; of who is no longer there it is dropped."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [sorted(said)])
        people = cursor.fetchall()
        written = [
            {**_merged(pk, tags, json.loads(attributes), said[pk]), "hours": _hours(hours, said[pk])}
            for pk, tags, attributes, hours in people
        ]
        cursor.execute(_WRITE, [json.dumps(written)])
        facts = _facts({pk: said[pk] for pk, *_ in people})
        if facts:
            cursor.execute(_NAMES, [sorted({fact["subscriber_id"] for fact in facts})])
            cursor.execute(_ADD, [json.dumps(_within_limit(facts, cursor.fetchall()))])


_READ_HOURS = "SELECT id, hours FROM subscribers_subscriber WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_WRITE_HOURS = """
UPDATE subscribers_subscriber person SET hours = given.hours
FROM unnest(%s::bigint[], %s::bytea[]) AS given (id, hours) WHERE person.id = given.id
"""


def was_active(moments: Mapping[int, datetime]) -> None:
    """Count an hour for each of these subscribers, inside a transaction: the browser is the actor, no audit row."""
    if not moments:
        return
    with connection.cursor() as cursor:
        cursor.execute(_READ_HOURS, [sorted(moments)])
        counted = {pk: add_hours(hours and bytes(hours), [moments[pk]]) for pk, hours in cursor.fetchall()}
        cursor.execute(_WRITE_HOURS, [list(counted), list(counted.values())])


def _merged(pk: int, tags: list[str], attributes: dict[str, Any], said: list[Said]) -> dict[str, Any]:
    external_id: str | None = None
    for told, _ in said:
        try:
            tags, attributes = merge_tags(tags, told), merge_attributes(attributes, told)
        except ProfileRefused:
            # Each was looked at when it came; together, at the same moment, they are too many: the earlier ones stay.
            continue
        external_id = external_id if told.external_id is None else told.external_id
    return {
        "id": pk,
        "tags": tags,
        "attributes": attributes,
        "external_id": external_id,
        "sessions": sum(one.told.sessions for one in said),
        "pages": sum(one.told.pages for one in said),
        "seen_at": max(one.at for one in said).isoformat(),
    }


def _hours(known: bytes | None, said: list[Said]) -> str | None:
    """Count when the person was there, as PostgreSQL reads octets in JSON; None where nobody was."""
    moments = [at for told, at in said if told.sessions or told.pages]
    moments += [at - timedelta(seconds=event.ago) for told, at in said for event in told.events]
    return f"\\x{add_hours(known and bytes(known), moments).hex()}" if moments else None


def _facts(said: dict[int, list[Said]]) -> list[dict[str, Any]]:
    """Roll events up: one fact for each person and name."""
    moments: dict[tuple[int, str], list[tuple[datetime, dict[str, Any]]]] = defaultdict(list)
    for pk, rows in said.items():
        for told, at in rows:
            for event in told.events:
                moments[pk, event.name].append((at - timedelta(seconds=event.ago), event.properties))
    facts = []
    for (pk, name), found in moments.items():
        found.sort(key=lambda one: one[0], reverse=True)
        facts.append(
            {
                "subscriber_id": pk,
                "name": name,
                "count": len(found),
                "first_at": found[-1][0].isoformat(),
                "last_at": found[0][0].isoformat(),
                "last_properties": found[0][1],
                "recent": [at.isoformat() for at, _ in found[:RECENT]],
            }
        )
    return facts


def _within_limit(facts: list[dict[str, Any]], known: list[tuple[int, str]]) -> list[dict[str, Any]]:
    """Leave out events by which a subscriber would have more than MOST_EVENT_NAMES different ones."""
    names: dict[int, set[str]] = defaultdict(set)
    for pk, name in known:
        names[pk].add(name)
    kept = []
    for fact in facts:
        mine = names[fact["subscriber_id"]]
        if fact["name"] in mine or len(mine) < MOST_EVENT_NAMES:
            mine.add(fact["name"])
            kept.append(fact)
    return kept
