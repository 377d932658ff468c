"""How much a website's subscribers may get: at most so many, not too soon after another, and not at night."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal, Self

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
MOST_CAP = 1000
MOST_GAP_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class Restraint:
    """Caps per subscriber (None is none), the minutes between two campaigns, and quiet hours in the subscriber's zone.

    `quiet_from` and `quiet_to` are minutes of the day and may span midnight; what is due then is held until they are
    over, or dropped.
    """

    per_hour: int | None = None
    per_day: int | None = None
    per_week: int | None = None
    gap_minutes: int | None = None
    quiet_from: int | None = None
    quiet_to: int | None = None
    quiet: Literal["hold", "drop"] = "hold"

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    def as_json(self) -> dict[str, Any]:
        """What is set; empty for no restraint at all."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "hold")}

    def as_told(self) -> dict[str, Any]:
        """As the audit log keeps it: hours of the day as on a clock."""
        return {
            name: f"{value // 60:02}:{value % 60:02}" if name in ("quiet_from", "quiet_to") else value
            for name, value in self.as_json().items()
        }

    @property
    def counts(self) -> bool:
        """Whether what a subscriber got must be remembered."""
        return bool(self.per_hour or self.per_day or self.per_week or self.gap_minutes)

    @property
    def has_quiet(self) -> bool:
        return self.quiet_from is not None and self.quiet_to is not None and self.quiet_from != self.quiet_to

    @property
    def remembers(self) -> timedelta:
        """How far back it looks."""
        spans = [
            WEEK if self.per_week else None,
            DAY if self.per_day else None,
            HOUR if self.per_hour else None,
            timedelta(minutes=self.gap_minutes) if self.gap_minutes else None,
        ]
        return max(span for span in spans if span)

    def quiet_for(self, local: datetime) -> float:
        """Seconds until the quiet hours are over at this time of a subscriber's own clock; 0 outside them."""
        if not self.has_quiet or self.quiet_from is None or self.quiet_to is None:
            return 0.0
        now = local.hour * 60 + local.minute
        is_quiet = (
            self.quiet_from <= now < self.quiet_to
            if self.quiet_from < self.quiet_to
            else now >= self.quiet_from or now < self.quiet_to
        )
        if not is_quiet:
            return 0.0
        minutes = (self.quiet_to - now) % 1440
        return max(1.0, minutes * 60 - local.second)

    def in_words(self) -> list[str]:
        """A sentence for each rule."""
        said = [
            f"At most {number:,} {'campaign' if number == 1 else 'campaigns'} {span} for each subscriber."
            for number, span in (
                (self.per_hour, "an hour"),
                (self.per_day, "a day"),
                (self.per_week, "a week"),
            )
            if number
        ]
        if self.gap_minutes:
            said.append(f"At least {self.gap_minutes:,} minutes between two for each subscriber.")
        if self.has_quiet and self.quiet_from is not None and self.quiet_to is not None:
            what = "waits until it is over" if self.quiet == "hold" else "is left out"
            said.append(
                f"Quiet from {clock(self.quiet_from)} to {clock(self.quiet_to)} by each own clock: what is due {what}."
            )
        return said


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
