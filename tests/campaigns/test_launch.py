"""Launch: once, whole or not at all, and to the people who were there."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from campaigns.actions.campaign import launch_campaign, save_draft, send_test
from campaigns.actions.errors import CampaignRefused
from campaigns.delivery.outcomes import Outcome
from campaigns.delivery.payload import DEFAULTS
from campaigns.delivery.transport import Transport
from campaigns.models import Batch, Campaign, Send
from subscribers.actions.site import change_site
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, DueWork, SendIndex
from tests.campaigns.places import (
    CONTENT,
    NORMAL,
    TTL,
    Place,
    add_subscribers,
    check_conservation,
    drain_once,
    figures,
    finish,
    fresh,
    in_threads,
    launch,
    ledger,
    let_time_pass,
    new_campaign,
    open_place,
    send_one_grant,
)
from truepush.local.sandbox.subscriptions import Answer, Behaviour


def rows_of_a_launch(place: Place) -> dict[str, int]:
    """What a launch makes, counted."""
    tenant = place.workspace.tenant.pk
    with in_tenant(place.schema):
        return {
            "sends": Send.objects.count(),
            "launched": Campaign.objects.exclude(state="draft").count(),
            "index": SendIndex.objects.filter(tenant_id=tenant).count(),
            "due": DueWork.objects.filter(tenant_id=tenant).count(),
            "tasks": OrmQ.objects.count(),
            "audit": AuditEntry.objects.filter(tenant_id=tenant, action="campaign.send").count(),
        }


def added(before: dict[str, int], after: dict[str, int]) -> set[int]:
    return {after[name] - before[name] for name in before}


def test_a_launch_makes_all_its_rows_and_the_doorbell(place: Place) -> None:
    add_subscribers(place, [NORMAL])
    campaign = new_campaign(place)
    before = rows_of_a_launch(place)
    send = launch(place, campaign)
    assert added(before, rows_of_a_launch(place)) == {1}
    due = DueWork.objects.get(send_id=send.pk)
    index = SendIndex.objects.get(send_id=send.pk)
    assert (due.tenant_id, due.schema_name, due.is_held) == (place.workspace.tenant.pk, place.schema, False)
    assert due.due_at <= timezone.now()
    assert (index.state, index.site_id, index.kind) == ("preparing", place.site.pk, "campaign")
    assert (send.state, send.rule, send.created_by) == (
        "preparing",
        {"everyone": True},
        place.workspace.owner.pk,
    )


@pytest.mark.parametrize(
    "table", ["tenants_duework", "tenants_sendindex", "tenants_auditentry", "django_q_ormq"]
)
def test_a_launch_that_fails_half_way_leaves_nothing(place: Place, table: str) -> None:
    """RE-04: whichever of its rows the database refuses."""
    add_subscribers(place, [NORMAL])
    campaign = new_campaign(place)
    before = rows_of_a_launch(place)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE public.{table} ADD CONSTRAINT refuse CHECK (false) NOT VALID")
        with pytest.raises(IntegrityError):
            launch(place, campaign)
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE public.{table} DROP CONSTRAINT refuse")
    assert rows_of_a_launch(place) == before
    assert launch(place, campaign).state == "preparing"


def test_a_doorbell_that_is_there_already_refuses_the_launch(place: Place) -> None:
    """RE-04"""
    add_subscribers(place, [NORMAL])
    campaign = new_campaign(place)
    following = launch(place).pk + 1
    values = {"tenant_id": place.workspace.tenant.pk, "schema_name": place.schema, "send_id": following}
    DueWork.objects.create(**values, priority=0, due_at=timezone.now())
    before = rows_of_a_launch(place)
    with pytest.raises(IntegrityError, match="due_work_once"), transaction.atomic():
        launch(place, campaign)
    assert rows_of_a_launch(place) == before


def test_a_second_launch_is_refused_in_words(place: Place) -> None:
    add_subscribers(place, [NORMAL])
    campaign = new_campaign(place)
    launch(place, campaign)
    before = rows_of_a_launch(place)
    with pytest.raises(CampaignRefused, match="sent already"):
        launch(place, campaign)
    assert rows_of_a_launch(place) == before


def test_a_second_launch_is_refused_by_the_database_too(place: Place) -> None:
    """RE-03: not by a prior read."""
    add_subscribers(place, [NORMAL])
    campaign = new_campaign(place)
    launch(place, campaign)
    before = rows_of_a_launch(place)
    with in_tenant(place.schema), pytest.raises(IntegrityError, match="send_once"), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.DRAFT)
        launch(place, campaign)
    assert rows_of_a_launch(place) == before


def test_eight_launches_at_the_same_moment_are_one(lasting: Place) -> None:
    """RE-07"""
    add_subscribers(lasting, [NORMAL])
    campaign = new_campaign(lasting)
    outcomes: list[str] = []

    def click(_: int) -> None:
        with in_tenant(lasting.schema):
            mine = Campaign.objects.get(pk=campaign.pk)
        try:
            launch(lasting, mine)
            outcomes.append("launched")
        except CampaignRefused:
            outcomes.append("refused")

    in_threads(8, click)
    assert sorted(outcomes) == ["launched"] + ["refused"] * 7
    assert rows_of_a_launch(lasting)["sends"] == 1


def test_a_double_click_on_send_shows_the_one_send(place: Place, console: Any) -> None:
    """RE-07, through the page"""
    add_subscribers(place, [NORMAL])
    campaign = new_campaign(place)
    client = console(place.workspace)
    first = client.post(f"/campaigns/{campaign.pk}/send/")
    second = client.post(f"/campaigns/{campaign.pk}/send/")
    with in_tenant(place.schema):
        send = Send.objects.get()
    assert (first.status_code, first["Location"]) == (302, f"/sends/{send.pk}/")
    assert (second.status_code, second["Location"]) == (302, f"/campaigns/{campaign.pk}/")
    # The composer of a campaign that was sent is its report.
    assert client.get(second["Location"])["Location"] == f"/sends/{send.pk}/"


def test_nobody_subscribed_means_nobody_to_send_to(place: Place) -> None:
    add_subscribers(place, [NORMAL], is_test=True)
    campaign = new_campaign(place)
    before = rows_of_a_launch(place)
    with pytest.raises(CampaignRefused, match="Nobody has subscribed to this website yet"):
        launch(place, campaign)
    assert rows_of_a_launch(place) == before


def test_the_audience_is_who_was_there_when_it_was_frozen(
    place: Place, transport: Transport, settings: Any
) -> None:
    """RE-06: later subscribers are not in it, whoever left is skipped with a reason."""
    settings.GRANT_SIZE = 2
    rows = add_subscribers(place, [NORMAL] * 8)
    other = open_place(place.workspace, place.sandbox, origin="https://other.example")
    add_subscribers(other, [NORMAL] * 3)
    add_subscribers(place, [NORMAL], is_test=True)
    gone = add_subscribers(place, [NORMAL], state="gone", ended_at=timezone.now())
    send = launch(place)
    send_one_grant(place, transport)
    add_subscribers(place, [NORMAL] * 5)
    with in_tenant(place.schema):
        now = timezone.now()
        Subscriber.objects.filter(pk=rows[2].pk).update(state="unsubscribed", ended_at=now)
        Subscriber.objects.filter(pk=rows[3].pk).update(state="disabled", ended_at=now)
        Subscriber.objects.filter(pk=rows[4].pk).update(state="gone", ended_at=now)
        Subscriber.objects.filter(pk=rows[5].pk).delete()
        Subscriber.objects.filter(pk=gone[0].pk).update(state="active", ended_at=None)
    send = finish(place, send, transport)
    check_conservation(place, send)
    assert (send.audience, figures(send)) == (8, {"accepted": 4, "gone": 1, "skipped": 3})
    assert place.sandbox.counts()["requests"] == 4
    entries = ledger(place, send)
    assert sorted(entries) == [row.pk for row in rows]
    assert [(e.outcome, e.attempts, e.reason) for e in (entries[row.pk] for row in rows[2:6])] == [
        (Outcome.SKIPPED, 0, "unsubscribed"),
        (Outcome.SKIPPED, 0, "key paused"),
        (Outcome.GONE, 0, "gone before it was sent"),
        (Outcome.SKIPPED, 0, "erased"),
    ]
    assert send.reasons == {
        "skipped unsubscribed": 1,
        "skipped key paused": 1,
        "skipped erased": 1,
        "gone gone before it was sent": 1,
    }


def test_whoever_leaves_while_a_retry_waits_is_skipped(place: Place, transport: Transport) -> None:
    [row] = add_subscribers(place, [Behaviour(Answer.UNAVAILABLE)])
    send = launch(place)
    drain_once(transport)
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk=row.pk).update(state="unsubscribed", ended_at=timezone.now())
    let_time_pass(place)
    drain_once(transport)
    check_conservation(place, send)
    entry = ledger(place, send)[row.pk]
    assert (entry.outcome, entry.attempts) == (Outcome.SKIPPED, 1)
    assert place.sandbox.counts()["requests"] == 1


def test_batches_are_sorted_slices_of_one_audience(place: Place, transport: Transport, settings: Any) -> None:
    """RE-03"""
    settings.BATCH_SIZE = 10
    rows = add_subscribers(place, [NORMAL] * 25)
    send = finish(place, launch(place), transport)
    with in_tenant(place.schema):
        batches = list(Batch.objects.filter(send_id=send.pk).order_by("number"))
    ids = [row.pk for row in rows]
    assert [(b.number, b.ids, b.size, b.first_id, b.last_id) for b in batches] == [
        (0, ids[:10], 10, ids[0], ids[9]),
        (1, ids[10:20], 10, ids[10], ids[19]),
        (2, ids[20:], 5, ids[20], ids[24]),
    ]


def test_an_audience_that_left_before_the_freeze_ends_the_send_in_words(
    place: Place, transport: Transport
) -> None:
    rows = add_subscribers(place, [NORMAL] * 2)
    send = launch(place)
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk__in=[row.pk for row in rows]).delete()
    drain_once(transport)
    send = fresh(place, send)
    assert (send.state, send.audience) == ("finished", 0)
    assert send.state_detail == "Nobody was subscribed when it started."
    assert SendIndex.objects.get(send_id=send.pk).state == "finished"
    assert not DueWork.objects.filter(send_id=send.pk).exists()


def test_what_is_sent_is_what_was_launched(place: Place, transport: Transport) -> None:
    """The website's icon and the draft may change afterwards."""
    [row] = add_subscribers(place, [NORMAL])
    owner, tenant = place.workspace.owner, place.workspace.tenant
    values = {"name": "Shop", "origin": place.site.origin, "contact": place.site.contact}
    values["worker_path"] = place.site.worker_path
    with in_tenant(place.schema):
        change_site(actor=owner, tenant=tenant, site=place.site, icon_url="https://a.example/1.png", **values)
    campaign = new_campaign(place)
    send = launch(place, campaign)
    with in_tenant(place.schema):
        change_site(actor=owner, tenant=tenant, site=place.site, icon_url="https://a.example/2.png", **values)
        with pytest.raises(CampaignRefused, match="what was sent cannot be changed"):
            save_draft(
                actor=owner,
                tenant=tenant,
                site=place.site,
                content={**CONTENT, "title": "Other"},
                campaign=campaign,
            )
    frozen = [{**DEFAULTS, **CONTENT, "icon_url": "https://a.example/1.png"}]
    assert finish(place, send, transport).content == frozen
    [message] = place.sandbox.messages(row)  # type: ignore[arg-type]
    assert '"title":"Sale"' in str(message["payload"])
    assert '"icon":"https://a.example/1.png"' in str(message["payload"])
    with in_tenant(place.schema):
        assert campaign.messages.get().title == "Sale"


def test_a_message_that_the_websites_new_icon_makes_too_large_is_refused(place: Place) -> None:
    add_subscribers(place, [NORMAL])
    campaign = new_campaign(place, body="x" * 1900, url="https://shop.example/" + "p" * 1700)
    with in_tenant(place.schema):
        change_site(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            site=place.site,
            name="Shop",
            origin=place.site.origin,
            contact=place.site.contact,
            icon_url="https://shop.example/" + "i" * 600,
            worker_path=place.site.worker_path,
        )
        campaign.refresh_from_db()
    before = rows_of_a_launch(place)
    with pytest.raises(CampaignRefused, match=r"has 4\d\d\d octets with the website's icon"):
        launch(place, campaign)
    assert rows_of_a_launch(place) == before


def test_a_test_send_goes_to_its_one_device(place: Place, transport: Transport) -> None:
    add_subscribers(place, [NORMAL] * 3)
    [device] = add_subscribers(place, [NORMAL], is_test=True)
    campaign = new_campaign(place)
    with in_tenant(place.schema):
        send = send_test(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            campaign=campaign,
            subscriber_id=device.pk,
            ttl=TTL,
        )
    send = finish(place, send, transport)
    check_conservation(place, send)
    assert list(ledger(place, send)) == [device.pk]
    assert place.sandbox.counts()["requests"] == 1
    with in_tenant(place.schema):
        campaign.refresh_from_db()
    assert (campaign.state, send.kind) == ("draft", "test")


def test_only_an_active_test_device_of_the_campaigns_website_is_one(place: Place) -> None:
    [visitor] = add_subscribers(place, [NORMAL])
    [gone] = add_subscribers(place, [NORMAL], is_test=True, state="gone", ended_at=timezone.now())
    other = open_place(place.workspace, place.sandbox, origin="https://other.example")
    [elsewhere] = add_subscribers(other, [NORMAL], is_test=True)
    campaign = new_campaign(place)
    before = rows_of_a_launch(place)
    for subscriber in (visitor.pk, gone.pk, elsewhere.pk, 0, 10**12):
        with in_tenant(place.schema), pytest.raises(CampaignRefused, match="not set up as a test device"):
            send_test(
                actor=place.workspace.owner,
                tenant=place.workspace.tenant,
                campaign=campaign,
                subscriber_id=subscriber,
                ttl=TTL,
            )
    assert rows_of_a_launch(place) == before


def test_small_sends_go_before_large_ones_and_tests_before_all(place: Place) -> None:
    rows = add_subscribers(place, [NORMAL] * 1001)
    large = launch(place)
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk__in=[row.pk for row in rows[:1]]).delete()
    small = launch(place)
    order = dict(DueWork.objects.values_list("send_id", "priority"))
    assert (order[large.pk], order[small.pk]) == (DueWork.Priority.BULK, DueWork.Priority.SMALL)


def test_the_time_to_live_counts_from_the_freeze(place: Place, transport: Transport) -> None:
    add_subscribers(place, [NORMAL])
    send = finish(place, launch(place, ttl=600), transport)
    assert send.launched_at is not None
    assert send.expires_at == send.launched_at + timedelta(seconds=600)


def test_only_a_draft_is_launched_with_what_was_saved_last(place: Place) -> None:
    """The campaign in hand may be older than the one in the database."""
    add_subscribers(place, [NORMAL])
    stale = new_campaign(place)
    with in_tenant(place.schema):
        current = Campaign.objects.get(pk=stale.pk)
        other = open_place(place.workspace, place.sandbox, origin="https://other.example")
    add_subscribers(other, [NORMAL])
    with in_tenant(place.schema):
        save_draft(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            site=other.site,
            content={**CONTENT, "title": "Newer"},
            campaign=current,
        )
        send = launch_campaign(
            actor=place.workspace.owner, tenant=place.workspace.tenant, campaign=stale, ttl=TTL
        )
    assert (send.site_id, send.content[0]["title"]) == (other.site.pk, "Newer")
