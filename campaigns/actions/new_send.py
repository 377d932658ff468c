"""A send as rows: its frozen content, what workers and staff look at, and the doorbell, all in one transaction."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Self

from django.utils import timezone
from django_q.tasks import async_task

from campaigns.actions.control import check_spread
from campaigns.actions.errors import CampaignRefused
from campaigns.content_rules import HEADERS, merged
from campaigns.delivery.ab import AbTest, equal_shares
from campaigns.delivery.canary import Canary, check_canary
from campaigns.delivery.compose_push import replaced_by, tag_of, topic_of
from campaigns.delivery.payload import FIELDS, payload_octets
from campaigns.models import Campaign, Send
from campaigns.plan import Plan
from subscribers.figures import count_active
from tenants.actions.sending import check_rate, lock_pause, set_pace
from tenants.models import DueWork, SendIndex, Tenant
from tenants.request_origin import current_origin, new_id
from truepush.lib.webpush.encryption import MAX_PLAINTEXT

SMALL_AUDIENCE = 1000


class Speed(NamedTuple):
    """How fast a send goes: messages a minute, or spread over so many minutes; neither is as fast as possible."""

    per_minute: int | None = None
    spread_minutes: int | None = None
    # A few first, and the rest after a look at what came of it.
    canary: Canary | None = None
    # How the campaign's variants are tried, and who is held out.
    ab: AbTest | None = None

    def check(self) -> None:
        """Raise RateRefused or CampaignRefused for what cannot be set."""
        check_rate(self.per_minute)
        check_spread(self.spread_minutes)
        check_canary(self.canary)
        if self.ab:
            self.ab.check()

    def as_json(self) -> dict[str, Any]:
        """Write it for storage, as from_json() reads it."""
        both = {"canary": self.canary, "ab": self.ab}
        return {**self._asdict(), **{name: one.as_json() if one else {} for name, one in both.items()}}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            stored.get("per_minute"),
            stored.get("spread_minutes"),
            Canary.from_json(stored.get("canary", {})),
            AbTest.from_json(stored.get("ab", {})),
        )


FULL_SPEED = Speed()


def speed_of(send: Send) -> Speed:
    """How a send was to go out, for another like it."""
    few, ab = Canary.from_json(send.canary), AbTest.from_json(send.ab)
    return Speed(send.rate_per_minute, send.spread_minutes, few, ab)


def check_together(speed: Speed, plan: Plan) -> None:
    """Raise RateRefused or CampaignRefused for what cannot be, alone or together."""
    speed.check()
    of_each = plan.as_timing()
    if speed.canary and of_each:
        raise CampaignRefused(
            "A few first and each subscriber's own time exclude each other: the first zone would be judged, not the "
            "message. Choose one of them."
        )
    if speed.ab and speed.ab.first and (of_each or speed.canary):
        raise CampaignRefused(
            "A test that chooses a winner needs everybody of the test at the same time: it cannot go together with "
            "each subscriber's own time or with a few first. Choose one of them."
        )
    if speed.canary and speed.ab and speed.ab.delays:
        raise CampaignRefused(
            "A few first and other times exclude each other: the rest would get all at one time."
        )
    if speed.ab and speed.ab.delays and "best" in of_each:
        raise CampaignRefused("Other times and each subscriber's best hour exclude each other. Choose one.")


def _ab_of(speed: Speed, variants: int) -> AbTest | None:
    """How the variants are tried: as was said, else in equal parts. Raises CampaignRefused for what does not fit."""
    ab = speed.ab
    if ab:
        ab.check()
    if variants > 1 and not (ab and ab.shares):
        return replace(ab or AbTest(), shares=equal_shares(variants))
    if ab and ab.shares and not ab.delays and len(ab.shares) != variants:
        raise CampaignRefused(
            f"A/B test: {len(ab.shares)} parts for {variants} version{'s'[: variants > 1]}. Open the draft again."
        )
    return ab


def new_send(
    *,
    actor_id: int | None,
    tenant: Tenant,
    campaign: Campaign,
    kind: str,
    run: str,
    rule: dict[str, object],
    ttl: int,
    speed: Speed = FULL_SPEED,
    plan: Plan | None = None,
    only: int | None = None,
) -> Send:
    """Write the send with its frozen content, its public rows and the doorbell; a worker does the rest.

    `ttl` in seconds is for a message that says none of its own; without a plan it starts at once. With `only` all get
    this one of the campaign's variants.
    """
    plan = plan or Plan(timezone.now())
    content, ab = _what_goes(campaign, speed, only)
    check_way(campaign, speed, plan)
    headers = campaign.messages.values(*HEADERS)[0]
    send = Send.objects.create(
        campaign=campaign,
        site_id=campaign.site_id,
        kind=kind,
        purpose=campaign.purpose,
        occurrence=run,
        content=content,
        rule=rule,
        seed=secrets.randbits(63),
        ttl=headers["ttl"] or ttl,
        urgency=headers["urgency"],
        created_by=actor_id,
        request_id=current_origin().request_id or new_id(),
        **_way(speed, plan, ab),
    )
    _name(send, tenant)
    _make_due(send, tenant)
    return send


def _way(speed: Speed, plan: Plan, ab: AbTest | None) -> dict[str, Any]:
    return {
        "rate_per_minute": speed.per_minute,
        "spread_minutes": speed.spread_minutes,
        "state": Send.State.SCHEDULED if plan.is_ahead else Send.State.PREPARING,
        "due_at": plan.due_at,
        "timing": plan.as_timing(),
        "canary": speed.canary.as_json() if speed.canary else {},
        "ab": ab.as_json() if ab else {},
    }


def _name(send: Send, tenant: Tenant) -> None:
    """Give it the names by which browsers and push services know repeats of it, and what it replaces.

    With them its size is known; raises CampaignRefused for too much.
    """
    replaces = send.content[0]["replaces"]
    same: int | str = replaced_by(send.site_id, replaces) if replaces else send.pk
    send.topic = topic_of(tenant.schema_name, same)
    send.tag = tag_of(tenant.schema_name, same)
    _check_size(send)
    send.save(update_fields=["topic", "tag"])


def check_way(campaign: Campaign, speed: Speed, plan: Plan) -> None:
    """Raise RateRefused or CampaignRefused for a way in which this campaign cannot go out."""
    _what_goes(campaign, speed, None)
    check_together(speed, plan)
    waits = bool(speed.ab and (speed.ab.first or speed.ab.delays))
    if waits and plan.timing.rule and campaign.leave_out.get("had"):
        raise CampaignRefused(
            "A series that leaves out who had it cannot wait for a winner or another time: the next would begin before "
            "all of this one have had it. Choose one of them."
        )


def _what_goes(
    campaign: Campaign, speed: Speed, only: int | None
) -> tuple[list[dict[str, Any]], AbTest | None]:
    """The variants, and how they are tried; raises CampaignRefused for what does not fit."""
    content = frozen_content(campaign)
    content = content if only is None else content[only : only + 1] or content[:1]
    if speed.ab and speed.ab.delays and len(content) > 1:
        raise CampaignRefused("Try other texts or other times, not both at once: what made the difference?")
    ab = _ab_of(speed, len(content))
    # Of variants that differ in time the message is the same.
    return content * (len(ab.delays) + 1 if ab else 1), ab


def frozen_content(campaign: Campaign) -> list[dict[str, Any]]:
    """Take down what travels, variant by variant, with the website's icon where there is none."""
    first, *others = list(campaign.messages.values(*FIELDS))
    content = [first, *(merged(first, other) for other in others)]
    return [{**variant, "icon_url": variant["icon_url"] or campaign.site.icon_url} for variant in content]


def _make_due(send: Send, tenant: Tenant) -> None:
    """Write what workers and staff look at, and ring."""
    place = {"tenant_id": tenant.pk, "schema_name": tenant.schema_name, "send_id": send.pk}
    SendIndex.objects.create(
        **place, site_id=send.site_id, kind=send.kind, state=send.state, due_at=send.due_at
    )
    is_held = lock_pause(tenant.pk)
    DueWork.objects.create(**place, priority=_priority(send), due_at=send.due_at, is_held=is_held)
    if send.rate_per_minute:
        set_pace(f"send:{tenant.pk}:{send.pk}", tenant.pk, send.rate_per_minute)
    if send.state == Send.State.PREPARING:
        async_task("campaigns.tasks.deliver")


def _check_size(send: Send) -> None:
    """Look again at what the form looked at: the website's icon may have changed since."""
    most = max(payload_octets(variant, tag=send.tag) for variant in send.content)
    if most > MAX_PLAINTEXT:
        raise CampaignRefused(
            f"The notification has {most} octets with the website's icon; browsers take {MAX_PLAINTEXT}. "
            f"Shorten the message by {most - MAX_PLAINTEXT}."
        )


def _priority(send: Send) -> int:
    if send.kind == Send.Kind.TEST:
        return DueWork.Priority.TEST
    if send.campaign.schedule:
        return DueWork.Priority.SCHEDULED
    segment = send.campaign.segment if "segment" in send.rule else None
    counted = segment.counted if segment else None
    size = count_active(send.site_id) if counted is None else counted
    return DueWork.Priority.SMALL if size <= SMALL_AUDIENCE else DueWork.Priority.BULK
