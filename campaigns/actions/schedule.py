"""What is scheduled: calling it back before it begins, and the next one of a series."""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from campaigns.actions.errors import CampaignRefused
from campaigns.actions.new_send import new_send, speed_of
from campaigns.models import Campaign, Send
from campaigns.paths import report_path
from campaigns.plan import Plan
from campaigns.timing import Timing
from campaigns.whom import take_down_audience
from tenants.actions import audit
from tenants.actions.notices import tell
from tenants.actions.sending import RateRefused
from tenants.models import DueWork, Pace, SendIndex, Tenant, User

log = logging.getLogger(__name__)


@transaction.atomic
def call_back(*, actor: User, tenant: Tenant, send: Send) -> Campaign:
    """Take a send away that has not begun: its campaign is a draft again, or, of a series that went out before, ended.

    Raises CampaignRefused if it has begun; the lock decides between this and the worker that begins it.
    """
    row = Send.objects.select_for_update().filter(pk=send.pk).first()
    if row is None or row.state != Send.State.SCHEDULED:
        raise CampaignRefused("It has begun already. Pause or cancel it on its report.")
    campaign = Campaign.objects.select_for_update().get(pk=row.campaign_id)
    DueWork.objects.filter(tenant_id=tenant.pk, send_id=row.pk).delete()
    SendIndex.objects.filter(tenant_id=tenant.pk, send_id=row.pk).delete()
    Pace.objects.filter(key=f"send:{tenant.pk}:{row.pk}").delete()
    row.delete()
    went_out = Send.objects.filter(campaign=campaign, kind=Send.Kind.CAMPAIGN).exists()
    campaign.state = Campaign.State.LAUNCHED if went_out else Campaign.State.DRAFT
    Campaign.objects.filter(pk=campaign.pk).update(state=campaign.state, updated_at=Now())
    audit.record("campaign.call_back", actor=actor, tenant_id=tenant.pk, target=f"campaign {campaign.pk}")
    return campaign


def go_on(tenant_id: int, send: Send, now: datetime) -> None:
    """As a send begins, schedule the next of its series; without one the campaign counts as sent.

    Call in the transaction of its freeze. Occurrences that were missed while no worker ran are not made up for.
    """
    campaign = Campaign.objects.select_for_update().get(pk=send.campaign_id)
    if campaign.state != Campaign.State.SCHEDULED:
        return
    timing = Timing.from_json(campaign.schedule)
    wall = timing.following(datetime.fromisoformat(send.occurrence), now) if send.occurrence else None
    if wall is None or not _schedule(
        tenant_id, campaign, send, Plan(timing.starts_at(wall, now), wall, timing, True)
    ):
        Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.LAUNCHED, updated_at=Now())


def _schedule(tenant_id: int, campaign: Campaign, last: Send, plan: Plan) -> bool:
    """Make the next send as the last one; False if that cannot be, which ends the series."""
    try:
        with transaction.atomic():
            made = new_send(
                actor_id=last.created_by,
                tenant=Tenant.objects.get(pk=tenant_id),
                campaign=campaign,
                kind=Send.Kind.CAMPAIGN,
                run=plan.occurrence,
                rule=take_down_audience(campaign),
                ttl=last.ttl,
                speed=speed_of(last),
                plan=plan,
            )
    except (CampaignRefused, RateRefused) as error:
        log.error("series ended campaign=%s: %s", campaign.pk, error)
        Campaign.objects.filter(pk=campaign.pk).update(schedule={**campaign.schedule, "ended": str(error)})
        text = f"The series “{campaign.name[:80]}” has ended: {error}"
        tell(
            tenant_id,
            [last.created_by],
            site_id=last.site_id,
            kind="series",
            text=text,
            path=report_path(last.pk),
        )
        return False
    audit.record(
        "campaign.next", actor=None, tenant_id=tenant_id, target=f"campaign {campaign.pk}", send=made.pk
    )
    return True
