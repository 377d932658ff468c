"""Send a campaign again to those of an ended send that it did not reach, or that did not react."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from campaigns.actions.errors import CampaignRefused
from campaigns.actions.new_send import new_send
from campaigns.delivery.outcomes import Skip
from campaigns.models import Send
from campaigns.resend_audience import CHOICES, MISSED, NOT_CLICKED, NOT_DISPLAYED
from tenants.actions import audit
from tenants.models import Tenant, User


@transaction.atomic
def resend(*, actor: User, tenant: Tenant, send: Send, what: str, hours: int = 0) -> Send:
    """Launch a send to `what` (resend_audience.CHOICES) of an ended one; raises CampaignRefused if that cannot be.

    `hours` is how long ago it must have ended, for those who did not react: browsers that were off come late.
    """
    if what not in CHOICES:
        raise CampaignRefused(
            f"{what!r} is not something to send again by: give one of {', '.join(CHOICES)}."
        )
    row = Send.objects.select_for_update().select_related("campaign", "campaign__site").get(pk=send.pk)
    if row.kind != Send.Kind.CAMPAIGN or row.finished_at is None:
        raise CampaignRefused("This send has not ended yet. Wait for its end, or cancel it, then send again.")
    if what != MISSED and row.finished_at > timezone.now() - timedelta(hours=hours):
        raise CampaignRefused(f"It ended less than {hours} hours ago. Wait, or give fewer hours.")
    if not about(row, what):
        raise CampaignRefused("There is nobody to send it to again.")
    number = Send.objects.filter(campaign=row.campaign, occurrence__startswith="resend-").count() + 1
    made = new_send(
        actor_id=actor.pk,
        tenant=tenant,
        campaign=row.campaign,
        kind=Send.Kind.CAMPAIGN,
        run=f"resend-{number}",
        rule={"resend_of": row.pk, "what": what, "hours": hours},
        ttl=settings.PUSH_TTL_SECONDS,
        # The version that won, else the first.
        only=0 if row.ab.get("delays") else row.ab.get("winner", 0),
    )
    audit.record(
        "send.resend", actor=actor, tenant_id=tenant.pk, target=f"send {row.pk}", what=what, send=made.pk
    )
    return made


def about(send: Send, what: str) -> int:
    """Count from its figures whom a resend would reach; some may have left since, some reported meanwhile."""
    held_out: int = send.reasons.get(Skip.HOLD_OUT.key, 0)
    return {
        MISSED: send.failed + send.expired + send.skipped + send.cancelled - held_out,
        NOT_DISPLAYED: max(send.accepted - send.displayed, 0),
        NOT_CLICKED: max(send.accepted - send.clicked, 0),
    }[what]
