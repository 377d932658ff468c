"""Where visitors are: looked up whole, kept without the end of the address (PR-01)."""

from typing import Any

import pytest
from django.test import Client

from subscribers.models import Site
from subscribers.place import Place, place_of
from tests.conftest import Workspace
from tests.subscribers.samples import Browser, only_row, subscribe, unsubscribe


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("8.8.8.8", Place("US", address="8.8.8.0")),
        ("::ffff:8.8.8.8", Place("US", address="8.8.8.0")),
        ("2a00:1450:4001:81b::200e", Place("DE", address="2a00:1450:4001::")),
        ("2001:db8:1:2:3::4", Place("", address="2001:db8:1::")),
        ("203.0.113.77", Place("", address="203.0.113.0")),
        ("127.0.0.1", Place("", address="127.0.0.0")),
        ("fe80::1%eth0", Place("", address="fe80::")),
        ("unix:", Place()),
        ("", Place()),
    ],
)
def test_country_by_the_package_and_a_truncated_address(address: str, place: Place) -> None:
    assert place_of(address) == place


def test_an_operator_may_keep_addresses_whole(settings: Any) -> None:
    settings.ANONYMISE = False
    assert place_of("8.8.8.8") == Place("US", address="8.8.8.8")


def test_the_subscription_has_the_place_and_not_the_whole_address(
    sdk: Client, acme: Workspace, shop: Site, settings: Any
) -> None:
    settings.BEHIND_PROXY = True
    # What a visitor writes into the header stands before what the proxy adds.
    subscribe(sdk, shop, Browser().json(), **{"x-forwarded-for": "1.1.1.1, 8.8.4.4"})
    row = only_row(acme)
    assert (row.country, row.address, row.consent_origin) == ("US", "8.8.4.0", "https://shop.example")


def test_without_a_proxy_the_header_is_anybody_s(sdk: Client, acme: Workspace, shop: Site) -> None:
    subscribe(sdk, shop, Browser().json(), **{"x-forwarded-for": "8.8.4.4"})
    row = only_row(acme)
    assert (row.country, row.address) == ("", "127.0.0.0")


def test_who_asks_for_privacy_leaves_the_country_only(
    sdk: Client, acme: Workspace, shop: Site, settings: Any
) -> None:
    settings.BEHIND_PROXY = True
    subscribe(sdk, shop, Browser().json(), **{"x-forwarded-for": "8.8.4.4", "dnt": "1"})
    row = only_row(acme)
    assert (row.country, row.address, row.city) == ("US", "", "")


def test_the_consent_is_of_the_moment_it_was_given(sdk: Client, acme: Workspace, shop: Site) -> None:
    """PR-06: time, origin and prompt; a later visit changes none of them, agreeing anew does."""
    browser = Browser()
    subscribe(sdk, shop, browser.json(profile={"prompt": "bell", "sdk": "1.1.0"}))
    first = only_row(acme)
    assert (first.prompt, first.consent_origin, first.sdk_version) == (
        "bell",
        "https://shop.example",
        "1.1.0",
    )
    token = subscribe(sdk, shop, browser.json(profile={"prompt": "page", "sdk": "1.2"})).json()["subscriber"]
    later = only_row(acme)
    assert (later.prompt, later.subscribed_at, later.sdk_version) == ("bell", first.subscribed_at, "1.2")
    unsubscribe(sdk, shop, browser.endpoint, token)
    subscribe(sdk, shop, browser.json(profile={"prompt": "page", "sdk": "<script>"}))
    again = only_row(acme)
    assert (again.prompt, again.sdk_version) == ("page", "1.2")
