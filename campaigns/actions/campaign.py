"""Drafts and launches, the web's half: everything that must exist commits together with the doorbell."""

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from campaigns.actions.control import check_spread
from campaigns.actions.errors import CampaignRefused
from campaigns.delivery.compose_push import replaced_by, tag_of, topic_of
from campaigns.delivery.payload import (
    DEFAULTS,
    FIELDS,
    MAX_BRIDGED,
    MOST_BUTTONS,
    draft_octets,
    payload_octets,
)
from campaigns.delivery.personal import stray_braces
from campaigns.models import Campaign, Message, Send
from campaigns.plan import Plan, plan_of
from campaigns.timing import AT_ONCE, Timing
from subscribers.audience import name_in
from subscribers.figures import count_active
from subscribers.models import Segment, Site, Subscriber
from subscribers.rules.rule import read
from subscribers.rules.sentence import sentence
from subscribers.segment_users import take_down
from tenants.actions import audit
from tenants.actions.sending import check_rate, set_pace
from tenants.models import DueWork, SendIndex, Tenant, User
from truepush.lib.webpush.encryption import MAX_PLAINTEXT

SMALL_AUDIENCE = 1000
Content = Mapping[str, Any]
# What a draft is kept with besides what travels, and what it is where nothing was said.
HEADERS: dict[str, Any] = {"urgency": "normal", "ttl": None}


class Speed(NamedTuple):
    """How fast a send goes: messages a minute, or spread over so many minutes; neither is as fast as possible."""

    per_minute: int | None = None
    spread_minutes: int | None = None

    def check(self) -> None:
        """Raise RateRefused or CampaignRefused for what cannot be set."""
        check_rate(self.per_minute)
        check_spread(self.spread_minutes)


FULL_SPEED = Speed()


@transaction.atomic
def save_draft(
    *,
    actor: User,
    tenant: Tenant,
    site: Site,
    content: Content,
    segment: Segment | None = None,
    campaign: Campaign | None = None,
) -> Campaign:
    """Create a draft for everyone or a segment, or change one; raises CampaignRefused for one that was sent already."""
    if segment is not None and segment.site_id != site.pk:
        raise CampaignRefused(f"“{segment.name}” is not a segment of {site.name}. Choose another one.")
    content = {**DEFAULTS, **HEADERS, **content}
    if len(content["buttons"]) > MOST_BUTTONS:
        raise CampaignRefused(
            f"{len(content['buttons'])} buttons; browsers show {MOST_BUTTONS} at most. Take some away."
        )
    check_braces(content)
    if campaign is None:
        campaign = Campaign.objects.create(site=site, name=content["title"][:120])
    changed = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.DRAFT).update(
        site=site,
        segment=segment,
        name=content["title"][:120],
        oversize_bridged=settings.FIREFOX_ANDROID
        and draft_octets(content, site_icon=site.icon_url) > MAX_BRIDGED,
        updated_at=Now(),
    )
    if not changed:
        raise CampaignRefused(
            "This campaign was sent or scheduled already, and that cannot be changed. Call it back, or make a new one."
        )
    audit.record("campaign.save", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}")
    Message.objects.update_or_create(
        campaign=campaign,
        variant=0,
        defaults={name: content[name] for name in (*FIELDS, *HEADERS)},
    )
    campaign.refresh_from_db()
    return campaign


def check_braces(content: Content) -> None:
    """Raise CampaignRefused for braces that would reach a recipient."""
    translated = [text for texts in content["translations"].values() for text in texts.values()]
    buttons = [text for button in content["buttons"] for text in button.values()]
    own = [content[name] for name in ("title", "body", "url", "icon_url", "image_url", "badge_url")]
    for text in (*own, *content["utm"].values(), *buttons, *translated):
        if stray := stray_braces(text):
            raise CampaignRefused(
                f"“{stray}” is no placeholder. "
                'Write one as {{ first_name|default:"there" }}, or take the braces away.'
            )


@transaction.atomic
def launch_campaign(
    *,
    actor: User,
    tenant: Tenant,
    campaign: Campaign,
    ttl: int,
    speed: Speed = FULL_SPEED,
    timing: Timing = AT_ONCE,
    undo_seconds: float = 0,
) -> Send:
    """Launch the campaign to its segment, or to all subscribers; raises CampaignRefused or RateRefused if it cannot be.

    One at once starts after `undo_seconds`, until when it can be called back like one that is scheduled. The
    conditional UPDATE decides between two clicks; the unique key of Send would refuse the second in any case.
    """
    plan = plan_of(timing, timezone.now(), undo_seconds)
    if not count_active(campaign.site_id):
        raise CampaignRefused("Nobody has subscribed to this website yet, so there is nobody to send it to.")
    changed = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.DRAFT).update(
        state=Campaign.State.SCHEDULED if plan.is_ahead else Campaign.State.LAUNCHED,
        schedule=timing.as_json(),
        updated_at=Now(),
    )
    if not changed:
        raise CampaignRefused("This campaign was sent or scheduled already.")
    campaign.refresh_from_db()  # locked now: somebody may have saved it since it was read
    send = new_send(
        actor_id=actor.pk,
        tenant=tenant,
        campaign=campaign,
        kind=Send.Kind.CAMPAIGN,
        run=plan.occurrence,
        rule=rule_of(campaign),
        ttl=ttl,
        speed=speed,
        plan=plan,
    )
    audit.record(
        "campaign.send",
        actor=actor,
        tenant_id=tenant.pk,
        target=f"campaign {campaign.pk}",
        **timing.as_json(),
    )
    return send


def rule_of(campaign: Campaign) -> dict[str, object]:
    """Take down whom it is for as that reads now, with every rule that it needs: they may change before the freeze."""
    segment = campaign.segment
    if segment is None:
        return {"everyone": True}
    says = sentence(read(segment.rule), name_of=name_in(campaign.site_id))
    return {"segment": segment.pk, "name": segment.name, "says": says, "rules": take_down(segment)}


@transaction.atomic
def send_test(*, actor: User, tenant: Tenant, campaign: Campaign, subscriber_id: int, ttl: int) -> Send:
    """Send the campaign as it is to one test device, through the real pipeline."""
    device = Subscriber.objects.filter(
        pk=subscriber_id, site_id=campaign.site_id, is_test=True, state=Subscriber.State.ACTIVE
    )
    if not device.exists():
        raise CampaignRefused(
            "This browser is not set up as a test device. Click “Send to my browser” again."
        )
    audit.record("campaign.test", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}")
    run = f"test-{secrets.token_hex(8)}"
    return new_send(
        actor_id=actor.pk,
        tenant=tenant,
        campaign=campaign,
        kind=Send.Kind.TEST,
        run=run,
        rule={"subscribers": [subscriber_id]},
        ttl=ttl,
    )


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
) -> Send:
    """Write the send with its frozen content, its public rows and the doorbell; a worker does the rest.

    `ttl` in seconds is for a message that says none of its own; without a plan it starts at once.
    """
    speed.check()
    plan = plan or Plan(timezone.now())
    headers = campaign.messages.values(*HEADERS)[0]
    send = Send.objects.create(
        campaign=campaign,
        site_id=campaign.site_id,
        kind=kind,
        occurrence=run,
        content=_frozen_content(campaign),
        rule=rule,
        seed=secrets.randbits(63),
        ttl=headers["ttl"] or ttl,
        urgency=headers["urgency"],
        rate_per_minute=speed.per_minute,
        spread_minutes=speed.spread_minutes,
        created_by=actor_id,
        state=Send.State.SCHEDULED if plan.is_ahead else Send.State.PREPARING,
        due_at=plan.due_at,
        timing=plan.as_timing(),
    )
    replaces = send.content[0]["replaces"]
    same: int | str = replaced_by(send.site_id, replaces) if replaces else send.pk
    send.topic = topic_of(tenant.schema_name, same)
    send.tag = tag_of(tenant.schema_name, same)
    _check_size(send)
    send.save(update_fields=["topic", "tag"])
    _make_due(send, tenant)
    return send


def _frozen_content(campaign: Campaign) -> list[dict[str, Any]]:
    """Take down what travels, with the website's icon where a variant has none."""
    content: list[dict[str, Any]] = list(campaign.messages.values(*FIELDS))
    return [{**variant, "icon_url": variant["icon_url"] or campaign.site.icon_url} for variant in content]


def _make_due(send: Send, tenant: Tenant) -> None:
    """Write what workers and staff look at, and ring."""
    place = {"tenant_id": tenant.pk, "schema_name": tenant.schema_name, "send_id": send.pk}
    SendIndex.objects.create(
        **place, site_id=send.site_id, kind=send.kind, state=send.state, due_at=send.due_at
    )
    is_held = Tenant.objects.filter(pk=tenant.pk, sending_paused_at__isnull=False).exists()
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
