"""Campaigns that wait for their time: they begin then and not before, can be called back, and come again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from campaigns.actions.campaign import launch_campaign
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.schedule import call_back
from campaigns.models import Batch, Campaign, Send
from campaigns.timing import Timing
from campaigns.why import verdict_of
from subscribers.models import Subscriber
from tenants.actions.sending import pause_sending, resume_sending, set_tenant_rate
from tenants.doorway import in_tenant
from tenants.models import DueWork, Pace, SendIndex
from tests.campaigns.places import (
    TTL,
    Place,
    add_subscribers,
    check_conservation,
    drain_once,
    finish,
    fresh,
    in_threads,
    new_campaign,
)
from truepush.local.sandbox.subscriptions import Behaviour

SOON = timedelta(hours=3)


def wall(ahead: timedelta = SOON) -> datetime:
    return (datetime.now(UTC) + ahead).replace(tzinfo=None, second=0, microsecond=0)


def schedule(place: Place, timing: Timing, **given: Any) -> Send:
    campaign = new_campaign(place)
    with in_tenant(place.schema):
        return launch_campaign(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            campaign=campaign,
            ttl=TTL,
            timing=timing,
            **given,
        )


def the_time_comes(place: Place, send: Send) -> None:
    """As if the clock were there: what the send and its batches wait for is now."""
    with in_tenant(place.schema):
        past = timezone.now() - timedelta(seconds=1)
        Send.objects.filter(pk=send.pk).update(due_at=past)
    DueWork.objects.filter(send_id=send.pk).update(due_at=past)


def state_of(place: Place, send: Send) -> tuple[str, str]:
    with in_tenant(place.schema):
        row = Send.objects.select_related("campaign").get(pk=send.pk)
        return row.state, row.campaign.state


def test_it_waits_for_its_time_and_then_goes_to_who_is_there(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 2)
    send = schedule(place, Timing(wall()))
    assert state_of(place, send) == ("scheduled", "scheduled")
    assert DueWork.objects.get(send_id=send.pk).due_at == send.due_at == wall().replace(tzinfo=UTC)
    assert SendIndex.objects.get(send_id=send.pk).state == "scheduled"
    assert drain_once(transport) == 0
    add_subscribers(place, [Behaviour()])
    the_time_comes(place, send)
    done = finish(place, send, transport)
    assert (done.audience, done.accepted) == (3, 3)
    assert state_of(place, send) == ("finished", "launched")
    check_conservation(place, done)


def test_nothing_else_that_happens_begins_it(place: Place, transport: Any) -> None:
    """A new rate, a pause and its end wake everything that waits; this looks at its time and waits on."""
    add_subscribers(place, [Behaviour()])
    send = schedule(place, Timing(wall()))
    tenant, owner = place.workspace.tenant, place.workspace.owner
    set_tenant_rate(actor=owner, tenant=tenant, per_minute=600)
    assert DueWork.objects.get(send_id=send.pk).due_at < send.due_at
    assert drain_once(transport) == 0
    pause_sending(actor=owner, tenant_id=tenant.pk, why="test", kind="person")
    assert DueWork.objects.get(send_id=send.pk).is_held
    resume_sending(actor=owner, tenant=tenant)
    assert drain_once(transport) == 0
    assert state_of(place, send) == ("scheduled", "scheduled")
    assert DueWork.objects.get(send_id=send.pk).due_at == send.due_at


def test_it_can_be_called_back_changed_and_sent_anew(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()])
    send = schedule(place, Timing(wall()))
    given = {"actor": place.workspace.owner, "tenant": place.workspace.tenant}
    with in_tenant(place.schema):
        with pytest.raises(CampaignRefused, match="This campaign is scheduled"):
            launch_campaign(**given, campaign=send.campaign, ttl=TTL)
        campaign = call_back(**given, send=send)
        assert (campaign.state, Send.objects.count(), Pace.objects.count()) == ("draft", 0, 0)
        with pytest.raises(CampaignRefused, match="has begun already"):
            call_back(**given, send=send)
        again = launch_campaign(**given, campaign=campaign, ttl=TTL)
    assert not DueWork.objects.filter(send_id=send.pk).exists()
    assert finish(place, again, transport).accepted == 1


def test_undo_is_a_call_back_within_the_first_seconds(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()])
    send = schedule(place, Timing(), undo_seconds=30)
    assert state_of(place, send) == ("scheduled", "scheduled")
    assert 29 < (send.due_at - timezone.now()).total_seconds() <= 30
    assert drain_once(transport) == 0
    the_time_comes(place, send)
    assert drain_once(transport) == 1
    with in_tenant(place.schema), pytest.raises(CampaignRefused, match="has begun already"):
        call_back(actor=place.workspace.owner, tenant=place.workspace.tenant, send=send)


@pytest.mark.parametrize("turn", range(3))
def test_calling_back_and_beginning_at_once_have_one_winner(
    lasting: Place, transport: Any, turn: int
) -> None:
    add_subscribers(lasting, [Behaviour()])
    send = schedule(lasting, Timing(), undo_seconds=30)
    the_time_comes(lasting, send)
    refused = []

    def either(number: int) -> None:
        if number:
            drain_once(transport)
            return
        try:
            with in_tenant(lasting.schema):
                call_back(actor=lasting.workspace.owner, tenant=lasting.workspace.tenant, send=send)
        except CampaignRefused as error:
            refused.append(error)

    in_threads(2, either)
    with in_tenant(lasting.schema):
        left = Send.objects.filter(pk=send.pk).first()
        campaign = Campaign.objects.get(pk=send.campaign_id)
    if refused:
        assert left is not None
        assert (finish(lasting, left, transport).accepted, campaign.state) == (1, "launched")
    else:
        assert (left, campaign.state) == (None, "draft")


def place_people(place: Place, zones: list[str]) -> list[Subscriber]:
    people = add_subscribers(place, [Behaviour()] * len(zones))
    with in_tenant(place.schema):
        for one, zone in zip(people, zones, strict=True):
            Subscriber.objects.filter(pk=one.pk).update(time_zone=zone)
    return people


ZONES = ["Asia/Kolkata", "Asia/Calcutta", "Asia/Kathmandu", "America/Phoenix", "", "Nowhere/Town"]


def batches(place: Place, send: Send) -> list[tuple[str, datetime, int]]:
    with in_tenant(place.schema):
        rows = Batch.objects.filter(send_id=send.pk).order_by("due_at")
        assert all(row.expires_at == row.due_at + timedelta(seconds=TTL) for row in rows)
        return [(row.zone, row.due_at, row.size) for row in rows]


def test_each_gets_it_by_their_own_clock(place: Place, transport: Any) -> None:
    people = place_people(place, ZONES)
    local = wall(timedelta(days=3)).replace(hour=9, minute=0)
    send = schedule(place, Timing(local, "America/Phoenix", is_local=True))
    assert send.due_at == (local - timedelta(hours=14)).replace(tzinfo=UTC)
    the_time_comes(place, send)
    assert drain_once(transport) == 0
    utc = local.replace(tzinfo=UTC)
    assert batches(place, send) == [
        ("UTC+05:45", utc - timedelta(hours=5, minutes=45), 1),
        ("UTC+05:30", utc - timedelta(hours=5, minutes=30), 2),
        ("UTC-07:00", utc + timedelta(hours=7), 3),  # and who has no zone that is known
    ]
    assert DueWork.objects.get(send_id=send.pk).due_at == utc - timedelta(hours=5, minutes=45)
    with in_tenant(place.schema):
        row = Send.objects.get(pk=send.pk)
        assert row.expires_at == utc + timedelta(hours=7, seconds=TTL)
        Batch.objects.filter(zone="UTC+05:30").update(due_at=F("due_at") - timedelta(days=9))
    DueWork.objects.update(due_at=timezone.now())
    assert drain_once(transport) == 2
    done = finish(place, send, transport)
    assert (done.audience, done.accepted) == (6, 6)
    check_conservation(place, done)
    # Batches of different zones overlap in ids, and everybody is still found in their own.
    with in_tenant(place.schema):
        assert {verdict_of(one, send.pk).outcome for one in people} == {"accepted"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("past", "days", "left_out"), [("next_day", 1, None), ("skip", 0, {"UTC+05:30": 2, "UTC+05:45": 1})]
)
def test_who_is_past_the_time_gets_it_a_day_later_or_not(
    place: Place, transport: Any, past: Any, days: int, left_out: dict[str, int] | None
) -> None:
    """Six hours before Phoenix is there, and hours after Nepal was."""
    place_people(place, ZONES)
    local = wall(timedelta(hours=-1))
    send = schedule(place, Timing(local, "America/Phoenix", is_local=True, past=past))
    drain_once(transport)
    utc = local.replace(tzinfo=UTC)
    late = [
        ("UTC+05:45", utc + timedelta(days=1, hours=-5, minutes=-45), 1),
        ("UTC+05:30", utc + timedelta(days=1, hours=-5, minutes=-30), 2),
    ]
    assert batches(place, send) == [("UTC-07:00", utc + timedelta(hours=7), 3), *(late if days else [])]
    with in_tenant(place.schema):
        assert Send.objects.get(pk=send.pk).timing.get("left_out") == left_out


def test_what_expires_does_so_by_each_own_clock(place: Place, transport: Any) -> None:
    """Nepal's message has expired while America's has not begun."""
    place_people(place, ZONES)
    send = schedule(place, Timing(wall(timedelta(days=3)), "America/Phoenix", is_local=True))
    the_time_comes(place, send)
    drain_once(transport)
    past = timezone.now() - timedelta(seconds=5)
    with in_tenant(place.schema):
        Batch.objects.filter(zone="UTC+05:45").update(due_at=past, expires_at=past)
    done = finish(place, send, transport)
    assert (done.accepted, done.expired) == (5, 1)


def test_a_series_schedules_its_next_as_one_begins(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()])
    first = wall()
    send = schedule(place, Timing(first, rule="FREQ=DAILY;COUNT=2"))
    assert send.occurrence == first.isoformat(timespec="minutes")
    the_time_comes(place, send)
    finish(place, send, transport)
    with in_tenant(place.schema):
        following = Send.objects.get(state="scheduled")
        assert following.due_at == first.replace(tzinfo=UTC) + timedelta(days=1)
        assert following.occurrence == (first + timedelta(days=1)).isoformat(timespec="minutes")
        assert following.campaign.state == "scheduled"
    the_time_comes(place, following)
    finish(place, following, transport)
    assert state_of(place, following) == ("finished", "launched")
    with in_tenant(place.schema):
        assert Send.objects.count() == 2


def test_a_series_that_is_called_back_after_its_first_has_ended(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()])
    send = schedule(place, Timing(wall(), rule="FREQ=DAILY"))
    the_time_comes(place, send)
    finish(place, send, transport)
    with in_tenant(place.schema):
        following = Send.objects.get(state="scheduled")
        assert (
            call_back(actor=place.workspace.owner, tenant=place.workspace.tenant, send=following).state
            == "launched"
        )
    assert fresh(place, send).state == "finished"


def test_a_series_whose_next_cannot_be_ends_and_says_why(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()])
    send = schedule(place, Timing(wall(), rule="FREQ=DAILY"))
    with in_tenant(place.schema):
        long = {"body": "x" * 2000, "image_url": "https://a.example/" + "y" * 1980}
        send.campaign.messages.update(**long)
    the_time_comes(place, send)
    finish(place, send, transport)
    assert state_of(place, send) == ("finished", "launched")
    with in_tenant(place.schema):
        [campaign] = Campaign.objects.all()
    assert campaign.schedule["ended"].startswith("The notification has ")
    assert Timing.from_json(campaign.schedule).rule == "FREQ=DAILY"
