"""Pictures, buttons, sound, expiry and urgency: kept with the draft, sent with the message, refused where wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.errors import CampaignRefused
from campaigns.models import Campaign, Message, Send
from subscribers.models import Site
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import field_errors
from tests.subscribers.people import add_people

TEXT = {"title": "Sale", "body": "Half price", "url": "https://shop.example/sale", "icon_url": ""}
OPTIONS = {
    "image_url": "https://shop.example/big.png", "badge_url": "https://shop.example/badge.png", "sticky": "on",
    "silent": "on", "ttl": "3600", "urgency": "high", "button1_title": " Buy   now ",
    "button1_url": "https://shop.example/buy", "button1_icon": "https://shop.example/buy.png",
    "button2_title": "Later", "button2_url": "https://shop.example/later", "button2_icon": "",
}  # fmt: skip
BUTTONS = [
    {"title": "Buy now", "url": "https://shop.example/buy", "icon_url": "https://shop.example/buy.png"},
    {"title": "Later", "url": "https://shop.example/later", "icon_url": ""},
]


@pytest.fixture
def site(acme: Workspace) -> Site:
    return make_site(acme)


@pytest.fixture
def client(console: Callable[..., Client], acme: Workspace) -> Client:
    return console(acme)


def test_they_are_kept_shown_again_and_frozen_into_the_send(
    client: Client, acme: Workspace, site: Site
) -> None:
    answer = client.post("/campaigns/new/", {**TEXT, **OPTIONS, "site": site.pk})
    assert answer.status_code == 302, field_errors(answer)
    page = client.get(answer.headers["Location"]).content.decode()
    assert '<details class="options" open>' in page
    for text in (
        "https://shop.example/big.png",
        "Buy now",
        "https://shop.example/later",
        'value="3600" selected',
    ):
        assert text in page
    with in_tenant(acme.schema):
        message = Message.objects.get()
        assert (message.image_url, message.badge_url) == (OPTIONS["image_url"], OPTIONS["badge_url"])
        assert (message.sticky, message.silent, message.urgency, message.ttl) == (True, True, "high", 3600)
        assert message.buttons == BUTTONS
        add_people(site, [{}])
        send = launch_campaign(
            actor=acme.owner, tenant=acme.tenant, campaign=Campaign.objects.get(), ttl=86400
        )
        assert (send.ttl, send.urgency) == (3600, "high")
        [content] = Send.objects.get().content
        assert {name: content[name] for name in ("buttons", "sticky", "silent", "image_url")} == {
            "buttons": BUTTONS, "sticky": True, "silent": True, "image_url": OPTIONS["image_url"],
        }  # fmt: skip


def test_a_plain_message_has_none_of_them_and_the_usual_time(
    client: Client, acme: Workspace, site: Site
) -> None:
    answer = client.post("/campaigns/new/", {**TEXT, "site": site.pk})
    assert '<details class="options">' in client.get(answer.headers["Location"]).content.decode()
    with in_tenant(acme.schema):
        message = Message.objects.get()
        assert (message.buttons, message.ttl, message.urgency, message.sticky) == ([], None, "normal", False)
        add_people(site, [{}])
        send = launch_campaign(
            actor=acme.owner, tenant=acme.tenant, campaign=Campaign.objects.get(), ttl=86400
        )
        assert (send.ttl, send.urgency) == (86400, "normal")


def test_only_a_second_button_becomes_the_first(client: Client, acme: Workspace, site: Site) -> None:
    second = {name: text for name, text in OPTIONS.items() if name.startswith("button2")}
    client.post("/campaigns/new/", {**TEXT, **second, "site": site.pk})
    with in_tenant(acme.schema):
        assert Message.objects.get().buttons == [BUTTONS[1]]


@pytest.mark.parametrize(
    "wrong",
    [
        ({"button1_title": "Buy"}, "button1_url", "Give the page that the button opens"),
        ({"button1_url": "https://shop.example/buy"}, "button1_title", "Give the button a title"),
        ({"button2_title": "x" * 41}, "button2_title", "at most 40 characters"),
        (
            {"button1_title": "Buy", "button1_url": "javascript:alert(1)"},
            "button1_url",
            "must be a full address",
        ),
        (
            {"image_url": "http://shop.example/x.png"},
            "image_url",
            "The large image must begin with https://.",
        ),
        ({"badge_url": "x"}, "badge_url", "The badge must be a full address"),
        ({"ttl": "5"}, "ttl", "5 is not one of the available choices"),
        ({"urgency": "utmost"}, "urgency", "utmost is not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    client: Client, acme: Workspace, site: Site, wrong: tuple[dict[str, str], str, str]
) -> None:
    given, field, text = wrong
    answer = client.post("/campaigns/new/", {**TEXT, **given, "site": site.pk})
    assert answer.status_code == 200
    assert text in field_errors(answer)[field]
    assert '<details class="options" open>' in answer.content.decode()
    with in_tenant(acme.schema):
        assert Message.objects.count() == 0


def test_three_buttons_are_refused_by_the_verb(acme: Workspace, site: Site) -> None:
    """PS-18: browsers show two."""
    content: dict[str, Any] = {**TEXT, "buttons": [*BUTTONS, BUTTONS[0]]}
    with in_tenant(acme.schema), pytest.raises(CampaignRefused, match="3 buttons; browsers show 2 at most"):
        save_draft(actor=acme.owner, tenant=acme.tenant, site=site, content=content)
