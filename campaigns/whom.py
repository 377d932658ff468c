"""Whom a campaign is for: segments to include (none is everyone) and to leave out, as one rule."""

from typing import Any

from campaigns.models import Campaign
from subscribers.audience import name_in
from subscribers.models import Segment
from subscribers.rules.rule import read
from subscribers.rules.sentence import sentence
from subscribers.segment_users import segments_in, take_down

# Of each kind.
MOST_SEGMENTS = 10
EVERYONE: dict[str, Any] = {"everyone": True}


def included(campaign: Campaign) -> list[int]:
    """The ids of the segments that it goes to; none is everyone."""
    return [campaign.segment_id, *campaign.also] if campaign.segment_id else []


def rule_of(segments: list[int], excluded: list[int]) -> dict[str, Any] | None:
    """Write the rule: in any of the segments, and in none of the excluded; None is everyone."""
    members = [_condition("in", pk) for pk in segments]
    if len(members) > 1:
        members = [{"match": "any", "rules": members}]
    members += [_condition("not_in", pk) for pk in excluded]
    return {"match": "all", "rules": members} if members else None


def _condition(op: str, pk: int) -> dict[str, Any]:
    return {"field": "segment", "op": op, "segment": pk}


def take_down_audience(campaign: Campaign) -> dict[str, Any]:
    """Write it down as it reads now, with every rule that it needs: they may change before the freeze.

    The form of Send.rule. Segment 0 is the campaign's own rule, where one segment is not all of it.
    """
    rule = rule_of(included(campaign), campaign.excluded)
    if rule is None:
        return EVERYONE
    segment = campaign.segment
    if segment and not campaign.also and not campaign.excluded:
        says = sentence(read(segment.rule), name_of=name_in(campaign.site_id))
        return {"segment": segment.pk, "name": segment.name, "says": says, "rules": take_down(segment)}
    group = read(rule)
    known = Segment.objects.in_bulk(segments_in(group))
    rules: dict[str, Any] = {"0": rule}
    for used in known.values():
        rules |= take_down(used)
    says = sentence(group, name_of=name_in(campaign.site_id))
    return {"segment": 0, "name": _name(campaign, known), "says": says, "rules": rules}


def _name(campaign: Campaign, known: dict[int, Segment]) -> str:
    to = ", ".join(known[pk].name for pk in included(campaign) if pk in known) or "Everyone"
    without = ", ".join(known[pk].name for pk in campaign.excluded if pk in known)
    return f"{to}, without {without}" if without else to
