"""A campaign to a segment: whom it froze, by which rule, and what became of the segment since."""

import json

import pytest

from campaigns.actions.campaign import save_draft
from campaigns.actions.errors import CampaignRefused
from campaigns.delivery.transport import Transport
from campaigns.models import Batch, Campaign, Send
from subscribers.actions.segment import SegmentRefused, delete_segment, save_segment
from subscribers.models import Segment, Subscriber
from subscribers.rules.rule import read
from tenants.doorway import in_tenant
from tests.campaigns.places import CONTENT, NORMAL, Place, add_subscribers, finish, fresh, launch
from tests.conftest import make_site


def all_of(*conditions: dict[str, object]) -> dict[str, object]:
    return {"match": "all", "rules": list(conditions)}


GERMAN = {"field": "country", "op": "is", "values": ["DE"]}
VIP = {"field": "tag", "op": "has", "values": ["vip"]}


def segment(place: Place, name: str, rule: dict[str, object]) -> Segment:
    workspace = place.workspace
    with in_tenant(place.schema):
        return save_segment(
            actor=workspace.owner, tenant=workspace.tenant, site=place.site, name=name, rule=read(rule)
        )


def draft(place: Place, chosen: Segment | None) -> Campaign:
    workspace = place.workspace
    with in_tenant(place.schema):
        return save_draft(
            actor=workspace.owner,
            tenant=workspace.tenant,
            site=place.site,
            content=CONTENT,
            segments=[chosen] if chosen else [],
        )


@pytest.fixture
def people(place: Place) -> list[int]:
    rows = add_subscribers(place, [NORMAL] * 4)
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk__in=[row.pk for row in rows[:3]]).update(country="DE")
        Subscriber.objects.filter(pk=rows[0].pk).update(tags=["vip"])
    return [row.pk for row in rows]


def frozen(place: Place, send: Send) -> list[int]:
    with in_tenant(place.schema):
        return sorted(
            pk for ids in Batch.objects.filter(send=send).values_list("ids", flat=True) for pk in ids
        )


def test_a_send_freezes_who_is_in_the_segment_when_it_starts(
    place: Place, people: list[int], transport: Transport
) -> None:
    german = segment(place, "German", all_of(GERMAN))
    ordinary = segment(
        place,
        "Ordinary",
        all_of(
            {"field": "segment", "op": "in", "segment": german.pk},
            {"field": "segment", "op": "not_in", "segment": segment(place, "Best", all_of(VIP)).pk},
        ),
    )
    send = launch(place, draft(place, ordinary))
    with in_tenant(place.schema):
        # Between launch and freeze: people move, rules do not.
        Subscriber.objects.filter(pk=people[1]).update(country="AT")
        Segment.objects.filter(pk=german.pk).update(rule=all_of(VIP))
    done = finish(place, send, transport)
    assert frozen(place, send) == [people[2]]
    assert (done.audience, done.accepted) == (1, 1)
    assert done.rule["name"] == "Ordinary"
    assert done.rule["says"] == "Subscribers who are in “German” and who are not in “Best”."
    assert "person.country = ANY('{DE}')" in done.rule_sql
    assert len(done.rule["rules"]) == 3


def test_the_kept_sql_finds_the_same_people_again(
    place: Place, people: list[int], transport: Transport
) -> None:
    send = launch(place, draft(place, segment(place, "German", all_of(GERMAN))))
    finish(place, send, transport)
    with in_tenant(place.schema):
        found = Subscriber.objects.raw(
            f"SELECT id FROM subscribers_subscriber person WHERE {fresh(place, send).rule_sql}"
        )
        assert sorted(row.pk for row in found) == frozen(place, send) == people[:3]


def test_a_segment_that_a_draft_is_for_is_not_deleted_and_one_that_was_sent_to_is(
    place: Place, people: list[int], transport: Transport
) -> None:
    german = segment(place, "German", all_of(GERMAN))
    campaign = draft(place, german)
    given = {"actor": place.workspace.owner, "tenant": place.workspace.tenant, "segment": german}
    with in_tenant(place.schema):
        with pytest.raises(SegmentRefused, match=f"“German” is used by campaign “{campaign.name}”"):
            delete_segment(**given)
        assert Segment.objects.filter(pk=german.pk).exists()
    send = launch(place, campaign)
    with in_tenant(place.schema):
        delete_segment(**given)
    done = finish(place, send, transport)
    assert (done.rule["name"], done.audience) == ("German", 3)
    with in_tenant(place.schema):
        assert Campaign.objects.get(pk=campaign.pk).segment is None


def test_a_segment_of_another_website_is_refused(place: Place, people: list[int]) -> None:
    german = segment(place, "German", all_of(GERMAN))
    other = make_site(place.workspace, origin="https://other.example")
    with in_tenant(place.schema), pytest.raises(CampaignRefused, match="is not a segment of"):
        save_draft(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            site=other,
            content=CONTENT,
            segments=[german],
        )


def test_an_empty_segment_ends_at_once_and_says_so(
    place: Place, people: list[int], transport: Transport
) -> None:
    nobody = segment(place, "Nobody", all_of({**GERMAN, "values": ["IS"]}))
    send = launch(place, draft(place, nobody))
    done = finish(place, send, transport)
    assert (done.state, done.audience) == ("finished", 0)


def test_the_rule_is_json_that_a_person_can_keep(place: Place, people: list[int]) -> None:
    german = segment(place, "German", all_of(GERMAN))
    send = launch(place, draft(place, german))
    kept = json.loads(json.dumps(fresh(place, send).rule))
    assert kept["rules"] == {str(german.pk): all_of(GERMAN)}
