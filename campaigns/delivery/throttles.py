"""Breakers and throttles: what push services' answers say about an origin, or about one VAPID key at it.

Each process counts answers per (origin, tenant, key). Signs of trouble open a row of tenants.Throttle that all
workers obey: recipients of that lane leave their batch for child batches of the lane, without an attempt, and those
are claimed at the lane's rate. A shut lane lets one probe through every 5 s; good answers double the rate each second
until it is what it was, or, above a rate at which the service complained lately, raise it slowly.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction

from campaigns.delivery.outcomes import Answer
from tenants.models import Throttle

# Design: protocol/push-services.md 1.5 and checklist FT-08, FT-09.
BREAKER_CALLS, BREAKER_SHARE = 20, 0.5
FAILING_CALLS, FAILING_SHARE = 100, 0.2
SLOW_CALLS, SLOW_SHARE = 100, 0.2
SHUT_SHARE = 0.9
ORIGIN_CALLS, ORIGIN_TENANTS = 500, 3
REFUSED_CALLS, REFUSED_SHARE = 50, 0.2
REOPENED_PER_SECOND = 10.0
# Above the last ceiling the rate grows by so much a second, and a ceiling is forgotten after so long.
CAUTION, CEILING_SECONDS = 1.02, 60.0
LEAST_PART = 8
LONGEST_PROBE_WAIT = 30.0


class Lane(NamedTuple):
    """A thing that can be slowed down."""

    name: str
    kind: str
    origin: str
    tenant_id: int | None = None
    key_id: int | None = None


class Source(NamedTuple):
    """Where an answer came from, and for whom."""

    origin: str
    tenant_id: int
    key_id: int

    @property
    def origin_lane(self) -> Lane:
        return Lane(f"o:{self.origin}", Throttle.Kind.ORIGIN, self.origin)

    @property
    def key_lane(self) -> Lane:
        name = f"k:{self.tenant_id}:{self.key_id}:{self.origin}"
        return Lane(name, Throttle.Kind.KEY, self.origin, self.tenant_id, self.key_id)


@dataclass(slots=True)
class Meter:
    """Answers of one source since it was last judged."""

    since: float
    seen: int = 0
    failed: int = 0
    slow: int = 0
    refused: int = 0
    retry_after: float = 0.0


class Trip(NamedTuple):
    """A lane that must slow down: to `per_second`, from `normal`; `probe` is the wait until its next message."""

    lane: Lane
    per_second: float
    normal: float
    ceiling: float | None
    reason: str
    probe: float


@dataclass
class Brakes:
    """What this process knows of throttled lanes, and what it has counted itself."""

    active: set[str] = field(default_factory=set)
    is_alarmed: bool = False
    meters: dict[Source, Meter] = field(default_factory=dict)

    def lane_of(self, source: Source) -> str:
        """Name the slowed lane of a recipient, the origin's first; empty if it is free."""
        if not self.active:
            return ""
        for lane in (source.origin_lane.name, source.key_lane.name):
            if lane in self.active:
                return lane
        return ""

    def count(self, source: Source, answer: Answer, retry_after: float | None) -> None:
        meter = self.meters.get(source)
        if meter is None:
            meter = self.meters[source] = Meter(time.monotonic())
        meter.seen += 1
        if answer is Answer.ACCEPTED:
            return
        if answer in (Answer.SERVER_ERROR, Answer.NETWORK):
            meter.failed += 1
            meter.retry_after = max(meter.retry_after, retry_after or 0.0)
        elif answer is Answer.THROTTLED:
            meter.slow += 1
        elif answer in (Answer.NOT_AUTHORISED, Answer.KEY_MISMATCH):
            meter.refused += 1
        # Signs that should not wait for the next page.
        bad = max(meter.failed, meter.slow)
        self.is_alarmed |= meter.seen >= BREAKER_CALLS and bad >= SLOW_SHARE * meter.seen

    def is_key_doubted(self, source: Source) -> bool:
        """Whether so many answers refuse the key that it, not a single subscription, is the likely cause."""
        meter = self.meters.get(source)
        return meter is None or meter.refused >= REFUSED_SHARE * meter.seen

    def judge(self) -> list[Source]:
        """Look at what was counted: slow lanes down, report to lanes that are slow; answer keys that are refused."""
        now, self.is_alarmed = time.monotonic(), False
        trips = [*self._key_trips(now), *self._origin_trips(now)]
        for lane, (seen, bad) in self._reports().items():
            report(lane, seen, bad)
        for trip in trips:
            open_throttle(trip)
            self.active.add(trip.lane.name)
        refused = [source for source, meter in self.meters.items() if _is_refused(meter)]
        self._forget(now, {trip.lane.origin for trip in trips}, set(refused))
        return refused

    def _key_trips(self, now: float) -> Iterable[Trip]:
        for source, meter in self.meters.items():
            if meter.seen < SLOW_CALLS or meter.slow < SLOW_SHARE * meter.seen:
                continue
            if source.key_lane.name not in self.active:
                words = f"{meter.slow} of {meter.seen} answers asked to slow down"
                yield _trip(source.key_lane, (meter.seen, meter.slow), now - meter.since, words)

    def _origin_trips(self, now: float) -> Iterable[Trip]:
        together: defaultdict[str, list[tuple[Source, Meter]]] = defaultdict(list)
        for source, meter in self.meters.items():
            together[source.origin].append((source, meter))
        for members in together.values():
            lane = members[0][0].origin_lane
            if lane.name in self.active:
                continue
            seen = sum(meter.seen for _, meter in members)
            failed = sum(meter.failed for _, meter in members)
            slow = sum(meter.slow for _, meter in members)
            seconds = now - min(meter.since for _, meter in members)
            wait = max(meter.retry_after for _, meter in members)
            if _is_failing(seen, failed, asks_to_wait=wait > 0):
                yield _trip(lane, (seen, failed), seconds, f"{failed} of {seen} requests failed", wait)
            elif seen >= ORIGIN_CALLS and slow >= SLOW_SHARE * seen:
                tenants = {source.tenant_id for source, meter in members if meter.slow}
                if len(tenants) >= ORIGIN_TENANTS:
                    yield _trip(lane, (seen, slow), seconds, f"{slow} of {seen} answers asked to slow down")

    def _reports(self) -> dict[str, tuple[int, int]]:
        """Sum what was counted for lanes that are slow."""
        sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for source, meter in self.meters.items() if self.active else ():
            for lane, bad in ((source.origin_lane, meter.failed), (source.key_lane, meter.slow)):
                if lane.name in self.active and meter.seen:
                    sums[lane.name][0] += meter.seen
                    sums[lane.name][1] += bad
        return {name: (seen, bad) for name, (seen, bad) in sums.items()}

    def _forget(self, now: float, origins: set[str], refused: set[Source]) -> None:
        """Start a meter anew once it was judged on enough answers, reported, or is old."""
        for source in list(self.meters):
            meter = self.meters[source]
            is_reported = bool(self.lane_of(source))
            is_full = meter.seen >= ORIGIN_CALLS or now - meter.since > settings.PUSH_BREAKER_SECONDS
            if source.origin in origins or source in refused or is_reported or is_full:
                del self.meters[source]


def _is_refused(meter: Meter) -> bool:
    return meter.seen >= REFUSED_CALLS and meter.refused > REFUSED_SHARE * meter.seen


def _is_failing(seen: int, failed: int, *, asks_to_wait: bool) -> bool:
    """Half of the requests; or a fifth, where the answers come with a Retry-After, which holds for the origin."""
    return (seen >= BREAKER_CALLS and failed >= BREAKER_SHARE * seen) or (
        asks_to_wait and seen >= FAILING_CALLS and failed >= FAILING_SHARE * seen
    )


def _trip(lane: Lane, counts: tuple[int, int], seconds: float, words: str, wait: float = 0.0) -> Trip:
    seen, bad = counts
    rate = seen / max(seconds, 0.05)
    good = (seen - bad) / max(seconds, 0.05)
    shut = BREAKER_SHARE if lane.kind == Throttle.Kind.ORIGIN else SHUT_SHARE
    probing = 1.0 / settings.PUSH_PROBE_SECONDS
    if bad >= shut * seen:
        probe = min(max(wait, settings.PUSH_PROBE_SECONDS), LONGEST_PROBE_WAIT)
        return Trip(lane, probing, max(rate, 1.0), None, words, probe)
    return Trip(lane, max(good / 2, probing), max(rate, 1.0), max(good, probing), words, 0.0)


_OPEN = """
INSERT INTO tenants_throttle (lane, kind, origin, tenant_id, vapid_key_id, per_second, normal, ceiling, next_at,
    seen, bad, judged_at, since, worse_at, reason)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp() + make_interval(secs => %s), 0, 0, clock_timestamp(),
    clock_timestamp(), clock_timestamp(), %s)
ON CONFLICT (lane) DO NOTHING
"""


def open_throttle(trip: Trip) -> None:
    """Slow a lane down for all workers; whoever was first decides."""
    lane = trip.lane
    values = [
        lane.name, lane.kind, lane.origin, lane.tenant_id, lane.key_id, trip.per_second, trip.normal, trip.ceiling,
        trip.probe, trip.reason[:200],
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, values)
        cursor.execute("NOTIFY truepush_control")


@transaction.atomic
def report(lane: str, seen: int, bad: int) -> None:
    """Add answers of a slow lane, and about once a second let them decide its rate."""
    with connection.cursor() as cursor:
        cursor.execute(_REPORT, [seen, bad, lane])
        row = cursor.fetchone()
    if row is None:
        return
    now = Standing(*row)
    if now.age < settings.PUSH_PROBE_SECONDS / 5 or not _is_enough(now.seen, now.per_second):
        return
    rate = judged_rate(now, probing=1.0 / settings.PUSH_PROBE_SECONDS)
    is_free = rate.per_second >= 2 * now.normal and not now.bad
    with connection.cursor() as cursor:
        if is_free:
            cursor.execute("DELETE FROM tenants_throttle WHERE lane = %s", [lane])
        else:
            cursor.execute(_WORSE if rate.is_worse else _BETTER, [rate.per_second, rate.ceiling, lane])
        cursor.execute("NOTIFY truepush_control")


_REPORT = """
UPDATE tenants_throttle SET seen = seen + %s, bad = bad + %s WHERE lane = %s
RETURNING seen, bad, per_second, normal, ceiling, kind,
    extract(epoch FROM clock_timestamp() - judged_at)::float8, extract(epoch FROM clock_timestamp() - worse_at)::float8
"""

# A lane that got better need not wait out its probe.
_BETTER = """
UPDATE tenants_throttle SET per_second = %s, ceiling = %s, seen = 0, bad = 0, judged_at = clock_timestamp(),
    next_at = least(next_at, clock_timestamp())
WHERE lane = %s
"""

_WORSE = """
UPDATE tenants_throttle SET per_second = %s, ceiling = %s, seen = 0, bad = 0, judged_at = clock_timestamp(),
    worse_at = clock_timestamp()
WHERE lane = %s
"""


def _is_enough(seen: int, per_second: float) -> bool:
    """A second's worth of answers, at least one, is enough to judge by; 20 are in any case."""
    return seen >= min(20.0, max(1.0, per_second / 2))


class Standing(NamedTuple):
    """A slow lane when it is judged: answers of the last `age` seconds, and how long it has not got worse."""

    seen: int
    bad: int
    per_second: float
    normal: float
    ceiling: float | None
    kind: str
    age: float
    steady: float


class Judged(NamedTuple):
    per_second: float
    ceiling: float | None
    is_worse: bool


def judged_rate(now: Standing, *, probing: float) -> Judged:
    """Say how fast a slow lane may go on."""
    share = now.bad / now.seen
    good = (now.seen - now.bad) / max(now.age, 0.05)
    is_origin = now.kind == Throttle.Kind.ORIGIN
    if share >= (BREAKER_SHARE if is_origin else SHUT_SHARE):
        return Judged(probing, now.ceiling, is_worse=True)
    if share >= SLOW_SHARE:
        # An origin that fails for a quarter of requests whatever their rate must not be slowed down for ever.
        least = max(probing, now.normal / LEAST_PART) if is_origin else probing
        return Judged(max(least, min(now.per_second, good) / 2), max(good, probing), is_worse=True)
    ceiling = now.ceiling if now.steady < CEILING_SECONDS else None
    if now.per_second < REOPENED_PER_SECOND and ceiling is None:
        return Judged(REOPENED_PER_SECOND, ceiling, is_worse=False)
    doubled = now.per_second * 2
    if ceiling is None or doubled <= ceiling:
        return Judged(doubled, ceiling, is_worse=False)
    careful = now.per_second * CAUTION ** max(1.0, now.age)
    return Judged(max(careful, min(doubled, ceiling)), ceiling, is_worse=False)
