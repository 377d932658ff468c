"""How many a campaign would go to if it were sent now, and who is left out."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from campaigns.models import Campaign
from campaigns.whom import included, rule_of
from subscribers.audience import Busy, Count, TooSlow, count, estimate, slot, where
from subscribers.figures import count_active
from subscribers.models import Segment
from subscribers.rules.arguments import RuleRefused
from subscribers.rules.rule import read

PATIENCE_MS = 1000
# What a page waits before it is there: its script asks again for what takes longer.
PATIENCE_OF_PAGE_MS = 40


@dataclass(frozen=True)
class Reach:
    """`total` is None if it is not known; `excluded` of those who are meant are left out again."""

    subscribed: int
    total: int | None
    is_estimate: bool = False
    excluded: int | None = None
    problem: str = ""


def reach(site_id: int, segments: list[int], without: list[int], *, milliseconds: int = PATIENCE_MS) -> Reach:
    """Count it within that time each, else estimate; `total` is None if that takes longer still."""
    subscribed = count_active(site_id)
    try:
        with slot():
            whole = _count(site_id, rule_of(segments, []), subscribed, milliseconds)
            if not without:
                return Reach(subscribed, whole.total, whole.is_estimate)
            rest = _count(site_id, rule_of(segments, without), subscribed, milliseconds)
            excluded = max(whole.total - rest.total, 0)
            return Reach(subscribed, rest.total, whole.is_estimate or rest.is_estimate, excluded)
    except (Busy, TooSlow):
        return Reach(subscribed, None)
    except RuleRefused as error:
        return Reach(subscribed, None, problem=str(error))


def _count(site_id: int, rule: dict[str, Any] | None, subscribed: int, milliseconds: int) -> Count:
    if rule is None:
        return Count(subscribed, 0)
    meant = where(site_id, read(rule), timezone.now())
    try:
        return count(meant, milliseconds=milliseconds)
    except TooSlow:
        return estimate(meant, milliseconds=milliseconds)


def reach_of(campaign: Campaign) -> dict[str, Any]:
    """Answer `subscribed`: of the website in all; `segment`: whether it goes to less; `reach`: None if not known."""
    chosen = (campaign.site_id, included(campaign), campaign.excluded)
    found = reach(*chosen, milliseconds=PATIENCE_OF_PAGE_MS)
    names = dict(
        Segment.objects.filter(pk__in=[*included(campaign), *campaign.excluded]).values_list("pk", "name")
    )
    return {
        "subscribed": found.subscribed,
        "reach": None if found.is_estimate else found.total,
        "segment": campaign.segment,
        "is_part": bool(names),
        "segment_names": [names[pk] for pk in included(campaign) if pk in names],
        "excluded_names": [names[pk] for pk in campaign.excluded if pk in names],
    }
