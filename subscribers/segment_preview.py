"""What the builder shows of a rule while it is edited: how many, a few of them, the sentence and the SQL."""

from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from subscribers.audience import Busy, Count, TooSlow, count, estimate, name_in, sample, slot, where
from subscribers.figures import count_active
from subscribers.models import Site, Subscriber
from subscribers.rules.rule import Group
from subscribers.rules.sentence import sentence
from subscribers.rules.sql import Sql

# Exact within so long, else estimated (8-50 ms of a million) while the page asks again with more patience: so the first
# number is there within 300 ms. The few that are shown follow with the second answer where they are not found at once.
AT_ONCE_MS, ESTIMATE_MS, REFINE_MS = 150, 1500, 20_000
SAMPLE_AT_ONCE_MS, SAMPLE_MS = 60, 700
SLOW_MS = 1000


@dataclass
class Preview:
    """`counted` is None while too many others count; `refines` asks the page to come again for the exact number."""

    says: str
    sql: str
    everyone: int = 0
    counted: Count | None = None
    people: list[Subscriber] = field(default_factory=list)
    refines: bool = False
    gave_up: bool = False
    sample_is_late: bool = False
    reads_rows: list[str] = field(default_factory=list)

    @property
    def is_slow(self) -> bool:
        return self.counted is not None and (self.counted.is_estimate or self.counted.ms > SLOW_MS)

    @property
    def share(self) -> float | None:
        """Of everyone who is subscribed, in percent."""
        if self.counted is None or not self.everyone:
            return None
        return min(100.0, 100 * self.counted.total / self.everyone)


def preview(site: Site, rule: Group, *, refine: bool) -> Preview:
    """Look at a rule within a bounded time; raises RuleRefused."""
    meant = where(site.pk, rule, timezone.now())
    made = Preview(
        says=sentence(rule, name_of=name_in(site.pk)), sql=meant.shown(), reads_rows=_slow_fields(rule)
    )
    try:
        with slot():
            _count(made, meant, refine=refine)
            made.everyone = count_active(site.pk)
            _sample(made, meant, milliseconds=SAMPLE_MS if refine else SAMPLE_AT_ONCE_MS)
            made.refines = made.refines or (made.sample_is_late and not refine)
    except Busy:
        made.refines = True
    return made


def _count(made: Preview, meant: Sql, *, refine: bool) -> None:
    try:
        made.counted = count(meant, milliseconds=REFINE_MS if refine else AT_ONCE_MS)
    except TooSlow:
        made.refines, made.gave_up = not refine, refine
        try:
            made.counted = estimate(meant, milliseconds=ESTIMATE_MS)
        except TooSlow:
            made.counted = None


def _sample(made: Preview, meant: Sql, *, milliseconds: int) -> None:
    try:
        ids = sample(meant, milliseconds=milliseconds)
    except TooSlow:
        made.sample_is_late = True
        return
    columns = ("country", "language", "browser", "os", "seen_at", "external_id", "tags")
    made.people = list(Subscriber.objects.filter(pk__in=ids).only(*columns).order_by("-seen_at"))


def _slow_fields(rule: Group) -> list[str]:
    """The fields that no index answers."""
    names: dict[str, Any] = {
        condition.field.label: None
        for condition in rule.conditions()
        if not condition.field.is_indexed and condition.field.name != "segment"
    }
    return list(names)
