"""In which hour of the day somebody is active: 24 counters by hour (UTC), an octet each, and the best of them.

An hour's weight is twice its own count and once that of each neighbour, so that 18:55 and 19:05 help each other. A
single visit says nothing yet.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.db import connection

HOURS = 24
# At so many in one hour all are halved: what somebody did years ago fades.
MOST = 40
# Two visits in one hour, or three around it.
LEAST_WEIGHT = 4
# Of everybody of a time zone, or of a website.
LEAST_TOGETHER = 20


def add_hours(known: bytes | None, moments: Iterable[datetime]) -> bytes:
    """Count moments; `known` are the counters before, None for none."""
    counts = bytearray(known or bytes(HOURS))
    for at in moments:
        hour = at.astimezone(UTC).hour
        counts[hour] += 1
        if counts[hour] >= MOST:
            counts = bytearray(one // 2 for one in counts)
    return bytes(counts)


def weights(counts: Sequence[int]) -> list[int]:
    return [2 * counts[hour] + counts[hour - 1] + counts[(hour + 1) % HOURS] for hour in range(HOURS)]


def best_hour(counts: Sequence[int] | None, least: int = LEAST_WEIGHT) -> int | None:
    """Give the hour of the greatest weight, the first of several; None if nothing weighs enough."""
    if counts is None:
        return None
    found = weights(counts)
    return found.index(max(found)) if max(found) >= least else None


def best_hour_sql(column: str) -> str:
    """Write best_hour() over a column as SQL: weight and hour in one number, so that the greatest holds both."""
    at = [f"get_byte({column}, {hour})" for hour in range(HOURS)]
    each = (
        f"(2 * {at[hour]} + {at[hour - 1]} + {at[(hour + 1) % HOURS]}) * 32 + {HOURS - 1 - hour}"
        for hour in range(HOURS)
    )
    best = f"CASE WHEN most >= {LEAST_WEIGHT * 32} THEN {HOURS - 1} - (most & 31) END"
    return f"(SELECT {best} FROM (SELECT greatest({', '.join(each)}) AS most OFFSET 0) weighed)"  # noqa: S608


_SUMS = ", ".join(f"sum(get_byte(hours, {hour}))::int" for hour in range(HOURS))
# What people of a time zone, and of the website, do together.
TOGETHER = f"""
SELECT time_zone, {_SUMS} FROM subscribers_subscriber
WHERE site_id = %s AND state = 'active' AND NOT is_test AND hours IS NOT NULL GROUP BY time_zone
"""  # noqa: S608  # nothing of it is given from outside


def best_together(rows: Iterable[Sequence[object]]) -> tuple[dict[str, int], int | None]:
    """From the rows of TOGETHER: the best hour of each time zone that says enough, and that of the website."""
    whole = [0] * HOURS
    zones: dict[str, int] = {}
    for zone, *sums in rows:
        counts = [int(str(one)) for one in sums]
        whole = [a + b for a, b in zip(whole, counts, strict=True)]
        best = best_hour(counts) if sum(counts) >= LEAST_TOGETHER else None
        if best is not None:
            zones[str(zone)] = best
    return zones, best_hour(whole)


# Of the newest, through the audience's index: a figure to decide by, not to bill by.
NEWEST = 10_000
_KNOWN = f"""
SELECT count(*), count({best_hour_sql("hours")}) FROM (
    SELECT hours FROM subscribers_subscriber WHERE id = ANY(ARRAY(
        SELECT id FROM subscribers_subscriber WHERE site_id = %s AND state = 'active' AND NOT is_test
        ORDER BY id DESC LIMIT {NEWEST}))) newest
"""  # noqa: S608  # nothing of it is given from outside


def share_known(site_id: int) -> int | None:
    """Of how many of a website's newest subscribers the best hour is known, in percent; None if there are none."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [site_id])
        people, known = cursor.fetchone()
    return round(100 * known / people) if people else None
