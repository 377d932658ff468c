"""Whom a send reached, by what kind of people they are and over time; too much for a page to count each time."""

import statistics
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from campaigns.delivery.outcomes import Outcome
from campaigns.models import Receipt, Send
from campaigns.resend_audience import ends_of, has_bit

# What is counted by, as the page names it; the first letter of a language is enough to be told apart by its country.
DIMENSIONS = {
    "service": "Push service", "browser": "Browser", "os": "System", "device": "Device", "country": "Country",
    "language": "Language", "time_zone": "Time zone",
}  # fmt: skip
MOST_VALUES = 30
# The medians of so many sends are what is typical.
TYPICAL_OF = 20
TYPICAL_LEAST = 10
TYPICAL_FROM = 3
# How long a step over time is, in seconds, by how long ago the send began.
_STEPS = ((timedelta(hours=1), 60), (timedelta(hours=6), 300), (timedelta.max, 3600))

_ROOTS = """
SELECT id, ids, displayed, clicked, zone FROM campaigns_batch
WHERE send_id = %s AND root_id IS NULL AND id > %s ORDER BY id LIMIT 1
"""
_REPORTED = "SELECT kind, ordinal FROM campaigns_receipt WHERE batch_id = %s AND kind = ANY(%s)"
_COUNT = """
SELECT grouping(person.service, person.browser, person.os, person.device, person.country,
        split_part(person.language, '-', 1), person.time_zone),
    person.service, person.browser, person.os, person.device, person.country, split_part(person.language, '-', 1),
    person.time_zone, count(*), count(*) FILTER (WHERE got.accepted), count(*) FILTER (WHERE got.displayed),
    count(*) FILTER (WHERE got.clicked)
FROM unnest(%s::bigint[], %s::bool[], %s::bool[], %s::bool[]) AS got (id, accepted, displayed, clicked)
LEFT JOIN subscribers_subscriber person ON person.id = got.id
GROUP BY GROUPING SETS ((person.service), (person.browser), (person.os), (person.device), (person.country),
    (split_part(person.language, '-', 1)), (person.time_zone))
"""
_OVER_TIME = """
SELECT kind, floor(extract(epoch FROM at - %s) / %s)::int, count(*) FROM campaigns_receipt
WHERE batch_id = ANY(%s) AND kind = ANY(%s) AND at >= %s GROUP BY 1, 2
"""
_KINDS = [Receipt.Kind.DISPLAYED.value, Receipt.Kind.CLICKED.value]


class Typical(NamedTuple):
    """Medians of a website's last sends, in percent; `sends` is how many there were."""

    sends: int
    accepted: float
    displayed: float
    clicked: float
    gone: float


def break_down(send: Send, now: datetime) -> dict[str, Any]:
    """Count a send by every dimension: {"at", "by": {dimension: [[value, audience, accepted, displayed, clicked]]},
    "over_time": {"seconds": of a step, "displayed": [...], "clicked": [...]}}; 3 s for a million recipients.
    """  # fmt: skip
    sums: dict[str, dict[str, list[int]]] = {name: {} for name in DIMENSIONS}
    roots = []
    for root_id, *columns in _batches(send.pk):
        roots.append(root_id)
        _add(sums, columns)
    return {
        "at": now.isoformat(),
        "by": {name: _most(values) for name, values in sums.items()},
        "over_time": _over_time(send, roots, now),
    }


def _batches(send_id: int) -> Iterator[tuple[int, list[int], list[bool], list[bool], list[bool]]]:
    """Each root batch with what became of its recipients, one at a time."""
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_ROOTS, [send_id, last])
            row = cursor.fetchone()
            if row is None:
                return
            last, ids, displayed, clicked, _ = row
            cursor.execute(_REPORTED, [last, _KINDS])
            said = set(cursor.fetchall())
        ends = ends_of(last)
        places = range(len(ids))
        yield (
            last,
            ids,
            [ends.get(place) is Outcome.ACCEPTED for place in places],
            [(_KINDS[0], place) in said or has_bit(displayed, place) for place in places],
            [(_KINDS[1], place) in said or has_bit(clicked, place) for place in places],
        )


def _add(sums: dict[str, dict[str, list[int]]], columns: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, columns)
        for grouping, *values, audience, accepted, displayed, clicked in cursor.fetchall():
            # Of the bits, the first column's being the highest, the one that is not set is what was grouped by.
            place = next(n for n in range(len(DIMENSIONS)) if not grouping >> (len(DIMENSIONS) - 1 - n) & 1)
            name = list(DIMENSIONS)[place]
            known = sums[name].setdefault(values[place] or "", [0, 0, 0, 0])
            for number, more in enumerate((audience, accepted, displayed, clicked)):
                known[number] += more


def _most(values: dict[str, list[int]]) -> list[list[Any]]:
    """The most frequent, and all others together as "*"; "" is who is not known, or no longer there."""
    rows: list[list[Any]] = [[name, *numbers] for name, numbers in values.items()]
    rows.sort(key=lambda row: (-row[1], row[0]))
    rest = rows[MOST_VALUES:]
    if not rest:
        return rows
    return [*rows[:MOST_VALUES], ["*", *(sum(row[number] for row in rest) for number in range(1, 5))]]


def _over_time(send: Send, roots: list[int], now: datetime) -> dict[str, Any]:
    """Receipts by step since the launch. The raw ones live some days: what was counted while they did is kept."""
    begun = send.launched_at or now
    seconds = next(step for age, step in _STEPS if now - begun <= age)
    with connection.cursor() as cursor:
        cursor.execute(_OVER_TIME, [begun, seconds, roots, _KINDS, begun])
        rows = cursor.fetchall()
    steps = max((step for _, step, _ in rows), default=-1) + 1
    made: dict[str, Any] = {"seconds": seconds, "displayed": [0] * steps, "clicked": [0] * steps}
    for kind, step, count in rows:
        made["displayed" if kind == _KINDS[0] else "clicked"][step] = count
    known = send.breakdown.get("over_time")
    if known and sum(known["displayed"]) > sum(made["displayed"]):
        return dict(known)
    return made


def typical(send: Send) -> Typical | None:
    """What is usual for the website: medians over its last sends but this; None for fewer than TYPICAL_FROM."""
    others = Send.objects.filter(
        site_id=send.site_id, kind=Send.Kind.CAMPAIGN, state=Send.State.FINISHED, accepted__gte=TYPICAL_LEAST
    ).exclude(pk=send.pk)
    names = ("audience", "accepted", "displayed", "clicked", "gone")
    rows = list(others.order_by("-pk").values_list(*names)[:TYPICAL_OF])
    if len(rows) < TYPICAL_FROM:
        return None
    return Typical(
        len(rows),
        accepted=statistics.median(100 * row[1] / row[0] for row in rows),
        displayed=statistics.median(min(100.0, 100 * row[2] / row[1]) for row in rows),
        clicked=statistics.median(min(100.0, 100 * row[3] / row[2]) if row[2] else 0.0 for row in rows),
        gone=statistics.median(100 * row[4] / row[0] for row in rows),
    )
