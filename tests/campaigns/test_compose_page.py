"""The composer: errors beside the fields, nothing lost, and sends that only happen as they were meant."""

import re
import threading
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from campaigns.delivery.payload import MAX_BRIDGED, SAMPLE_TAG, payload_octets
from campaigns.models import Campaign, Message, Send
from subscribers.models import Site
from subscribers.views import TEST_DEVICES
from tenants.doorway import in_tenant
from tenants.models import Role
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    in_threads,
    launch,
    new_campaign,
    somebody_waits_for_us,
)
from tests.conftest import Workspace, make_site
from tests.sandbox.driver import until
from tests.subscribers.pages import field_errors, text_of
from tests.tenants.people import add_member
from truepush.lib.webpush.encryption import MAX_PLAINTEXT

GOOD = {"title": "Sale", "body": "Half price", "url": "https://shop.example/sale", "icon_url": ""}
FULL_URL = "must be a full address, for example https://www.example.com/sale."
SignIn = Callable[..., Client]


@pytest.fixture
def shop(acme: Workspace) -> Site:
    return make_site(acme)


def compose(client: Client, shop: Site, path: str = "/campaigns/new/", **changes: str) -> Any:
    return client.post(path, {"site": shop.pk, **GOOD, **changes})


def campaigns(place: Workspace) -> list[dict[str, Any]]:
    with in_tenant(place.schema):
        return list(Message.objects.order_by("pk").values("campaign__state", *GOOD))


def filled(answer: Any) -> dict[str, str]:
    """Read what the composer's fields hold."""
    page = answer.content.decode()
    inputs = {
        name[1]: unescape(value[1]) if (value := re.search(r'value="([^"]*)"', tag)) else ""
        for tag in re.findall(r"<input[^>]*>", page)
        if (name := re.search(r'name="(\w+)"', tag)) and name[1] in GOOD
    }
    body = re.search(r'<textarea name="body"[^>]*>\r?\n?(.*?)</textarea>', page, re.S)
    assert body is not None
    return {**inputs, "body": unescape(body[1])}


def test_a_draft_is_saved_and_shown_again(acme: Workspace, shop: Site, console: SignIn) -> None:
    client = console(acme)
    answer = compose(client, shop, title="  Big \n sale ", body="a\r\nb ", url=" https://shop.example/sale ")
    assert answer.status_code == 302
    kept = {"title": "Big sale", "body": "a\nb", "url": "https://shop.example/sale", "icon_url": ""}
    assert campaigns(acme) == [{"campaign__state": "draft", **kept}]
    assert filled(client.get(answer["Location"])) == kept


def test_a_draft_is_changed_in_place(acme: Workspace, shop: Site, console: SignIn) -> None:
    client = console(acme)
    path = compose(client, shop)["Location"]
    answer = compose(client, shop, path, title="Other", icon_url="https://shop.example/i.png")
    assert (answer.status_code, answer["Location"]) == (302, path)
    changed = {**GOOD, "title": "Other", "icon_url": "https://shop.example/i.png"}
    assert campaigns(acme) == [{"campaign__state": "draft", **changed}]
    assert "Draft saved." in text_of(client.get(path))


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"title": ""}, {"title": "This field is required."}),  # PS-17
        ({"title": " \n "}, {"title": "This field is required."}),
        (
            {"title": "t" * 201},
            {"title": "Ensure this value has at most 200 characters (it has 201)."},
        ),
        ({"title": "a\0b"}, {"title": "Null characters are not allowed."}),
        ({"body": "b" * 2001}, {"body": "Ensure this value has at most 2000 characters (it has 2001)."}),
        ({"url": ""}, {"url": "This field is required."}),
        ({"url": "/sale"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "shop.example/sale"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "//shop.example/sale"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "javascript:alert(1)"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "data:text/html,x"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "https://shop.example/big sale"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "https://shop.example/\tx"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "https://"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "https://user:pw@shop.example/"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "https://[::1/"}, {"url": f"The page to open {FULL_URL}"}),
        ({"url": "http://shop.example/"}, {"url": "The page to open must begin with https://."}),
        (
            {"url": "https://shop.example/" + "u" * 1980},
            {"url": "Ensure this value has at most 2000 characters (it has 2001)."},
        ),
        ({"icon_url": "icon.png"}, {"icon_url": f"The icon {FULL_URL}"}),
        ({"icon_url": "http://shop.example/i.png"}, {"icon_url": "The icon must begin with https://."}),
        ({"site": "0"}, {"site": "Select a valid choice. That choice is not one of the available choices."}),
        ({"site": "x"}, {"site": "Select a valid choice. That choice is not one of the available choices."}),
        ({"site": ""}, {"site": "This field is required."}),
        ({"title": "", "url": "x", "icon_url": "y"}, {
            "title": "This field is required.",
            "url": f"The page to open {FULL_URL}",
            "icon_url": f"The icon {FULL_URL}",
        }),
    ],
    ids=lambda value: " ".join(f"{key}={text[:20]!r}" for key, text in value.items()),
)  # fmt: skip
def test_an_error_stands_beside_its_field_and_nothing_is_lost(
    acme: Workspace, shop: Site, console: SignIn, changes: dict[str, str], errors: dict[str, str]
) -> None:
    client = console(acme)
    for path in ("/campaigns/new/", compose(client, shop, title="Kept")["Location"]):
        answer = compose(client, shop, path, **changes)
        assert (answer.status_code, field_errors(answer)) == (200, errors)
        assert filled(answer) == {**GOOD, **{name: text for name, text in changes.items() if name in GOOD}}
    assert [row["title"] for row in campaigns(acme)] == ["Kept"]


@pytest.mark.parametrize("character", ["x", "é", "🍵", '"'])
def test_a_message_that_is_too_large_says_by_how_much(
    acme: Workspace, shop: Site, console: SignIn, character: str
) -> None:
    """To the octet: what it says less is taken, one octet less is not."""
    long = {
        **GOOD,
        "url": "https://shop.example/" + "u" * 1900,
        "icon_url": "https://shop.example/" + "i" * 1600,
    }
    long["body"] = character * 400
    octets = payload_octets(long, tag=SAMPLE_TAG)
    excess = octets - MAX_PLAINTEXT
    assert excess > 0
    client = console(acme)
    answer = compose(client, shop, **long)
    assert field_errors(answer) == {
        "body": f"The notification has {octets} octets; browsers take {MAX_PLAINTEXT}. "
        f"Shorten the message by {excess}."
    }
    assert filled(answer) == long
    too_long = {**long, "icon_url": long["icon_url"][: -(excess - 1)] if excess > 1 else long["icon_url"]}
    assert compose(client, shop, **too_long).status_code == 200
    assert campaigns(acme) == []
    assert compose(client, shop, **{**long, "icon_url": long["icon_url"][:-excess]}).status_code == 302


def test_the_websites_icon_counts_where_the_message_has_none(acme: Workspace, console: SignIn) -> None:
    site = make_site(acme, icon_url="https://shop.example/" + "i" * 1900)
    long = {"url": "https://shop.example/" + "u" * 1900}
    answer = compose(console(acme), site, **long)
    assert list(field_errors(answer)) == ["body"]
    assert compose(console(acme), site, **long, icon_url="https://shop.example/i.png").status_code == 302


def test_markup_in_a_message_is_text(acme: Workspace, shop: Site, console: SignIn) -> None:
    nasty = "<script>alert(1)</script>\"'&"
    client = console(acme)
    path = compose(client, shop, title=nasty, body=nasty)["Location"]
    page = client.get(path)
    assert "<script>alert" not in page.content.decode()
    assert (filled(page)["title"], filled(page)["body"]) == (nasty, nasty)
    assert "<script>alert" not in client.get("/campaigns/").content.decode()


def test_without_a_website_there_is_nobody_to_write_to(acme: Workspace, console: SignIn) -> None:
    client = console(acme)
    answer = client.get("/campaigns/new/")
    assert (answer.status_code, answer["Location"]) == (302, "/sites/new/")
    assert "Add your website first" in text_of(client.get("/sites/new/"))


@pytest.mark.parametrize(("role", "shown"), [(Role.ANALYST, False), (Role.EDITOR, True)])
def test_who_may_not_write_is_offered_no_new_campaign(
    acme: Workspace, shop: Site, console: SignIn, role: Role, shown: bool
) -> None:
    client = console(acme, add_member(acme, role))
    for path in ("/", "/campaigns/"):
        assert (b"/campaigns/new/" in client.get(path).content) is shown, path


def test_another_workspaces_website_is_no_choice(
    acme: Workspace, globex: Workspace, shop: Site, console: SignIn
) -> None:
    with in_tenant(globex.schema):
        Site.objects.filter(pk=shop.pk).delete()
    foreign = make_site(globex)
    if foreign.pk == shop.pk:
        foreign = make_site(globex, origin="https://b.example")
    answer = compose(console(acme), foreign)
    assert list(field_errors(answer)) == ["site"]
    assert campaigns(acme) == []


@pytest.mark.parametrize("path", ["{0}", "{0}test/", "{0}send/"])
@pytest.mark.parametrize("number", [0, 10**9, 10**30])
def test_a_campaign_that_is_not_there_is_a_404(
    acme: Workspace, console: SignIn, path: str, number: int
) -> None:
    assert console(acme).post(path.format(f"/campaigns/{number}/")).status_code == 404


def test_a_campaign_that_was_sent_is_shown_as_its_report_and_cannot_be_changed(
    place: Place, console: SignIn
) -> None:
    add_subscribers(place, [NORMAL])
    campaign = new_campaign(place)
    send = launch(place, campaign)
    client = console(place.workspace)
    path = f"/campaigns/{campaign.pk}/"
    for answer in (client.get(path), compose(client, place.site, path, title="Changed")):
        assert (answer.status_code, answer["Location"]) == (302, f"/sends/{send.pk}/")
    assert [row["title"] for row in campaigns(place.workspace)] == ["Sale"]


def test_a_draft_that_is_sent_while_it_is_saved_is_refused_beside_what_was_typed(
    lasting: Place, console: SignIn
) -> None:
    """The page still found a draft; its UPDATE waits for the launch, and finds none."""
    add_subscribers(lasting, [NORMAL])
    campaign = new_campaign(lasting)
    client = console(lasting.workspace)
    answers = []

    def save(_: int) -> None:
        answers.append(compose(client, lasting.site, f"/campaigns/{campaign.pk}/", title="Typed"))

    saving = threading.Thread(target=in_threads, args=[1, save])
    with transaction.atomic():
        launch(lasting, campaign)
        saving.start()
        until(somebody_waits_for_us)
    saving.join()
    [answer] = answers
    assert answer.status_code == 200
    assert "This campaign was sent already; what was sent cannot be changed." in text_of(answer)
    assert filled(answer)["title"] == "Typed"
    assert [row["title"] for row in campaigns(lasting.workspace)] == ["Sale"]


def test_with_nobody_subscribed_sending_is_refused_in_words(place: Place, console: SignIn) -> None:
    campaign = new_campaign(place)
    client = console(place.workspace)
    path = f"/campaigns/{campaign.pk}/"
    page = text_of(client.get(path))
    assert "Nobody has subscribed to Shop yet." in page
    assert 'commandfor="send-dialog">' not in client.get(path).content.decode().split('id="send-dialog"')[0]
    answer = client.post(f"{path}send/")
    assert (answer.status_code, answer["Location"]) == (302, path)
    assert "Nobody has subscribed to this website yet, so there is nobody to send it to." in text_of(
        client.get(path)
    )
    assert [row["campaign__state"] for row in campaigns(place.workspace)] == ["draft"]
    with in_tenant(place.schema):
        assert not Send.objects.exists()


def test_the_button_says_how_many_it_will_reach(place: Place, console: SignIn) -> None:
    add_subscribers(place, [NORMAL] * 1234)
    add_subscribers(place, [NORMAL], is_test=True)
    page = text_of(console(place.workspace).get(f"/campaigns/{new_campaign(place).pk}/"))
    assert "Send to 1,234 subscribers" in page
    assert "Send to 1,234 subscribers?" in page


def test_sending_leads_to_the_report(place: Place, console: SignIn) -> None:
    add_subscribers(place, [NORMAL])
    campaign = new_campaign(place)
    answer = console(place.workspace).post(f"/campaigns/{campaign.pk}/send/")
    with in_tenant(place.schema):
        send = Send.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/sends/{send.pk}/")
    assert (send.kind, send.campaign_id, send.created_by) == (
        "campaign",
        campaign.pk,
        place.workspace.owner.pk,
    )


def test_a_test_goes_to_the_device_of_ones_own_session_only(place: Place, console: SignIn) -> None:
    [device] = add_subscribers(place, [NORMAL], is_test=True)
    campaign = new_campaign(place)
    path = f"/campaigns/{campaign.pk}/"
    mine, other = console(place.workspace), console(place.workspace)
    session = mine.session
    session[TEST_DEVICES] = {str(place.site.pk): device.pk}
    session.save()
    refused = other.post(f"{path}test/")
    assert (refused.status_code, refused["Location"]) == (302, path)
    assert "This browser is not set up as a test device." in text_of(other.get(path))
    with in_tenant(place.schema):
        assert not Send.objects.exists()
    sent = mine.post(f"{path}test/")
    assert (sent.status_code, sent["Location"]) == (302, path)
    page = text_of(mine.get(path))
    assert "Sent to this browser. It should appear within a few seconds." in page
    assert "Tests on your browser" in page
    with in_tenant(place.schema):
        send = Send.objects.get()
    assert (send.kind, send.rule) == ("test", {"subscribers": [device.pk]})


def test_a_device_of_another_website_is_none(place: Place, console: SignIn) -> None:
    [device] = add_subscribers(place, [NORMAL], is_test=True)
    other = make_site(place.workspace, origin="https://other.example")
    client = console(place.workspace)
    path = compose(client, other)["Location"]
    session = client.session
    session[TEST_DEVICES] = {str(place.site.pk): device.pk, str(other.pk): device.pk}
    session.save()
    client.post(f"{path}test/")
    assert "This browser is not set up as a test device." in text_of(client.get(path))
    with in_tenant(place.schema):
        assert not Send.objects.exists()


@pytest.mark.parametrize("path", ["test/", "send/"])
def test_nothing_is_sent_by_a_link(place: Place, console: SignIn, path: str) -> None:
    add_subscribers(place, [NORMAL])
    answer = console(place.workspace).get(f"/campaigns/{new_campaign(place).pk}/{path}")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    with in_tenant(place.schema):
        assert not Send.objects.exists()


@pytest.mark.parametrize(("excess", "flagged"), [(0, False), (1, True)])
@pytest.mark.parametrize("icon_of", ["message", "website"])
def test_cr08_what_firefox_on_android_does_not_take_is_flagged(
    acme: Workspace, console: SignIn, excess: int, flagged: bool, icon_of: str
) -> None:
    """2,744 octets of body are 2,641 of payload; the page is told, and the campaign keeps it."""
    icon = "https://shop.example/" + "i" * 1500
    site = make_site(acme, icon_url=icon if icon_of == "website" else "")
    content = {**GOOD, "icon_url": icon, "url": "https://shop.example/"}
    assert MAX_BRIDGED == 2641
    content["url"] += "u" * (MAX_BRIDGED + excess - payload_octets(content, tag=SAMPLE_TAG))
    client = console(acme)
    page = compose(client, site, **{**content, "icon_url": icon if icon_of == "message" else ""})
    assert f'data-bridged-max="{MAX_BRIDGED}"' in client.get(page["Location"]).content.decode()
    with in_tenant(acme.schema):
        assert Campaign.objects.get().oversize_bridged is flagged


def test_cr08_it_is_not_flagged_where_nobody_wants_to_know(
    acme: Workspace, shop: Site, console: SignIn, settings: Any
) -> None:
    settings.FIREFOX_ANDROID = False
    compose(console(acme), shop, icon_url="https://shop.example/" + "i" * 1900, body="x" * 1500)
    with in_tenant(acme.schema):
        assert Campaign.objects.get().oversize_bridged is False
