"""Support staff take a batch from its worker; another goes on where the ledger ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.requeue import requeue_batch
from campaigns.models import Batch, Send
from subscribers.actions.subscription import NewSubscription, subscribe
from tenants.actions.support import SupportRefused
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, DueWork
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import Browser
from truepush.lib.webpush.endpoints import parse_endpoint

CONTENT = {"title": "Sale", "body": "", "url": "https://shop.example/", "icon_url": ""}


def stuck(acme: Workspace, state: str = "running") -> tuple[int, int]:
    """A send with one batch that a worker holds and does not get on with; answer their numbers."""
    site = make_site(acme)
    with in_tenant(acme.schema):
        browser = Browser()
        subscribe(
            site_id=site.pk,
            new=NewSubscription(parse_endpoint(browser.endpoint), browser.p256dh, browser.auth),
        )
        draft = save_draft(actor=acme.owner, tenant=acme.tenant, site=site, content=CONTENT)
        send = launch_campaign(actor=acme.owner, tenant=acme.tenant, campaign=draft, ttl=86400)
        Send.objects.filter(pk=send.pk).update(state=state)
        due, later = timezone.now() - timedelta(minutes=5), timezone.now() + timedelta(hours=1)
        batch = Batch.objects.create(
            send=send, number=0, ids=[1, 2, 3], size=3, first_id=1, last_id=3, cursor=1, due_at=due,
            lease_until=later, fence=7, holder="h:1", claims=2,
        )  # fmt: skip
    return send.pk, batch.pk


def requeue(acme: Workspace, send_id: int, batch_id: int) -> None:
    with in_tenant(acme.schema):
        requeue_batch(
            actor=acme.owner, tenant=acme.tenant, send_id=send_id, batch_id=batch_id, why="It stands still"
        )


def test_the_lease_ends_the_token_moves_and_the_place_is_kept(acme: Workspace) -> None:
    send_id, batch_id = stuck(acme)
    DueWork.objects.filter(send_id=send_id).delete()  # even where the doorbell was lost
    requeue(acme, send_id, batch_id)
    with in_tenant(acme.schema):
        row = Batch.objects.get(pk=batch_id)
    assert row.due_at < timezone.now() - timedelta(minutes=4)
    assert (row.lease_until, row.fence, row.holder, row.cursor, row.claims) == (None, 8, "", 1, 2)
    work = DueWork.objects.get(tenant_id=acme.tenant.pk, send_id=send_id)
    assert (work.is_held, work.schema_name) == (False, acme.schema)
    entry = AuditEntry.objects.get(action="send.requeue")
    assert (entry.tenant_id, entry.target) == (acme.tenant.pk, f"send {send_id}")
    assert entry.detail == {"batch": batch_id, "why": "It stands still"}


def test_without_a_reason_it_is_left_alone(acme: Workspace) -> None:
    send_id, batch_id = stuck(acme)
    with in_tenant(acme.schema):
        with pytest.raises(SupportRefused, match="Give a reason"):
            requeue_batch(
                actor=acme.owner, tenant=acme.tenant, send_id=send_id, batch_id=batch_id, why="  no "
            )
        assert Batch.objects.get(pk=batch_id).fence == 7


@pytest.mark.parametrize("state", ["paused", "cancelled", "scheduled"])
def test_a_send_that_does_not_run_is_left_alone(acme: Workspace, state: str) -> None:
    send_id, batch_id = stuck(acme, state)
    with pytest.raises(CampaignRefused, match="that is running"):
        requeue(acme, send_id, batch_id)
    with in_tenant(acme.schema):
        assert Batch.objects.get(pk=batch_id).fence == 7


def test_a_batch_that_waits_for_its_time_goes_on_waiting(acme: Workspace) -> None:
    send_id, batch_id = stuck(acme)
    later = timezone.now() + timedelta(days=400)
    with in_tenant(acme.schema):
        Batch.objects.filter(pk=batch_id).update(due_at=later)
    with pytest.raises(CampaignRefused, match="not due yet"):
        requeue(acme, send_id, batch_id)
    with in_tenant(acme.schema):
        row = Batch.objects.get(pk=batch_id)
    assert (row.due_at, row.fence, row.holder) == (later, 7, "h:1")


def test_a_batch_of_another_send_or_that_is_done_is_left_alone(acme: Workspace) -> None:
    send_id, batch_id = stuck(acme)
    with in_tenant(acme.schema):
        Batch.objects.filter(pk=batch_id).update(state="done", cursor=3)
    for number in (batch_id, batch_id + 1):
        with pytest.raises(CampaignRefused, match="done meanwhile"):
            requeue(acme, send_id, number)
    assert not AuditEntry.objects.filter(action="send.requeue").exists()
