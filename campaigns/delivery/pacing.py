"""How fast: rates that people set (tenants.Pace) and lanes that are slowed down (tenants.Throttle).

Both are a generic cell rate algorithm on one row that all workers share: `next_at` is when the next message may
leave, and taking n moves it by n / rate. Nothing is rounded, so 1,019 a minute is 1,019 a minute with any number of
workers. A worker that comes late may catch up on at most CATCH_UP seconds, so no second has more than twice its share.
"""

import time
from dataclasses import dataclass
from typing import ClassVar

from django.db import connection

CATCH_UP = 0.9
GRANTED_SECONDS = 1.0


@dataclass(frozen=True)
class Allowance:
    """What may leave now: `most` messages from `start` on (monotonic seconds), one each `spacing` seconds.

    `waits` is how many seconds nothing may leave yet. `keys` are the rows that are locked, with their spacing.
    """

    # A grant may be taken so long before its first message may leave.
    LEAD: ClassVar[float] = 0.25

    most: int = 10**9
    start: float = 0.0
    spacing: float = 0.0
    waits: float = 0.0
    table: str = ""
    keys: tuple[tuple[str, float], ...] = ()


FREE = Allowance()

_PACES = """
SELECT key, 60.0 / per_minute,
    extract(epoch FROM greatest(next_at, clock_timestamp() - make_interval(secs => %s)) - clock_timestamp())::float8
FROM tenants_pace WHERE key = ANY(%s) ORDER BY key FOR UPDATE
"""

_LANE = """
SELECT lane, 1.0 / per_second,
    extract(epoch FROM greatest(next_at, clock_timestamp() - make_interval(secs => %s)) - clock_timestamp())::float8
FROM tenants_throttle WHERE lane = %s FOR UPDATE
"""

_TAKE = {
    "pace": """
        UPDATE tenants_pace
        SET next_at = greatest(next_at, clock_timestamp() - make_interval(secs => %s)) + make_interval(secs => %s)
        WHERE key = %s""",
    "lane": """
        UPDATE tenants_throttle
        SET next_at = greatest(next_at, clock_timestamp() - make_interval(secs => %s)) + make_interval(secs => %s)
        WHERE lane = %s""",
}


def pace_keys(tenant_id: int, site_id: int, send_id: int) -> list[str]:
    """Name the rows of Pace that hold for a send."""
    return [f"tenant:{tenant_id}", f"site:{tenant_id}:{site_id}", f"send:{tenant_id}:{send_id}"]


def spread_rate(recipients: int, minutes: int) -> float:
    """Messages a minute that use up the time; never none."""
    return max(recipients, 1) / minutes


def allowance(tenant_id: int, site_id: int, send_id: int) -> Allowance:
    """Lock the rates that hold for this send and say what they allow. Call in a transaction."""
    return _read(_PACES, pace_keys(tenant_id, site_id, send_id), "pace", CATCH_UP)


def lane_allowance(lane: str) -> Allowance:
    """Lock a slowed lane and say what it allows; it never catches up. Call in a transaction."""
    return _read(_LANE, lane, "lane", 0.0)


def _read(statement: str, keys: list[str] | str, table: str, catch_up: float) -> Allowance:
    with connection.cursor() as cursor:
        cursor.execute(statement, [catch_up, keys])
        rows = cursor.fetchall()
    if not rows:
        return FREE
    waits = max(0.0, *(ahead for _, _, ahead in rows))
    spacing = max(float(spacing) for _, spacing, _ in rows)
    return Allowance(
        most=max(1, int(GRANTED_SECONDS / spacing)),
        start=time.monotonic() + max(ahead for _, _, ahead in rows),
        spacing=spacing,
        waits=waits if waits > Allowance.LEAD else 0.0,
        table=table,
        keys=tuple((key, float(each)) for key, each, _ in rows),
    )


def take(allowed: Allowance, number: int) -> None:
    """Use up what was granted, in the transaction that asked for it."""
    catch_up = CATCH_UP if allowed.table == "pace" else 0.0
    with connection.cursor() as cursor:
        for key, spacing in allowed.keys:
            cursor.execute(_TAKE[allowed.table], [catch_up, number * spacing, key])


def give_back(allowed: Allowance, number: int) -> None:
    """Return places that nobody used, so that a worker that stops takes nothing from the rate.

    A statement and a transaction for each row: whoever asks for an allowance locks them all, in an order of its own.
    """
    if allowed.table != "pace" or number <= 0:
        return
    with connection.cursor() as cursor:
        for key, spacing in allowed.keys:
            cursor.execute(_GIVE_BACK, [number * spacing, key])


_GIVE_BACK = "UPDATE tenants_pace SET next_at = next_at - make_interval(secs => %s) WHERE key = %s"
