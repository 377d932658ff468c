"""Who is left out besides: not seen for long, or had the campaign already; it is counted, said and kept to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.flow import copy
from campaigns.delivery.transport import Transport
from campaigns.models import Batch, Campaign, Send
from campaigns.reach import reach
from campaigns.whom import LeaveOut
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tests.campaigns.places import CONTENT, NORMAL, TTL, Place, add_subscribers, finish
from tests.campaigns.test_restraint import night_around
from tests.subscribers.pages import page_text


def new(place: Place, **leave_out: Any) -> Campaign:
    with in_tenant(place.schema):
        return save_draft(
            actor=place.workspace.owner, tenant=place.workspace.tenant, site=place.site, content=CONTENT,
            leave_out=leave_out,
        )  # fmt: skip


def launch(place: Place, campaign: Campaign) -> Send:
    with in_tenant(place.schema):
        return launch_campaign(
            actor=place.workspace.owner, tenant=place.workspace.tenant, campaign=campaign, ttl=TTL
        )


def got(place: Place, send: Send) -> set[int]:
    with in_tenant(place.schema):
        return {
            pk
            for ids in Batch.objects.filter(send=send, root=None).values_list("ids", flat=True)
            for pk in ids
        }


def asleep(place: Place, people: list[Subscriber], days: int) -> None:
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk__in=[one.pk for one in people]).update(
            seen_at=timezone.now() - timedelta(days=days)
        )


def test_who_was_not_seen_for_so_long_gets_nothing(place: Place, transport: Transport) -> None:
    people = add_subscribers(place, [NORMAL] * 5)
    asleep(place, people[:2], 61)
    asleep(place, people[2:3], 59)
    send = launch(place, new(place, dormant_days=60))
    assert send.rule["says"] == "Subscribers whose last visit is in the last 60 days."
    assert send.rule["name"] == "Everyone, without who was not seen for 60 days"
    done = finish(place, send, transport)
    assert got(place, done) == {one.pk for one in people[2:]}


def test_a_copy_can_leave_out_who_had_the_first(place: Place, transport: Transport) -> None:
    first_ones = add_subscribers(place, [NORMAL] * 3)
    campaign = new(place)
    finish(place, launch(place, campaign), transport)
    later = add_subscribers(place, [NORMAL] * 2)
    given: dict[str, Any] = {"actor": place.workspace.owner, "tenant": place.workspace.tenant}
    with in_tenant(place.schema):
        again = copy(**given, campaign=campaign)
        assert again.copied_from == [campaign.pk]
        again = save_draft(**given, site=place.site, content=CONTENT, leave_out={"had": True}, campaign=again)
        found = reach(place.site, [], [], LeaveOut.of(again))
        assert (found.total, found.again, found.dormant, found.excluded) == (2, 3, 0, None)
        third = copy(**given, campaign=again)
        assert third.copied_from == [again.pk, campaign.pk]
    done = finish(place, launch(place, again), transport)
    assert got(place, done) == {one.pk for one in later}
    assert not got(place, done) & {one.pk for one in first_ones}
    with in_tenant(place.schema):
        assert reach(place.site, [], [], LeaveOut.of(third)).total == 0


def test_the_composer_offers_it_counts_it_and_says_it(
    place: Place, console: Callable[..., Client], transport: Transport
) -> None:
    people = add_subscribers(place, [NORMAL] * 4)
    asleep(place, people[:3], 100)
    campaign = new(place)
    finish(place, launch(place, campaign), transport)
    add_subscribers(place, [NORMAL] * 2)
    client = console(place.workspace)
    asked = {"site": place.site.pk, "dormant_days": "90", "campaign": campaign.pk}
    said = page_text(client.get("/campaigns/reach/", {**asked, "had": "on"}))
    assert "2 of 6 subscribers right now; 3 were not seen for so long; 1 had it already." in said
    assert "had it" not in page_text(client.get("/campaigns/reach/", asked))
    # A number of days that is not offered is none.
    assert "6 of 6" in page_text(client.get("/campaigns/reach/", {**asked, "dormant_days": "7"}))
    form = {
        "site": place.site.pk,
        "title": "Again",
        "url": "https://shop.example/",
        "dormant_days": "90",
        "had": "on",
    }
    page = client.post("/campaigns/new/", form, follow=True)
    with in_tenant(place.schema):
        assert Campaign.objects.latest("pk").leave_out == {"dormant_days": 90, "had": True}
    assert "but not to who was not seen for 90 days, nor to who had it already" in page_text(page)
    assert "selected" in page.content.decode().split('value="90"')[1][:12]


@pytest.mark.parametrize(
    ("rule", "first"),
    [({"per_day": 1}, (3, 0)), ({"quiet": "drop"}, (0, 3))],
    ids=["caps", "quiet hours"],
)
def test_a_service_message_passes_caps_and_quiet_hours(
    place: Place, transport: Transport, rule: dict[str, Any], first: tuple[int, int]
) -> None:
    add_subscribers(place, [NORMAL] * 3)
    if "quiet" in rule:
        rule = {**rule, **night_around(datetime.now(UTC))}
    with in_tenant(place.schema):
        type(place.site).objects.update(restraint=rule)
    given: dict[str, Any] = {"actor": place.workspace.owner, "tenant": place.workspace.tenant}
    ends = []
    for purpose in ("promotion", "service", "promotion"):
        with in_tenant(place.schema):
            campaign = save_draft(**given, site=place.site, content=CONTENT, purpose=purpose)
        done = finish(place, launch(place, campaign), transport)
        ends.append((done.accepted, done.skipped))
    # The service message neither was held back nor took anybody's place.
    assert ends == [first, (3, 0), (0, 3)]
