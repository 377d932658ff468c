"""When a campaign goes out: wall clock times, the instants they are in each time zone, and how they recur.

Clocks that change: a time that the clock leaves out is that much later (02:30 becomes 03:30), and one that comes twice
is its first. So every date has each time exactly once.
"""

import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple, Self

from dateutil.rrule import rrulestr

from subscribers.time_zones import zone_names

Past = Literal["now", "next_day", "skip"]
PASTS: tuple[Past, ...] = ("now", "next_day", "skip")
# Within this a zone's time counts as not passed: a send that starts at 9:00 freezes its audience a moment later.
GRACE = timedelta(minutes=5)
# The farthest a campaign can be scheduled ahead, in days.
FARTHEST = 730
# Of a series on the calendar.
MOST_SHOWN = 400
FREQUENCIES = {"daily": "DAILY", "weekly": "WEEKLY", "monthly": "MONTHLY"}
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True)
class Repeat:
    """How often: every `interval` days, weeks (on `days`) or months, until a date or for a number of times."""

    frequency: str
    interval: int = 1
    days: tuple[str, ...] = ()
    until: date | None = None
    count: int | None = None

    def rule(self, first: datetime) -> str:
        """Write it as an RFC 5545 rule. A day that a month does not have is that month's last."""
        parts = [f"FREQ={FREQUENCIES[self.frequency]}", f"INTERVAL={self.interval}"]
        if self.frequency == "weekly" and self.days:
            parts.append(f"BYDAY={','.join(self.days)}")
        if self.frequency == "monthly" and first.day > 28:
            days = ",".join(str(day) for day in range(28, first.day + 1))
            parts.append(f"BYMONTHDAY={days};BYSETPOS=-1")
        if self.until:
            parts.append(f"UNTIL={self.until:%Y%m%d}T235959")
        if self.count:
            parts.append(f"COUNT={self.count}")
        return ";".join(parts)


@dataclass(frozen=True)
class Timing:
    """When a campaign goes out. `at` is a wall clock time without a zone: of `zone`, or with `is_local` of each
    subscriber; None is at once. With `is_best` each gets it in the hour in which they are most active, within a day
    from then on. `rule` (RFC 5545) makes it recur from `at` on."""  # fmt: skip

    at: datetime | None = None
    zone: str = "UTC"
    is_local: bool = False
    past: Past = "next_day"
    rule: str = ""
    is_best: bool = False

    def as_json(self) -> dict[str, Any]:
        """Write it for storage; at once is empty."""
        if self.at is None:
            return {}
        return {**vars(self), "at": self.at.isoformat(timespec="minutes")}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        if not stored:
            return cls()
        known = {name: value for name, value in stored.items() if name in cls.__dataclass_fields__}
        return cls(**{**known, "at": datetime.fromisoformat(stored["at"])})

    def first(self) -> datetime | None:
        """The wall clock time of the first occurrence, whether it has passed or not."""
        if not self.rule or self.at is None:
            return self.at
        found: datetime | None = next(iter(rrulestr(self.rule, dtstart=self.at)), None)
        return found

    def following(self, wall: datetime, now: datetime) -> datetime | None:
        """The wall clock time of the next occurrence after `wall` that has not passed; None if there is none."""
        if not self.rule or self.at is None:
            return None
        for found in rrulestr(self.rule, dtstart=self.at).xafter(wall):
            if self.starts_at(found, now) >= now:
                return found
        return None

    def occurrences(self, now: datetime, most: int) -> list[datetime]:
        """The first ones that have not passed."""
        found: list[datetime] = []
        wall = self.first()
        if wall and self.starts_at(wall, now) < now - GRACE:
            wall = self.following(wall, now)
        while wall and len(found) < most:
            found.append(wall)
            wall = self.following(wall, now)
        return found

    def walls(self, now: datetime, until: date) -> list[datetime]:
        """Those that have not passed, up to a date, at most MOST_SHOWN."""
        first = self.occurrences(now, 1)
        if not first or not self.rule or self.at is None:
            return first
        end = datetime.combine(until, datetime.max.time())
        found: list[datetime] = []
        for wall in rrulestr(self.rule, dtstart=self.at).xafter(first[0], inc=True):
            if wall > end or len(found) == MOST_SHOWN:
                break
            found.append(wall)
        return found

    def starts_at(self, wall: datetime, now: datetime) -> datetime:
        """The instant at which an occurrence begins: with `is_local` in the zone where that time comes first."""
        if not self.is_local:
            return instant(wall, self.zone)
        return min(instant(wall, zone) for zone in zone_names())


AT_ONCE = Timing()


class Slot(NamedTuple):
    """What one time zone gets: when (None is never), and its offset from UTC then, in words."""

    zone: str
    at: datetime | None
    offset: str


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The rules of a zone; UTC for one that is not known any more."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


def instant(wall: datetime, zone: str) -> datetime:
    """The instant of a wall clock time in a zone, by the rule above."""
    return wall.replace(tzinfo=zone_of(zone), fold=0).astimezone(UTC)


def slots(wall: datetime, now: datetime, past: Past, zones: Iterable[str] | None = None) -> list[Slot]:
    """When each time zone gets what goes out at `wall` of its own clock, seen from the send's start.

    Where that has passed: `now` is at once, `next_day` the same time a day later, `skip` never.
    """
    found = []
    for zone in zone_names() if zones is None else zones:
        at: datetime | None = instant(wall, zone)
        offset = offset_of(wall, zone)
        if at is not None and at < now - GRACE:
            at = {"now": now, "next_day": instant(wall + timedelta(days=1), zone), "skip": None}[past]
        found.append(Slot(zone, at, offset))
    return found


def offset_of(wall: datetime, zone: str) -> str:
    """Say a zone's offset at a time: UTC+05:30."""
    offset = wall.replace(tzinfo=zone_of(zone)).utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


_UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month"}
_NAMES = dict(
    zip(DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
)


def in_english(rule: str) -> str:
    """Say what Repeat.rule() wrote: every 2 weeks on Monday and Friday, until 3 May 2027."""
    parts = dict(part.split("=", 1) for part in rule.split(";") if part)
    unit, number = _UNITS.get(parts.get("FREQ", ""), ""), parts.get("INTERVAL", "1")
    text = f"Every {unit}" if number == "1" else f"Every {number} {unit}s"
    if days := [_NAMES[day] for day in parts.get("BYDAY", "").split(",") if day]:
        text += f" on {', '.join(days[:-1])} and {days[-1]}" if days[1:] else f" on {days[0]}"
    if until := parts.get("UNTIL"):
        last = datetime.fromisoformat(until)
        text += f", until {last.day} {last:%B %Y}"
    if count := parts.get("COUNT"):
        text += f", {count} times" if count != "1" else ", once"
    return text
