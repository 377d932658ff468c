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
_RESERVE = f"""
INSERT INTO campaigns_capuse AS known (subscriber_id, sends, times)
SELECT id, ARRAY[%(send)s::bigint], ARRAY[clock_timestamp()]
FROM unnest(%(ids)s::bigint[]) AS given (id) ORDER BY id
ON CONFLICT (subscriber_id) DO UPDATE SET
    sends = known.sends[{_OLD} + 1 :] || excluded.sends,
    times = known.times[{_OLD} + 1 :] || clock_timestamp()
WHERE NOT %(send)s = ANY(known.sends) AND {{free}}
RETURNING subscriber_id
"""  # noqa: S608  # nothing of it is given from outside
_WHY = """
SELECT subscriber_id, NOT {after_gap} FROM campaigns_capuse known
WHERE subscriber_id = ANY(%(ids)s) AND NOT %(send)s = ANY(sends)
"""
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


def is_free(rule: Restraint) -> str:
    """Write the condition over `campaigns_capuse known` that somebody may get one more; `rule` must count something."""
    caps = ((rule.per_hour, "1 hour"), (rule.per_day, "1 day"), (rule.per_week, "7 days"))
    within = [_nth_newest_is_older(number, span) for number, span in caps if number]
    return " AND ".join([*within, _after_gap(rule)])


def _after_gap(rule: Restraint) -> str:
    return _nth_newest_is_older(1, f"{rule.gap_minutes:d} minutes") if rule.gap_minutes else "true"


def _nth_newest_is_older(number: int, span: str) -> str:
    newest = f"known.times[cardinality(known.times) - {number:d} + 1]"
    return f"coalesce({newest} <= clock_timestamp() - interval '{span}', true)"


def reserve(send_id: int, ids: Sequence[int], rule: Restraint) -> dict[int, Skip]:
    """Reserve a place for each of these subscribers; answer who has none, and why. A statement or two of its own."""
    if not ids or not rule.counts:
        return {}
    values: dict[str, Any] = {"send": send_id, "ids": sorted(ids), "remembers": rule.remembers}
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE.format(free=is_free(rule)), values)
        rest = set(ids) - {pk for (pk,) in cursor.fetchall()}
        if not rest:
            return {}
        cursor.execute(_WHY.format(after_gap=_after_gap(rule)), {"send": send_id, "ids": sorted(rest)})
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
