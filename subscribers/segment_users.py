"""Which segments, campaigns and so on use a segment, and which it uses itself."""

from typing import Any

from subscribers.models import Segment
from subscribers.rules.rule import Group, read
from subscribers.rules.uses import USERS


def users_of(segment: Segment) -> list[str]:
    """Name everything that would no longer work without this segment."""
    others = Segment.objects.filter(site_id=segment.site_id).exclude(pk=segment.pk)
    within = [f"segment “{other.name}”" for other in others if segment.pk in segments_in(other)]
    return [name for users in USERS.values() for name in users.waiting(segment.pk)] + within


def release(segment: Segment) -> None:
    for users in USERS.values():
        users.forget(segment.pk)


def rules_within(segment: Segment) -> dict[int, Group]:
    """The segment's own rule and those of all that it uses, by id."""
    known = {pk: read(rule) for pk, rule in _rules_of(segment.site_id)}
    found: dict[int, Group] = {}
    waiting = [segment.pk]
    while waiting:
        pk = waiting.pop()
        if pk not in found:
            found[pk] = known[pk]
            waiting += _named_in(known[pk])
    return found


def _rules_of(site_id: int) -> list[tuple[int, Any]]:
    return list(Segment.objects.filter(site_id=site_id).values_list("pk", "rule"))


def _named_in(rule: Group) -> set[int]:
    return {condition.given["segment"] for condition in rule.conditions() if "segment" in condition.given}


def segments_in(segment: Segment) -> set[int]:
    """The segments that this one's rule names."""
    return _named_in(read(segment.rule))
