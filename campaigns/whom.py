"""Whom a campaign is for: segments to include (none is everyone) and to leave out, as one rule."""

from dataclasses import dataclass
from typing import Any, Self

from campaigns.models import Campaign
from subscribers.audience import name_in
from subscribers.models import Segment
from subscribers.rules.rule import read
from subscribers.rules.sentence import sentence
from subscribers.segment_users import segments_in, take_down

# Of each kind.
MOST_SEGMENTS = 10
EVERYONE: dict[str, Any] = {"everyone": True}


DORMANT_DAYS = (30, 60, 90, 180, 365)
MOST_COPIES = 5


@dataclass(frozen=True)
class LeaveOut:
    """Who is left out whatever the segments say: not seen for so many days; who received one of these campaigns."""

    dormant_days: int | None = None
    had: tuple[int, ...] = ()

    @classmethod
    def of(cls, campaign: Campaign) -> Self:
        """Read what a campaign says: "again" is who had it before, or what it was copied from."""
        known = campaign.leave_out
        had = (campaign.pk, *campaign.copied_from) if known.get("had") and campaign.pk else ()
        return cls(known.get("dormant_days"), had)

    def dormant(self) -> list[dict[str, Any]]:
        days = self.dormant_days
        return [{"field": "seen_at", "op": "within", "days": days}] if days else []

    def again(self) -> list[dict[str, Any]]:
        return [{"field": "campaign", "op": "not_received", "campaign": pk} for pk in self.had]


NOBODY = LeaveOut()


def included(campaign: Campaign) -> list[int]:
    """The ids of the segments that it goes to; none is everyone."""
    return [campaign.segment_id, *campaign.also] if campaign.segment_id else []


def rule_of(segments: list[int], excluded: list[int], leave_out: LeaveOut = NOBODY) -> dict[str, Any] | None:
    """Write the rule: in any of the segments, in none of the excluded, and not left out; None is everyone."""
    members = [_condition("in", pk) for pk in segments]
    if len(members) > 1:
        members = [{"match": "any", "rules": members}]
    members += [_condition("not_in", pk) for pk in excluded]
    members += [*leave_out.dormant(), *leave_out.again()]
    return {"match": "all", "rules": members} if members else None


def _condition(op: str, pk: int) -> dict[str, Any]:
    return {"field": "segment", "op": op, "segment": pk}


def take_down_audience(campaign: Campaign) -> dict[str, Any]:
    """Write it down as it reads now, with every rule that it needs: they may change before the freeze.

    The form of Send.rule. Segment 0 is the campaign's own rule, where one segment is not all of it.
    """
    rule = rule_of(included(campaign), campaign.excluded, LeaveOut.of(campaign))
    if rule is None:
        return EVERYONE
    segment = campaign.segment
    if segment and not campaign.also and not campaign.excluded and not campaign.leave_out:
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
    names = [known[pk].name for pk in campaign.excluded if pk in known]
    days = campaign.leave_out.get("dormant_days")
    names += [f"who was not seen for {days} days"] if days else []
    names += ["who had it"] if campaign.leave_out.get("had") else []
    without = ", ".join(names)
    return f"{to}, without {without}" if without else to
