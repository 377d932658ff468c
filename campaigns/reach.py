"""How many a campaign would go to if it were sent now, and who is left out."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.utils import timezone

from campaigns.delivery.restraint import Quiet, is_free
from campaigns.models import Campaign
from campaigns.whom import NOBODY, LeaveOut, included, rule_of
from subscribers.audience import LIVE, Busy, Count, TooSlow, count, estimate, read_rows, slot, where
from subscribers.figures import count_active
from subscribers.models import Segment, Site
from subscribers.restraint import Restraint
from subscribers.rules.arguments import RuleRefused
from subscribers.rules.rule import read
from subscribers.rules.sql import Sql

PATIENCE_MS = 1000
# What a page waits before it is there: its script asks again for what takes longer.
PATIENCE_OF_PAGE_MS = 25

_CAPPED = """
SELECT count(*) FROM campaigns_capuse known JOIN subscribers_subscriber person ON person.id = known.subscriber_id
WHERE {meant} AND NOT ({free})
"""
_ZONES = "SELECT time_zone, count(*) FROM subscribers_subscriber person WHERE {meant} GROUP BY 1"


@dataclass(frozen=True)
class Reach:
    """`total` is None if it is not known; `excluded` of those who are meant are left out again.

    `dormant` and `again` are those of them whom the campaign leaves out for not having been seen, or for having had it.
    Of `total`, `capped` would have no place under the website's caps right now, and for `quiet` it is quiet time.
    """

    subscribed: int
    total: int | None
    is_estimate: bool = False
    excluded: int | None = None
    dormant: int = 0
    again: int = 0
    capped: int = 0
    quiet: int = 0
    problem: str = ""


def reach(site: Site, segments: list[int], without: list[int], leave_out: LeaveOut = NOBODY) -> Reach:
    """Count it within that time each, else estimate; `total` is None if that takes longer still."""
    subscribed = count_active(site.pk)
    try:
        with slot():
            counted = _counts(site.pk, _steps(segments, without, leave_out), subscribed)
            # What each further condition takes away; one that is not there takes nothing.
            less = [max(one.total - next_.total, 0) for one, next_ in pairwise(counted)]
            capped, quiet = _restrained(site, rule_of(segments, without, leave_out))
            return Reach(
                subscribed,
                counted[-1].total,
                any(one.is_estimate for one in counted),
                less[0] if without else None,
                less[1],
                less[2],
                capped,
                quiet,
            )
    except (Busy, TooSlow):
        return Reach(subscribed, None)
    except RuleRefused as error:
        return Reach(subscribed, None, problem=str(error))


def _steps(segments: list[int], without: list[int], leave_out: LeaveOut) -> list[dict[str, Any] | None]:
    """The rule as it grows: who is meant, without the excluded, without the dormant, without who had it."""
    dormant = LeaveOut(leave_out.dormant_days)
    return [
        rule_of(segments, []),
        rule_of(segments, without),
        rule_of(segments, without, dormant),
        rule_of(segments, without, leave_out),
    ]


def _restrained(site: Site, rule: dict[str, Any] | None) -> tuple[int, int]:
    """Count who would be left out by the website's caps and who is in quiet time, were it sent now."""
    restraint, meant = Restraint.from_json(site.restraint), _meant(site.pk, rule)
    capped = quiet = 0
    with suppress(TooSlow):
        if restraint.counts:
            query = _CAPPED.format(meant=meant.text, free=is_free(restraint))
            capped = read_rows(query, meant, PATIENCE_MS)[0][0]
        if restraint.has_quiet:
            hours, now = Quiet(restraint, site.time_zone, {}), timezone.now()
            zones = read_rows(_ZONES.format(meant=meant.text), meant, PATIENCE_MS)
            quiet = sum(number for zone, number in zones if hours.seconds(zone, now))
    return capped, quiet


def _meant(site_id: int, rule: dict[str, Any] | None) -> Sql:
    return where(site_id, read(rule), timezone.now()) if rule else Sql(LIVE, (site_id,))


def _counts(site_id: int, rules: list[dict[str, Any] | None], subscribed: int) -> list[Count]:
    """Count each, one that is like the one before it only once."""
    found: list[Count] = []
    for place, rule in enumerate(rules):
        same = place > 0 and rule == rules[place - 1]
        found.append(found[-1] if same else _count(site_id, rule, subscribed))
    return found


def _count(site_id: int, rule: dict[str, Any] | None, subscribed: int) -> Count:
    if rule is None:
        return Count(subscribed, 0)
    meant = _meant(site_id, rule)
    try:
        return count(meant, milliseconds=PATIENCE_MS)
    except TooSlow:
        return estimate(meant, milliseconds=PATIENCE_MS)


def reach_of(campaign: Campaign) -> dict[str, Any]:
    """Answer `subscribed`: of the website in all; `segment`: whether it goes to less; `reach`: None if not known."""
    segments, subscribed = included(campaign), count_active(campaign.site_id)
    rule = rule_of(segments, campaign.excluded, LeaveOut.of(campaign))
    names = dict(Segment.objects.filter(pk__in=[*segments, *campaign.excluded]).values_list("pk", "name"))
    return {
        "subscribed": subscribed,
        "reach": _at_once(campaign.site_id, rule) if rule else subscribed,
        "segment": campaign.segment,
        "is_part": bool(names or campaign.leave_out),
        "segment_names": [names[pk] for pk in segments if pk in names],
        "excluded_names": [names[pk] for pk in campaign.excluded if pk in names],
    }


def _at_once(site_id: int, rule: dict[str, Any]) -> int | None:
    """Count for a page: one number, nothing that is not shown there, and no estimate, since it is asked for again."""
    try:
        with slot():
            return count(_meant(site_id, rule), milliseconds=PATIENCE_OF_PAGE_MS).total
    except (Busy, TooSlow, RuleRefused):
        return None
