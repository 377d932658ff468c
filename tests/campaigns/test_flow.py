"""Campaigns as things: what is kept while one types, copies, templates, the archive, removal, the calendar."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from campaigns.actions import flow
from campaigns.actions.campaign import launch_campaign, save_draft, send_test
from campaigns.actions.errors import CampaignRefused
from campaigns.calendar import month_of
from campaigns.models import Campaign, Message, Send
from campaigns.states import ALLOWED
from campaigns.timing import Timing
from subscribers.models import Segment, Site
from tenants.doorway import in_tenant
from tenants.models import SendIndex
from tests.campaigns.places import CONTENT, TTL
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import page_text
from tests.subscribers.people import add_people

RULE = {"match": "all", "rules": [{"field": "country", "op": "is", "values": ["DE"]}]}
NEXT_YEAR = datetime.now(UTC).year + 1


@pytest.fixture
def site(acme: Workspace) -> Site:
    made = make_site(acme)
    with in_tenant(acme.schema):
        add_people(made, [{}])
    return made


@pytest.fixture
def client(console: Callable[..., Client], acme: Workspace) -> Client:
    return console(acme)


def draft(place: Workspace, site: Site, **changes: Any) -> Campaign:
    with in_tenant(place.schema):
        return save_draft(actor=place.owner, tenant=place.tenant, site=site, content={**CONTENT, **changes})


def given(place: Workspace) -> dict[str, Any]:
    return {"actor": place.owner, "tenant": place.tenant}


def test_what_is_typed_on_a_new_page_becomes_a_draft_that_cannot_be_sent(
    client: Client, acme: Workspace, site: Site
) -> None:
    answer = client.post(
        "/campaigns/keep/", {"site": site.pk, "title": "Half", "url": "not yet", "utm_source": "x"}
    )
    with in_tenant(acme.schema):
        campaign = Campaign.objects.get()
        assert answer.json() == {
            "keep": f"/campaigns/{campaign.pk}/keep/",
            "page": f"/campaigns/{campaign.pk}/",
        }
        assert (campaign.name, campaign.state) == ("Half", "draft")
        for send in (
            lambda: launch_campaign(**given(acme), campaign=campaign, ttl=TTL),
            lambda: send_test(**given(acme), campaign=campaign, subscriber_id=1, ttl=TTL),
        ):
            with pytest.raises(CampaignRefused, match="has changes that are not saved"):
                send()
        assert Send.objects.count() == 0
    assert client.post(f"/campaigns/{campaign.pk}/keep/", {"title": "Halfway", "url": ""}).json() == {}
    page = client.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert 'value="Halfway"' in page
    assert "These changes are not saved yet" in page
    with in_tenant(acme.schema):
        assert Campaign.objects.get().name == "Halfway"


def test_saving_takes_the_place_of_what_was_typed_and_going_back_forgets_it(
    client: Client, acme: Workspace, site: Site
) -> None:
    campaign = draft(acme, site)
    client.post(
        f"/campaigns/{campaign.pk}/keep/",
        {
            "site": site.pk,
            "title": "Other",
            "url": CONTENT["url"],
            "translation_language": ["de", "fr"],
            "translation_title": ["Hallo", "Salut"],
        },
    )
    page = client.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert all(text in page for text in ('value="Other"', 'value="Hallo"', 'value="Salut"'))
    with in_tenant(acme.schema):
        assert (Message.objects.get().title, Campaign.objects.get().name) == (
            CONTENT["title"],
            CONTENT["title"],
        )
    client.post(f"/campaigns/{campaign.pk}/forget/")
    assert 'value="Other"' not in client.get(f"/campaigns/{campaign.pk}/").content.decode()
    client.post(f"/campaigns/{campaign.pk}/keep/", {"title": "Other"})
    client.post(f"/campaigns/{campaign.pk}/", {**CONTENT, "site": site.pk, "title": "Saved"})
    with in_tenant(acme.schema):
        assert (Message.objects.get().title, Campaign.objects.get().typed) == ("Saved", "")


def test_what_is_typed_has_a_limit_and_an_end(client: Client, acme: Workspace, site: Site) -> None:
    campaign = draft(acme, site)
    path = f"/campaigns/{campaign.pk}/keep/"
    answer = client.post(path, {"body": "x" * flow.MOST_TYPED})
    assert (answer.status_code, "are kept. Shorten its texts." in answer.json()["error"]) == (409, True)
    with in_tenant(acme.schema):
        launch_campaign(**given(acme), campaign=campaign, ttl=TTL)
    answer = client.post(path, {"title": "Late"})
    assert (answer.status_code, answer.json()["error"]) == (
        409, "This campaign is no draft any more, so nothing of it is kept."
    )  # fmt: skip


def test_a_copy_has_the_content_and_the_audience_and_nothing_of_the_send(
    client: Client, acme: Workspace, site: Site
) -> None:
    with in_tenant(acme.schema):
        german = Segment.objects.create(site=site, name="German", rule=RULE)
    german_title = {"de": {"title": "Hallo", "body": "", "url": ""}}
    campaign = draft(acme, site, translations=german_title, utm={"source": "x"}, ttl=60, urgency="high")
    with in_tenant(acme.schema):
        Campaign.objects.update(segment=german, excluded=[german.pk, 999])
        launch_campaign(
            **given(acme), campaign=campaign, ttl=TTL, timing=Timing(datetime(NEXT_YEAR, 1, 5, 9))
        )
    page = client.post(f"/campaigns/{campaign.pk}/copy/").headers["Location"]
    assert client.get(page).status_code == 200
    with in_tenant(acme.schema):
        made = Campaign.objects.latest("pk")
        assert (made.state, made.schedule, made.segment, made.excluded) == ("draft", {}, german, [german.pk])
        old, new = (
            Message.objects.filter(campaign=one).values(*flow.COPIED).get() for one in (campaign, made)
        )
        assert old == new
        assert (new["translations"], new["ttl"], new["urgency"]) == (german_title, 60, "high")


def test_campaigns_start_from_a_template_and_it_is_never_sent(
    client: Client, acme: Workspace, site: Site
) -> None:
    campaign = draft(acme, site, title="Weekly")
    page = client.post(f"/campaigns/{campaign.pk}/copy/", {"as": "template"}).headers["Location"]
    text = page_text(client.get(page))
    assert "New campaign from it" in text
    assert "Save template" in text
    assert "Send to 1 subscriber" not in text
    with in_tenant(acme.schema):
        template = Campaign.objects.get(state="template")
        with pytest.raises(CampaignRefused, match="sent already"):
            launch_campaign(**given(acme), campaign=template, ttl=TTL)
    client.post(page, {**CONTENT, "site": site.pk, "title": "Weekly news"})
    assert (
        f'<option value="/campaigns/{template.pk}/copy/">Weekly news</option>'
        in client.get("/campaigns/new/").content.decode()
    )
    client.post(f"/campaigns/{template.pk}/copy/")
    with in_tenant(acme.schema):
        assert [(one.name, one.state) for one in Campaign.objects.order_by("-pk")[:2]] == [
            ("Weekly news", "draft"), ("Weekly news", "template"),
        ]  # fmt: skip
    assert "Weekly news" in page_text(client.get("/campaigns/?show=templates"))


def test_what_is_archived_is_in_its_own_list_and_comes_back(
    client: Client, acme: Workspace, site: Site
) -> None:
    campaign = draft(acme, site, title="Old news")
    assert client.post(f"/campaigns/{campaign.pk}/archive/").headers["Location"] == "/campaigns/"
    for show, is_there in (("", False), ("drafts", False), ("archived", True), ("nonsense", False)):
        listed = client.get(f"/campaigns/?show={show}").context["rows"]
        assert [row["campaign"].name for row in listed] == ["Old news"] * is_there
    client.post(f"/campaigns/{campaign.pk}/restore/")
    assert "Old news" in page_text(client.get("/campaigns/?show=drafts"))


def test_what_has_not_ended_is_not_archived_and_what_went_out_not_deleted(
    client: Client, acme: Workspace, site: Site
) -> None:
    campaign = draft(acme, site)
    with in_tenant(acme.schema):
        launch_campaign(**given(acme), campaign=campaign, ttl=TTL)
        with pytest.raises(CampaignRefused, match="It has not ended yet"):
            flow.archive(**given(acme), campaign=campaign)
        with pytest.raises(CampaignRefused, match="It went out, so it is kept"):
            flow.delete(**given(acme), campaign=campaign)


def test_a_draft_that_was_never_saved_is_not_sent_once_what_was_typed_is_forgotten(
    client: Client, acme: Workspace, site: Site
) -> None:
    page = client.post("/campaigns/keep/", {"site": site.pk, "title": "Half"}).json()["page"]
    client.post(f"{page}forget/")
    client.post(f"{page}send/")
    assert "This draft has no title or no page yet." in page_text(client.get(page))
    with in_tenant(acme.schema):
        assert (Send.objects.count(), Campaign.objects.get().state) == (0, "draft")


def test_a_draft_is_deleted_for_good(client: Client, acme: Workspace, site: Site) -> None:
    campaign = draft(acme, site)
    with in_tenant(acme.schema):
        [device] = add_people(site, [{"is_test": True}])
        test = send_test(**given(acme), campaign=campaign, subscriber_id=device.pk, ttl=TTL)
        Send.objects.filter(pk=test.pk).update(state="finished", finished_at=datetime.now(UTC))
    assert client.post(f"/campaigns/{campaign.pk}/delete/").headers["Location"] == "/campaigns/"
    with in_tenant(acme.schema):
        assert (Campaign.objects.count(), Message.objects.count(), Send.objects.count()) == (0, 0, 0)
    assert not SendIndex.objects.filter(tenant_id=acme.tenant.pk).exists()


@pytest.mark.parametrize("state", Campaign.State.values)
@pytest.mark.parametrize("verb", ["archive", "restore", "delete", "forget_typed"])
def test_every_verb_is_refused_from_where_it_is_not_allowed(
    acme: Workspace, site: Site, verb: str, state: str
) -> None:
    campaign = draft(acme, site)
    with in_tenant(acme.schema):
        Campaign.objects.update(state=state)
        verb_of_table = {"forget_typed": "keep_typed"}.get(verb, verb)
        act = getattr(flow, verb)
        if state in ALLOWED[verb_of_table]:
            act(**given(acme), campaign=campaign)
        else:
            with pytest.raises(CampaignRefused, match="so that cannot be done"):
                act(**given(acme), campaign=campaign)
            assert Campaign.objects.get().state == state


def test_the_calendar_has_sends_series_and_what_is_too_close(
    client: Client, acme: Workspace, site: Site
) -> None:
    with in_tenant(acme.schema):
        Site.objects.update(time_zone="America/New_York")
    first = datetime(NEXT_YEAR, 3, 2, 23, 30)
    zone = "America/New_York"
    for title, timing in (
        ("Weekly", Timing(first, zone, rule="FREQ=WEEKLY;COUNT=3")),
        ("Close", Timing(first + timedelta(minutes=59), zone)),
        ("Far", Timing(first + timedelta(minutes=120), zone)),
        ("Own clock", Timing(datetime(NEXT_YEAR, 3, 20, 9), zone, is_local=True)),
    ):
        with in_tenant(acme.schema):
            launch_campaign(**given(acme), campaign=draft(acme, site, title=title), ttl=TTL, timing=timing)
    with in_tenant(acme.schema):
        month = month_of(datetime(NEXT_YEAR, 3, 1).date(), datetime.now(UTC))
        found = {
            (day.date.day, entry.title): (f"{entry.at:%H:%M}", entry.state, entry.close_to)
            for week in month.weeks for day in week if day.is_in_month for entry in day.entries
        }  # fmt: skip
    assert found == {
        (2, "Weekly"): ("23:30", "scheduled", ["Close"]),
        (3, "Close"): ("00:29", "scheduled", ["Weekly"]),
        (3, "Far"): ("01:30", "scheduled", []),
        (9, "Weekly"): ("23:30", "series", []),
        (16, "Weekly"): ("23:30", "series", []),
        (20, "Own clock"): ("09:00", "scheduled", []),
    }
    text = page_text(client.get(f"/campaigns/calendar/?month={NEXT_YEAR}-03"))
    assert f"March {NEXT_YEAR}" in text
    assert "Within an hour of “Close”" in text
    for odd in ("x", "0001-01", "9999-12", f"{NEXT_YEAR}-13", ""):
        assert client.get(f"/campaigns/calendar/?month={odd}").status_code == 200


def test_the_list_says_what_is_scheduled(client: Client, acme: Workspace, site: Site) -> None:
    campaign = draft(acme, site, title="Later")
    with in_tenant(acme.schema):
        send = launch_campaign(
            **given(acme), campaign=campaign, ttl=TTL, timing=Timing(datetime(NEXT_YEAR, 1, 5, 9))
        )
    text = page_text(client.get("/campaigns/?show=scheduled"))
    assert "Later Scheduled" in text
    report = page_text(client.get(f"/sends/{send.pk}/"))
    assert f"5 January {NEXT_YEAR}, 09:00 (UTC)" in report
    assert "Call it back" in report
    answer = client.post(f"/sends/{send.pk}/call-back/")
    assert answer.headers["Location"] == f"/campaigns/{campaign.pk}/"
    assert "Called back: nobody got it, and it is a draft again." in page_text(
        client.get(f"/campaigns/{campaign.pk}/")
    )


def test_scheduling_from_the_page(client: Client, acme: Workspace, site: Site) -> None:
    campaign = draft(acme, site)
    with in_tenant(acme.schema):
        Site.objects.update(time_zone="Europe/Berlin")
    form = {"when": "at", "at": f"{NEXT_YEAR}-07-06T09:00", "clock": "local", "past": "skip", "repeat": "weekly",
            "interval": "2", "days": ["MO", "FR"], "end": "count", "count": "4"}  # fmt: skip
    preview = page_text(client.get(f"/campaigns/{campaign.pk}/times/", form))
    assert "Goes out at 09:00" in preview
    answer = client.post(f"/campaigns/{campaign.pk}/send/", form)
    with in_tenant(acme.schema):
        send = Send.objects.get()
        assert answer.headers["Location"] == f"/sends/{send.pk}/"
        assert send.campaign.schedule == {
            "at": f"{NEXT_YEAR}-07-06T09:00", "zone": "Europe/Berlin", "is_local": True, "past": "skip",
            "rule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=4", "is_best": False,
        }  # fmt: skip
    assert "Every 2 weeks on Monday and Friday, 4 times" in page_text(client.get(f"/sends/{send.pk}/"))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"when": "at"}, "Give the date and time at which it goes out."),
        ({"when": "at", "at": "tomorrow"}, "tomorrow is no date and time."),
        ({"when": "at", "at": "2020-01-01T09:00"}, "01 January 2020, 09:00 has passed in UTC."),
        ({"when": "at", "at": f"{NEXT_YEAR}-01-01T09:00", "repeat": "daily", "end": "count"}, "Say how many times"),
        ({"when": "at", "at": f"{NEXT_YEAR}-01-02T09:00", "repeat": "daily", "end": "until",
          "until": f"{NEXT_YEAR}-01-01"},
         f"It cannot end on 01 January {NEXT_YEAR}, before it begins."),
        ({"when": "at", "at": f"{NEXT_YEAR}-01-01T09:00", "repeat": "daily", "interval": "0"}, "Every: give 1 to 99."),
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_is_said_before_and_after_the_click(
    client: Client, acme: Workspace, site: Site, form: dict[str, str], said: str
) -> None:
    campaign = draft(acme, site)
    assert said in page_text(client.get(f"/campaigns/{campaign.pk}/times/", form))
    client.post(f"/campaigns/{campaign.pk}/send/", form)
    assert said in page_text(client.get(f"/campaigns/{campaign.pk}/"))
    with in_tenant(acme.schema):
        assert (Send.objects.count(), Campaign.objects.get().state) == (0, "draft")


def test_a_full_day_shows_its_first_and_all_when_asked(client: Client, acme: Workspace, site: Site) -> None:
    for number in range(9):
        with in_tenant(acme.schema):
            timing = Timing(datetime(NEXT_YEAR, 5, 4, 9 + number))
            launch_campaign(
                **given(acme), campaign=draft(acme, site, title=f"No. {number}"), ttl=TTL, timing=timing
            )
    text = page_text(client.get(f"/campaigns/calendar/?month={NEXT_YEAR}-05"))
    assert ("No. 4" in text, "No. 5" in text, "and 4 more" in text) == (True, False, True)
    text = page_text(client.get(f"/campaigns/calendar/?month={NEXT_YEAR}-05&day={NEXT_YEAR}-05-04"))
    assert ("No. 8" in text, "more" in text.lower().replace("and 4 more", "!")) == (True, False)
    assert client.get("/campaigns/calendar/?day=x").status_code == 200
