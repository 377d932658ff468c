"""Unsubscribing: by endpoint and the row's own capability, as often as one likes; anything else learns nothing."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from subscribers.actions.subscription import capability_of, digest_of
from subscribers.models import Site, Subscriber
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import Browser, count, only_row, rows, subscribe, unsubscribe

UNKNOWN = {
    "error": {
        "code": "unknown_subscription",
        "message": "There is no such subscription on this website.",
        "field": None,
    }
}


def capability(sdk: Client, site: Site, browser: Browser, **more: str) -> str:
    return str(subscribe(sdk, site, browser.json(), **more).json()["subscriber"])


def test_the_right_capability_ends_the_subscription(sdk: Client, acme: Workspace, shop: Site) -> None:
    browser = Browser()
    answer = unsubscribe(sdk, shop, browser.endpoint, capability(sdk, shop, browser))
    assert (answer.status_code, answer.content) == (204, b"")
    row = only_row(acme)
    assert (row.state, row.ended_at is None) == ("unsubscribed", False)


def test_saying_it_again_changes_nothing(sdk: Client, acme: Workspace, shop: Site) -> None:
    browser = Browser()
    token = capability(sdk, shop, browser)
    unsubscribe(sdk, shop, browser.endpoint, token)
    ended = only_row(acme).ended_at
    assert unsubscribe(sdk, shop, browser.endpoint, token).status_code == 204
    assert (only_row(acme).state, only_row(acme).ended_at) == ("unsubscribed", ended)


def test_a_subscription_that_is_gone_stays_gone(sdk: Client, acme: Workspace, shop: Site) -> None:
    browser = Browser()
    token = capability(sdk, shop, browser)
    with in_tenant(acme.schema):
        Subscriber.objects.update(state="gone", ended_at=timezone.now())
    assert unsubscribe(sdk, shop, browser.endpoint, token).status_code == 204
    assert only_row(acme).state == "gone"


def test_the_browser_may_spell_its_endpoint_as_it_first_did(sdk: Client, acme: Workspace, shop: Site) -> None:
    """The row has the endpoint as parsed, the browser still has its own spelling."""
    browser = Browser("https://FCM.googleapis.com:443/fcm/send/Abc")
    assert unsubscribe(sdk, shop, browser.endpoint, capability(sdk, shop, browser)).status_code == 204
    assert only_row(acme).state == "unsubscribed"


def test_whoever_was_taken_in_under_older_rules_can_still_leave(
    sdk: Client, acme: Workspace, shop: Site, settings: Any
) -> None:
    """The list of push services may shrink; that must not hold anybody."""
    settings.SANDBOX_ORIGIN = "https://localhost:8002"
    browser = Browser("https://localhost:8002/push/x")
    token = capability(sdk, shop, browser)
    settings.SANDBOX_ORIGIN = ""
    assert unsubscribe(sdk, shop, browser.endpoint, token).status_code == 204
    assert only_row(acme).state == "unsubscribed"


@pytest.mark.parametrize(
    "wrong",
    ["0" * 40, "A" * 40, "x", "\x00" * 40, "\ud800" * 40, "\u0660" * 40, " ", "0" * 64],
    ids=["zeros", "letters", "short", "NUL", "surrogates", "arabic digits", "space", "long"],
)
def test_a_wrong_capability_is_answered_like_an_unknown_endpoint(
    sdk: Client, acme: Workspace, shop: Site, wrong: str
) -> None:
    """SR-15."""
    browser = Browser()
    capability(sdk, shop, browser)
    here = unsubscribe(sdk, shop, browser.endpoint, wrong)
    nowhere = unsubscribe(sdk, shop, Browser().endpoint, wrong)
    assert (here.status_code, here.json()) == (nowhere.status_code, nowhere.json()) == (404, UNKNOWN)
    assert only_row(acme).state == "active"


def test_a_nearly_right_capability_is_wrong(sdk: Client, acme: Workspace, shop: Site) -> None:
    browser = Browser()
    token = capability(sdk, shop, browser)
    near = [
        token[:-1],
        token + "0",
        token.upper(),
        token[:-1] + ("0" if token[-1] != "0" else "1"),
        f" {token}",
    ]
    assert [unsubscribe(sdk, shop, browser.endpoint, one).status_code for one in near] == [404] * 5
    assert only_row(acme).state == "active"


def test_the_capability_of_another_row_is_worthless(sdk: Client, acme: Workspace, shop: Site) -> None:
    """SR-15: nobody ends somebody else's subscription with their own token."""
    mine, yours = Browser(), Browser()
    token = capability(sdk, shop, mine)
    capability(sdk, shop, yours)
    assert unsubscribe(sdk, shop, yours.endpoint, token).status_code == 404
    assert [row.state for row in rows(acme)] == ["active", "active"]


def test_the_capability_of_one_website_is_worthless_on_another(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    other = make_site(acme, origin="https://blog.example")
    browser = Browser()
    token = capability(sdk, shop, browser)
    capability(sdk, other, browser, origin="https://blog.example")
    answer = unsubscribe(sdk, other, browser.endpoint, token, origin="https://blog.example")
    assert answer.status_code == 404
    assert [row.state for row in rows(acme)] == ["active", "active"]


def test_the_capability_of_one_workspace_is_worthless_in_another(
    sdk: Client, acme: Workspace, globex: Workspace, shop: Site
) -> None:
    theirs = make_site(globex)
    browser = Browser()
    token = capability(sdk, shop, browser)
    other = capability(sdk, theirs, browser)
    assert unsubscribe(sdk, theirs, browser.endpoint, token).status_code == 404
    assert only_row(globex).state == "active"
    assert unsubscribe(sdk, shop, browser.endpoint, other).status_code == 404
    assert only_row(acme).state == "active"


def test_rows_with_one_id_and_endpoint_in_two_workspaces_have_different_capabilities(
    acme: Workspace, globex: Workspace
) -> None:
    digest = digest_of("https://web.push.apple.com/x")
    tokens = set()
    for place in (acme, globex):
        with in_tenant(place.schema):
            tokens.add(capability_of(1, digest))
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"subscriber": "x"}, "endpoint"),
        ({"endpoint": "https://web.push.apple.com/x"}, "subscriber"),
        ({"endpoint": 7, "subscriber": "x"}, "endpoint"),
        ({"endpoint": "x" * 2049, "subscriber": "x"}, "endpoint"),
        ({"endpoint": "https://web.push.apple.com/x", "subscriber": ["x"]}, "subscriber"),
        ({"endpoint": "https://web.push.apple.com/x", "subscriber": "x" * 65}, "subscriber"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(
    sdk: Client, acme: Workspace, shop: Site, body: dict[str, object], field: str
) -> None:
    answer = unsubscribe(sdk, shop, body.get("endpoint"), body.get("subscriber"))
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert count(acme) == 0


@pytest.mark.parametrize("endpoint", ["\ud800", "\x00", "not a url", "https://evil.test/x", "%"])
def test_an_endpoint_that_no_push_service_gives_is_unknown(sdk: Client, shop: Site, endpoint: str) -> None:
    answer = unsubscribe(sdk, shop, endpoint, "0" * 40)
    assert (answer.status_code, answer.json()) == (404, UNKNOWN)
