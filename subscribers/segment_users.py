"""Which segments, campaigns and so on use a segment, and which it uses itself."""

from datetime import datetime
from typing import Any

from subscribers.audience import where
from subscribers.models import Segment
from subscribers.rules.rule import Group, read
from subscribers.rules.sql import Sql
from subscribers.rules.uses import USERS


def users_of(segment: Segment) -> list[str]:
    """Name everything that would no longer work without this segment."""
    others = Segment.objects.filter(site_id=segment.site_id).exclude(pk=segment.pk)
    within = [f"segment “{other.name}”" for other in others if segment.pk in segments_in(read(other.rule))]
    return [name for users in USERS.values() for name in users.waiting(segment.pk)] + within


def release(segment: Segment) -> None:
    for users in USERS.values():
        users.forget(segment.pk)


def take_down(segment: Segment) -> dict[str, Any]:
    """The segment's own rule and those of all that it uses, by id, to be kept as JSON: they may change later."""
    known = dict(Segment.objects.filter(site_id=segment.site_id).values_list("pk", "rule"))
    found: dict[str, Any] = {}
    waiting = {segment.pk}
    while waiting:
        pk = waiting.pop()
        found[str(pk)] = known[pk]
        waiting |= {other for other in segments_in(read(known[pk])) if str(other) not in found}
    return found


def where_taken_down(site_id: int, segment_id: int, rules: dict[str, Any], now: datetime) -> Sql:
    """Compile a segment by the rules that `take_down` kept."""
    known = {int(pk): read(rule) for pk, rule in rules.items()}
    return where(site_id, known[segment_id], now, lookup=known.__getitem__)


def segments_in(rule: Group) -> set[int]:
    """The ids of the segments that a rule names itself."""
    return {condition.given["segment"] for condition in rule.conditions() if "segment" in condition.given}
