"""How many a draft would go to if it were sent now."""

from typing import Any

from django.utils import timezone

from campaigns.models import Campaign
from subscribers.audience import Busy, TooSlow, count, slot, where
from subscribers.figures import count_active
from subscribers.rules.rule import read

PATIENCE_MS = 1000


def reach_of(campaign: Campaign) -> dict[str, Any]:
    """Answer `subscribed`: of the website in all; `segment`; `reach`: of the segment, None if that is not known."""
    subscribed = count_active(campaign.site_id)
    segment = campaign.segment
    if segment is None:
        return {"subscribed": subscribed, "segment": None, "reach": subscribed}
    try:
        with slot():
            meant = where(campaign.site_id, read(segment.rule), timezone.now())
            reach: int | None = count(meant, milliseconds=PATIENCE_MS).total
    except (Busy, TooSlow):
        reach = segment.counted
    return {"subscribed": subscribed, "segment": segment, "reach": reach}
