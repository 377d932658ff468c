"""A second person approves what goes out, where the workspace asks for it."""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from campaigns.actions.campaign import check_anybody, check_saved, launch_campaign
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.new_send import Speed, check_way
from campaigns.models import Campaign, Send
from campaigns.paths import composer_path, report_path
from campaigns.plan import plan_of
from campaigns.states import ALLOWED
from campaigns.timing import Timing
from tenants.actions import audit
from tenants.actions.notices import tell, who_may
from tenants.models import Role, Tenant, User

MOST_NOTE = 200


@transaction.atomic
def ask(*, actor: User, tenant: Tenant, campaign: Campaign, timing: Timing, speed: Speed) -> None:
    """Ask others who may send to approve it; raises CampaignRefused for what could not be sent as it is."""
    check_way(campaign, speed, plan_of(timing, timezone.now()))
    check_anybody(campaign)
    others = [pk for pk in who_may(tenant.pk, Role.SENDER, site_id=campaign.site_id) if pk != actor.pk]
    if not others:
        raise CampaignRefused(
            "Nobody else may send in this workspace, so nobody can approve it. An admin can take the rule away "
            "under Sending."
        )
    wish = {"timing": timing.as_json(), **speed.as_json(), "by": actor.pk}
    _move(campaign, "ask", Campaign.State.WAITING, wish)
    check_saved(campaign)
    audit.record("campaign.ask", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}")
    text = f"{actor.email} asks you to approve “{campaign.name}”."
    tell(
        tenant.pk,
        others,
        site_id=campaign.site_id,
        kind="approval",
        text=text,
        path=composer_path(campaign.pk),
    )


@transaction.atomic
def approve(*, actor: User, tenant: Tenant, campaign: Campaign, ttl: int, undo_seconds: float = 0) -> Send:
    """Launch it as it was asked for; raises CampaignRefused for who asked, and for what cannot be sent any more."""
    wish = _waiting(campaign)
    if wish["by"] == actor.pk:
        raise CampaignRefused("You asked for it yourself: a second person must approve it.")
    _move(campaign, "approve", Campaign.State.DRAFT, {})
    send = launch_campaign(
        actor=actor,
        tenant=tenant,
        campaign=campaign,
        ttl=ttl,
        speed=Speed.from_json(wish),
        timing=Timing.from_json(wish["timing"]),
        undo_seconds=undo_seconds,
        is_approved=True,
    )
    audit.record("campaign.approve", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}")
    text = f"{actor.email} approved “{campaign.name}”."
    tell(
        tenant.pk,
        [wish["by"]],
        site_id=campaign.site_id,
        kind="approved",
        text=text,
        path=report_path(send.pk),
    )
    return send


@transaction.atomic
def decline(*, actor: User, tenant: Tenant, campaign: Campaign, note: str = "") -> None:
    """Make it a draft again and tell who asked, with a word why."""
    wish = _waiting(campaign)
    _move(campaign, "decline", Campaign.State.DRAFT, {})
    note = " ".join(note.split())[:MOST_NOTE]
    audit.record(
        "campaign.decline", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}", note=note
    )
    text = f"{actor.email} did not approve “{campaign.name[:60]}”{f': {note}' if note else '.'}"
    tell(
        tenant.pk,
        [wish["by"]],
        site_id=campaign.site_id,
        kind="declined",
        text=text,
        path=composer_path(campaign.pk),
    )


@transaction.atomic
def withdraw(*, actor: User, tenant: Tenant, campaign: Campaign) -> None:
    """Take the question back: it is a draft again."""
    _move(campaign, "withdraw", Campaign.State.DRAFT, {})
    audit.record("campaign.withdraw", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}")


def _waiting(campaign: Campaign) -> dict[str, Any]:
    """Lock it and answer what was asked for; raises CampaignRefused if nothing is."""
    row = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if row.state not in ALLOWED["approve"]:
        raise CampaignRefused("It does not wait for approval any more.")
    return dict(row.wish)


def _move(campaign: Campaign, verb: str, state: str, wish: dict[str, Any]) -> None:
    changed = Campaign.objects.filter(pk=campaign.pk, state__in=ALLOWED[verb]).update(
        state=state, wish=wish, updated_at=Now()
    )
    if not changed:
        raise CampaignRefused("Somebody was faster: look at it again.")
    campaign.refresh_from_db()
