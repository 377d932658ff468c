"""What a timing comes to when somebody launches: which occurrence, and when its send begins."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from campaigns.actions.errors import CampaignRefused
from campaigns.timing import FARTHEST, GRACE, Timing, instant
from subscribers.time_zones import zone_names


@dataclass(frozen=True)
class Plan:
    """When a send begins; `wall` is the wall clock time it is for, where there is one."""

    due_at: datetime
    wall: datetime | None = None
    timing: Timing = field(default_factory=Timing)
    is_ahead: bool = False

    @property
    def occurrence(self) -> str:
        """Name the run of a campaign that recurs."""
        return self.wall.isoformat(timespec="minutes") if self.wall and self.timing.rule else ""

    def as_timing(self) -> dict[str, Any]:
        """What the freeze needs of one that goes out by each subscriber's own clock, or in their best hour."""
        if self.timing.is_best:
            return {"best": True}
        if not self.wall or not self.timing.is_local:
            return {}
        return {
            "zone": self.timing.zone,
            "local": self.wall.isoformat(timespec="minutes"),
            "past": self.timing.past,
        }


def plan_of(timing: Timing, now: datetime, undo_seconds: float = 0) -> Plan:
    """Plan the first occurrence; raises CampaignRefused for a time that has passed or is too far ahead."""
    soonest = now + timedelta(seconds=undo_seconds)
    if timing.at is None:
        return Plan(soonest, is_ahead=undo_seconds > 0)
    wall = next(iter(timing.occurrences(now, 1)), timing.at) if timing.rule else timing.at
    if _has_passed(wall, timing, now):
        raise CampaignRefused(_passed(timing, now))
    if wall.date() > (now + timedelta(days=FARTHEST)).date():
        raise CampaignRefused(f"{wall:%d %B %Y} is more than {FARTHEST} days ahead. Choose an earlier date.")
    due_at = max(timing.starts_at(wall, now), soonest)
    return Plan(due_at, wall, timing, is_ahead=due_at > now)


def _has_passed(wall: datetime, timing: Timing, now: datetime) -> bool:
    """By each subscriber's own clock it has passed where the day ends last, unless the others get it anyway."""
    if timing.is_best and not timing.rule:
        return False  # "from now on" of who asked for approval is still that when it is given
    if not timing.is_local:
        return instant(wall, timing.zone) < now - GRACE
    return timing.past == "skip" and max(instant(wall, zone) for zone in zone_names()) < now - GRACE


def _passed(timing: Timing, now: datetime) -> str:
    if timing.rule:
        return "The series has ended before today. Choose a later end, or more times."
    at = f"{timing.at:%d %B %Y, %H:%M}"
    if timing.is_local:
        return f"{at} has passed in every time zone. Choose a later time."
    return f"{at} has passed in {timing.zone}. Choose a later time, or send now."
