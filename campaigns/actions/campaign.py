"""Drafts and launches, the web's half: everything that must exist commits together with the doorbell."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from campaigns.actions.errors import CampaignRefused
from campaigns.actions.new_send import FULL_SPEED, Speed, new_send
from campaigns.content_rules import (
    HEADERS,
    Content,
    check_segments,
    checked_content,
    checked_variants,
    most_octets,
)
from campaigns.delivery.payload import FIELDS, MAX_BRIDGED
from campaigns.delivery.personal import with_defaults
from campaigns.models import Campaign, Message, Purpose, Send
from campaigns.plan import Plan, plan_of
from campaigns.states import ALLOWED
from campaigns.timing import AT_ONCE, Timing
from campaigns.whom import take_down_audience
from subscribers.figures import count_active
from subscribers.models import Segment, Site, Subscriber
from tenants.actions import audit
from tenants.models import Tenant, User

SENT = "This campaign was sent already"


@transaction.atomic
def save_draft(
    *,
    actor: User,
    tenant: Tenant,
    site: Site,
    content: Content,
    segments: Sequence[Segment] = (),
    excluded: Sequence[Segment] = (),
    variants: Sequence[Content] = (),
    leave_out: Mapping[str, Any] | None = None,
    purpose: str = Purpose.PROMOTION,
    campaign: Campaign | None = None,
) -> Campaign:
    """Create a draft for everyone or for segments, or change one; raises CampaignRefused for one that was sent already.

    `variants` are the further versions of an A/B test (content_rules.VARIED and their translations). What was typed
    and not saved is forgotten with it.
    """
    check_segments(site, segments, excluded)
    content = checked_content(content)
    others = checked_variants(content, variants)
    before = _told(campaign) if campaign else None
    campaign = campaign or Campaign.objects.create(site=site)
    octets = most_octets(content, others, site_icon=site.icon_url)
    changed = Campaign.objects.filter(pk=campaign.pk, state__in=ALLOWED["save"]).update(
        site=site,
        **_whom(segments, excluded, leave_out),
        typed="",
        purpose=purpose,
        name=with_defaults(content["title"])[:120],
        oversize_bridged=settings.FIREFOX_ANDROID and octets > MAX_BRIDGED,
        updated_at=Now(),
    )
    if not changed:
        raise CampaignRefused(_taken(campaign, f"{SENT}; what was sent cannot be changed. Make a new one."))
    _write_messages(campaign, content, others)
    campaign.refresh_from_db()
    told = {"before": before, "after": _told(campaign)}
    audit.record("campaign.save", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}", **told)
    return campaign


def _told(campaign: Campaign) -> dict[str, Any]:
    """What the audit log keeps of a draft: what it is called and whom it is for."""
    ids = [campaign.segment_id, *campaign.also] if campaign.segment_id else []
    named = [*ids, *campaign.excluded]
    names = dict(Segment.objects.filter(pk__in=named).values_list("pk", "name")) if named else {}
    return {
        "name": campaign.name, "website": campaign.site.name, "purpose": campaign.purpose,
        "segments": [names.get(pk, pk) for pk in ids],
        "without_segments": [names.get(pk, pk) for pk in campaign.excluded],
    }  # fmt: skip


def _whom(
    segments: Sequence[Segment], excluded: Sequence[Segment], leave_out: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "segment": segments[0] if segments else None,
        "also": [segment.pk for segment in segments[1:]],
        "excluded": [segment.pk for segment in excluded],
        "leave_out": leave_out or {},
    }


def _write_messages(campaign: Campaign, content: Content, others: Sequence[Content]) -> None:
    values = {name: content[name] for name in (*FIELDS, *HEADERS)}
    Message.objects.update_or_create(campaign=campaign, variant=0, defaults=values)
    campaign.messages.filter(variant__gt=0).delete()
    Message.objects.bulk_create(
        Message(campaign=campaign, variant=place, **variant) for place, variant in enumerate(others, 1)
    )


def check_saved(campaign: Campaign) -> None:
    """Raise CampaignRefused for a draft that was never saved, or was typed in since: what is saved goes out."""
    if campaign.typed:
        raise CampaignRefused(
            "This draft has changes that are not saved. Open it, look at them, and save it."
        )
    if campaign.messages.filter(Q(title="") | Q(url=""), variant=0).exists():
        raise CampaignRefused("This draft has no title or no page yet. Open it, write them, and save it.")


def _taken(campaign: Campaign, was_sent: str) -> str:
    """Say why a campaign is no draft any more."""
    campaign.refresh_from_db(fields=["state"])
    if campaign.state == Campaign.State.WAITING:
        return "This campaign waits for approval. Withdraw the question, then change it."
    if campaign.state == Campaign.State.SCHEDULED:
        return "This campaign is scheduled. Call it back on its report, then change it."
    return was_sent


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
    is_approved: bool = False,
) -> Send:
    """Launch the campaign to whom it is for; raises CampaignRefused or RateRefused if it cannot be.

    One at once starts after `undo_seconds`, until when it can be called back like one that is scheduled. The
    conditional UPDATE decides between two clicks; the unique key of Send would refuse the second in any case.
    """
    plan = plan_of(timing, timezone.now(), undo_seconds)
    _check_may_go(tenant, campaign, is_approved=is_approved)
    _leave_draft(campaign, plan)
    send = new_send(
        actor_id=actor.pk,
        tenant=tenant,
        campaign=campaign,
        kind=Send.Kind.CAMPAIGN,
        run=plan.occurrence,
        rule=take_down_audience(campaign),
        ttl=ttl,
        speed=speed,
        plan=plan,
    )
    audit.record(
        "campaign.send", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}",
        before={"state": Campaign.State.DRAFT},
        after={"state": Campaign.State.SCHEDULED if plan.is_ahead else Campaign.State.LAUNCHED},
        send=send.pk, **timing.as_json(),
    )  # fmt: skip
    return send


def _leave_draft(campaign: Campaign, plan: Plan) -> None:
    changed = Campaign.objects.filter(pk=campaign.pk, state__in=ALLOWED["launch"]).update(
        state=Campaign.State.SCHEDULED if plan.is_ahead else Campaign.State.LAUNCHED,
        schedule=plan.timing.as_json(),
        updated_at=Now(),
    )
    if not changed:
        raise CampaignRefused(_taken(campaign, f"{SENT}."))
    campaign.refresh_from_db()  # locked now: somebody may have saved it since it was read
    check_saved(campaign)


def _check_may_go(tenant: Tenant, campaign: Campaign, *, is_approved: bool) -> None:
    check_anybody(campaign)
    if not is_approved and Tenant.objects.filter(pk=tenant.pk, needs_approval=True).exists():
        raise CampaignRefused("In this workspace a second person approves what is sent. Ask for approval.")


def check_anybody(campaign: Campaign) -> None:
    """Raise CampaignRefused where nobody has subscribed."""
    if not count_active(campaign.site_id):
        raise CampaignRefused("Nobody has subscribed to this website yet, so there is nobody to send it to.")


@transaction.atomic
def send_test(
    *, actor: User, tenant: Tenant, campaign: Campaign, subscriber_id: int, ttl: int, variant: int = 0
) -> Send:
    """Send one version of the campaign as it is to one test device, through the real pipeline."""
    check_saved(campaign)
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
        only=variant,
    )
