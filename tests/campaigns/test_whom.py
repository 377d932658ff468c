"""Campaigns to several segments and without others: who is frozen, what the form says, who uses which segment."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.errors import CampaignRefused
from campaigns.models import Batch, Campaign, Send
from subscribers.actions.segment import SegmentRefused, delete_segment, save_segment
from subscribers.models import Segment, Site
from subscribers.rules.rule import read
from tenants.doorway import in_tenant
from tests.campaigns.places import CONTENT, TTL, drain_once
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import field_errors, page_text
from tests.subscribers.people import add_people

PEOPLE = [
    {"country": "DE"}, {"country": "DE", "tags": ["vip"]}, {"country": "FR"}, {"country": "FR", "tags": ["vip"]},
    {"country": "US", "tags": ["staff"]}, {"country": "DE", "tags": ["staff"]},
]  # fmt: skip


@pytest.fixture
def site(acme: Workspace) -> Site:
    return make_site(acme)


def add_segment(place: Workspace, site: Site, name: str, field: str, value: str) -> Segment:
    op = "is" if field == "country" else "has"
    rule = read({"match": "all", "rules": [{"field": field, "op": op, "values": [value]}]})
    with in_tenant(place.schema):
        return save_segment(actor=place.owner, tenant=place.tenant, site=site, name=name, rule=rule)


@pytest.fixture
def segments(acme: Workspace, site: Site) -> dict[str, Segment]:
    with in_tenant(acme.schema):
        add_people(site, PEOPLE)
    made = (
        ("German", "country", "DE"),
        ("French", "country", "FR"),
        ("Staff", "tag", "staff"),
        ("Vip", "tag", "vip"),
    )
    return {name: add_segment(acme, site, name, field, value) for name, field, value in made}


def draft(place: Workspace, site: Site, to: list[Segment], without: list[Segment]) -> Campaign:
    with in_tenant(place.schema):
        return save_draft(
            actor=place.owner, tenant=place.tenant, site=site, content=CONTENT, segments=to, excluded=without
        )


@pytest.mark.parametrize(
    "meant",
    [
        ([], ["Staff"], [0, 1, 2, 3], "Subscribers who are not in “Staff”."),
        (["German", "French"], [], [0, 1, 2, 3, 5], "Subscribers (who are in “German” or who are in “French”)."),
        (["German", "French"], ["Staff", "Vip"], [0, 2],
         "Subscribers (who are in “German” or who are in “French”), and who are not in “Staff”, "
         "and who are not in “Vip”."),
        (["German"], ["Vip"], [0, 5], "Subscribers who are in “German” and who are not in “Vip”."),
    ],
)  # fmt: skip
def test_who_is_frozen_and_by_which_rule(
    acme: Workspace, site: Site, segments: dict[str, Segment], transport: Any,
    meant: tuple[list[str], list[str], list[int], str],
) -> None:  # fmt: skip
    to, without, places, says = meant
    campaign = draft(acme, site, [segments[name] for name in to], [segments[name] for name in without])
    with in_tenant(acme.schema):
        everyone = list(site.subscribers.order_by("pk").values_list("pk", flat=True))
        send = launch_campaign(actor=acme.owner, tenant=acme.tenant, campaign=campaign, ttl=TTL)
        assert send.rule["says"] == says
        # What the segments say later is another matter: the rules were taken down.
        Segment.objects.update(
            rule={"match": "all", "rules": [{"field": "country", "op": "is", "values": ["XX"]}]}
        )
    drain_once(transport)
    with in_tenant(acme.schema):
        ids = sorted(pk for batch in Batch.objects.filter(send=send, root=None) for pk in batch.ids)
        assert ids == [everyone[place] for place in places]
        assert Send.objects.get(pk=send.pk).audience == len(places)


def test_the_page_counts_who_is_meant_and_who_is_left_out(
    acme: Workspace, site: Site, segments: dict[str, Segment], console: Callable[..., Client]
) -> None:
    client = console(acme)
    query = {
        "site": site.pk,
        "segment": [segments["German"].pk, segments["French"].pk],
        "excluded": segments["Vip"].pk,
    }
    said = page_text(client.get("/campaigns/reach/", query))
    assert said.startswith("3 of 6 subscribers right now; 2 who would be meant are left out.")
    assert page_text(client.get("/campaigns/reach/", {"site": site.pk})).startswith(
        "6 of 6 subscribers right now."
    )
    assert page_text(client.get("/campaigns/reach/", {"site": site.pk, "segment": "x'"})).startswith("6 of 6")


def test_the_form_keeps_both_lists_and_refuses_what_contradicts(
    acme: Workspace, site: Site, segments: dict[str, Segment], console: Callable[..., Client]
) -> None:
    client = console(acme)
    form = {
        **CONTENT,
        "site": site.pk,
        "segment": [segments["German"].pk, segments["French"].pk],
        "excluded": [segments["Vip"].pk],
    }
    page = client.post("/campaigns/new/", form).headers["Location"]
    with in_tenant(acme.schema):
        campaign = Campaign.objects.get()
        assert (campaign.segment, campaign.also, campaign.excluded) == (
            segments["French"], [segments["German"].pk], [segments["Vip"].pk]
        )  # fmt: skip
    text = client.get(page).content.decode()
    for name in ("German", "French", "Vip"):
        assert f'<option value="{segments[name].pk}" selected>{name}</option>' in text
    assert page_text(client.get(page)).count("who is in “ French ” or “ German ”") == 1
    answer = client.post("/campaigns/new/", {**form, "excluded": [segments["German"].pk]})
    assert field_errors(answer) == {
        "segment": "“German” is both wanted and left out. Take it away on one side."
    }


def test_a_segment_that_is_left_out_by_a_draft_cannot_be_deleted_and_one_that_was_can(
    acme: Workspace, site: Site, segments: dict[str, Segment]
) -> None:
    campaign = draft(acme, site, [segments["German"], segments["French"]], [segments["Vip"]])
    given: dict[str, Any] = {"actor": acme.owner, "tenant": acme.tenant}
    with in_tenant(acme.schema):
        for name in ("German", "French", "Vip"):
            with pytest.raises(SegmentRefused, match=f"campaign “{CONTENT['title']}”"):
                delete_segment(**given, segment=segments[name])
        launch_campaign(**given, campaign=campaign, ttl=TTL)
        for name in ("French", "Vip"):
            delete_segment(**given, segment=segments[name])
        campaign.refresh_from_db()
        assert (campaign.segment, campaign.also, campaign.excluded) == (segments["German"], [], [])


def test_too_many_or_foreign_segments_are_refused(
    acme: Workspace, site: Site, segments: dict[str, Segment]
) -> None:
    other = make_site(acme, origin="https://other.example")
    foreign = add_segment(acme, other, "Foreign", "country", "DE")
    with pytest.raises(CampaignRefused, match="“Foreign” is not a segment of"):
        draft(acme, site, [], [foreign])
    with pytest.raises(CampaignRefused, match="More than 10 segments"):
        draft(acme, site, [segments["German"]] * 11, [])
