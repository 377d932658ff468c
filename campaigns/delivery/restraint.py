"""Frequency caps, exact under any number of workers: a place is reserved per grant, in one statement, by the send.

A recipient who is reserved for this send already, by a worker that died or by an earlier attempt, is neither counted
twice nor refused. Whoever is not reached in the end gives the place back.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from campaigns.delivery.outcomes import Outcome, Result, Skip
from campaigns.timing import zone_of
from subscribers.restraint import Restraint

# Rows are locked in the order of their ids, as everywhere (campaigns.delivery.record). Times ascend, since they are
# appended under the row's lock: so "fewer than n within a span" is a look at the n-th newest, and what is older than
# the longest span is a slice that goes with each write. A row stays as short as its cap.
_OLD = "(SELECT count(*) FROM unnest(known.times) AS at WHERE at <= clock_timestamp() - %(remembers)s)"
_WITHIN = """coalesce(
        known.times[cardinality(known.times) - %({name})s::int + 1] <= clock_timestamp() - interval '{span}', true)"""
_GAP = """coalesce(
        known.times[cardinality(known.times)] <= clock_timestamp() - %(gap)s::interval, true)"""
_RESERVE = f"""
INSERT INTO campaigns_capuse AS known (subscriber_id, sends, times)
SELECT id, ARRAY[%(send)s::bigint], ARRAY[clock_timestamp()]
FROM unnest(%(ids)s::bigint[]) AS given (id) ORDER BY id
ON CONFLICT (subscriber_id) DO UPDATE SET
    sends = known.sends[{_OLD} + 1 :] || excluded.sends,
    times = known.times[{_OLD} + 1 :] || clock_timestamp()
WHERE NOT %(send)s = ANY(known.sends)
    AND {_WITHIN.format(name="per_hour", span="1 hour")} AND {_WITHIN.format(name="per_day", span="1 day")}
    AND {_WITHIN.format(name="per_week", span="7 days")} AND {_GAP}
RETURNING subscriber_id
"""  # noqa: S608  # nothing of it is given from outside
_WHY = f"""
SELECT subscriber_id, NOT {_GAP} FROM campaigns_capuse known
WHERE subscriber_id = ANY(%(ids)s) AND NOT %(send)s = ANY(sends)
"""  # noqa: S608
_GIVE_BACK = """
UPDATE campaigns_capuse known SET
    sends = coalesce((SELECT array_agg(use.send ORDER BY use.at) FROM unnest(known.sends, known.times) AS use (send, at)
                      WHERE use.send <> %(send)s), '{}'),
    times = coalesce((SELECT array_agg(use.at ORDER BY use.at) FROM unnest(known.sends, known.times) AS use (send, at)
                      WHERE use.send <> %(send)s), '{}')
FROM (SELECT subscriber_id FROM campaigns_capuse WHERE subscriber_id = ANY(%(ids)s) AND %(send)s = ANY(sends)
      ORDER BY subscriber_id FOR UPDATE) mine
WHERE known.subscriber_id = mine.subscriber_id
"""
_NOT_REACHED = frozenset({Outcome.FAILED, Outcome.GONE, Outcome.EXPIRED, Outcome.SKIPPED, Outcome.CANCELLED})


def reserve(send_id: int, ids: Sequence[int], rule: Restraint) -> dict[int, Skip]:
    """Reserve a place for each of these subscribers; answer who has none, and why. A statement or two of its own."""
    if not ids or not rule.counts:
        return {}
    values: dict[str, Any] = {
        "send": send_id,
        "ids": sorted(ids),
        "remembers": rule.remembers,
        "per_hour": rule.per_hour,
        "per_day": rule.per_day,
        "per_week": rule.per_week,
        "gap": f"{rule.gap_minutes} minutes" if rule.gap_minutes else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, values)
        rest = set(ids) - {pk for (pk,) in cursor.fetchall()}
        if not rest:
            return {}
        cursor.execute(_WHY, {**values, "ids": sorted(rest)})
        return {pk: Skip.GAP if is_gap else Skip.CAPPED for pk, is_gap in cursor.fetchall()}


def give_back(send_id: int, results: Sequence[Result]) -> None:
    """Free the places of whoever was not reached. Call in the transaction that writes down what became of them."""
    ids = sorted({result.subscriber_id for result in results if result.outcome in _NOT_REACHED})
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, {"send": send_id, "ids": ids})


class Quiet(NamedTuple):
    """Quiet hours of a website, looked up once a grant for each time zone; who has none has the website's."""

    rule: Restraint
    site_zone: str
    known: dict[str, float]

    def seconds(self, zone: str, now: datetime) -> float:
        """How long it is still quiet there, 0 if it is not."""
        found = self.known.get(zone)
        if found is None:
            found = self.known[zone] = self.rule.quiet_for(now.astimezone(zone_of(zone or self.site_zone)))
        return found
