"""What tests of versions start from: a campaign of several, and browsers that report."""

from typing import Any

from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.new_send import Speed
from campaigns.actions.receipts import Report, record_receipts
from campaigns.delivery.ab import AbTest
from campaigns.models import Batch, Campaign, Receipt, Send
from tenants.doorway import in_tenant
from tests.campaigns.places import CONTENT, TTL, Place
from truepush.lib.receipt_token import ReceiptToken

HALVES = (50, 50)


def versions(place: Place, *titles: str, **first: Any) -> Campaign:
    with in_tenant(place.schema):
        return save_draft(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            site=place.site,
            content={**CONTENT, "title": "Version A", **first},
            variants=[{"title": title} for title in titles],
        )


def launch(place: Place, campaign: Campaign, ab: AbTest | None = None, **given: Any) -> Send:
    with in_tenant(place.schema):
        return launch_campaign(
            actor=place.workspace.owner, tenant=place.workspace.tenant, campaign=campaign, ttl=TTL,
            speed=given.pop("speed", Speed(ab=ab)), **given,
        )  # fmt: skip


def report(place: Place, send: Send, variant: int, clicks: int, displays: int) -> None:
    """So many browsers of a variant display it, and so many click."""
    with in_tenant(place.schema):
        batches = list(Batch.objects.filter(send=send, root=None, variant=variant, wave=0))
        places = [(batch.pk, ordinal) for batch in batches for ordinal in range(batch.size)]
    tenant = place.workspace.tenant.pk
    for kind, number in ((Receipt.Kind.CLICKED, clicks), (Receipt.Kind.DISPLAYED, displays)):
        record_receipts(
            Report(ReceiptToken(tenant, send.pk, batch, ordinal, variant), kind)
            for batch, ordinal in places[:number]
        )
