"""Subscribing: one row per endpoint and site, newest keys win, and the answer is the capability of that row."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from subscribers.models import Site, Subscriber, VapidKey
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import Browser, count, only_row, rows, subscribe, unsubscribe


def test_a_new_browser_gets_201_and_a_known_one_200_with_the_same_capability(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    """SR-12."""
    browser = Browser()
    first, second = subscribe(sdk, shop, browser.json()), subscribe(sdk, shop, browser.json())
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert list(first.json()) == ["subscriber", "id"]
    assert len(first.json()["subscriber"]) == 40
    assert count(acme) == 1


def test_the_row_is_what_the_browser_sent(sdk: Client, acme: Workspace, shop: Site) -> None:
    browser = Browser()
    profile = {"language": "de-AT", "time_zone": "Europe/Vienna"}
    assert subscribe(sdk, shop, browser.json(profile=profile)).status_code == 201
    row = only_row(acme)
    assert (row.endpoint, bytes(row.p256dh), bytes(row.auth)) == (
        browser.endpoint,
        browser.p256dh,
        browser.auth,
    )
    assert (row.language, row.time_zone) == ("de-AT", "Europe/Vienna")
    assert (row.browser, row.os, row.device) == ("Chrome", "Windows", "desktop")
    assert (row.service, row.state, row.is_test, row.ended_at) == ("fcm", "active", False, None)
    with in_tenant(acme.schema):
        assert row.vapid_key_id == VapidKey.objects.get(site=shop).pk


def test_the_newest_keys_win(sdk: Client, acme: Workspace, shop: Site) -> None:
    """SR-12."""
    old = Browser()
    new = Browser(endpoint=old.endpoint)
    subscribe(sdk, shop, old.json())
    before = only_row(acme)
    assert subscribe(sdk, shop, new.json()).status_code == 200
    after = only_row(acme)
    assert (bytes(after.p256dh), bytes(after.auth)) == (new.p256dh, new.auth)
    assert (after.pk, after.subscribed_at) == (before.pk, before.subscribed_at)


def test_padded_keys_are_the_same_keys(sdk: Client, acme: Workspace, shop: Site) -> None:
    browser = Browser()
    body = browser.json()
    body["keys"] = {"p256dh": body["keys"]["p256dh"] + "=", "auth": body["keys"]["auth"] + "=="}
    assert subscribe(sdk, shop, body).status_code == 201
    assert bytes(only_row(acme).p256dh) == browser.p256dh


def test_what_the_browser_does_not_say_again_stays(sdk: Client, acme: Workspace, shop: Site) -> None:
    browser = Browser()
    profile = {"language": "de-AT", "time_zone": "Europe/Vienna"}
    subscribe(sdk, shop, browser.json(profile=profile))
    silent = {"user-agent": ""}
    assert subscribe(sdk, shop, browser.json(), **silent).status_code == 200
    row = only_row(acme)
    assert (row.language, row.time_zone, row.browser, row.os, row.device) == (
        "de-AT", "Europe/Vienna", "Chrome", "Windows", "desktop",
    )  # fmt: skip
    subscribe(sdk, shop, browser.json(profile={"language": "fr"}))
    assert (only_row(acme).language, only_row(acme).time_zone) == ("fr", "Europe/Vienna")


@pytest.mark.parametrize(
    "profile",
    [
        None,
        [],
        "de",
        7,
        {"language": 7, "time_zone": ["Europe/Vienna"]},
        {"language": "d", "time_zone": "Mars/Olympus"},
        {"language": "de\u0000", "time_zone": "Europe/Vienna\u0000"},
        {"language": "\ud800", "time_zone": "\ud800"},
        {"language": "x" * 5000, "time_zone": "x" * 5000},
        {"language": {"a": "b"}, "time_zone": None},
        {"language": "<script>", "time_zone": "../../etc/passwd"},
    ],
)
def test_an_odd_profile_is_left_empty_and_loses_no_subscriber(
    sdk: Client, acme: Workspace, shop: Site, profile: object
) -> None:
    assert subscribe(sdk, shop, Browser().json(profile=profile)).status_code == 201
    assert (only_row(acme).language, only_row(acme).time_zone) == ("", "")


@pytest.mark.parametrize("left", ["unsubscribed", "gone", "disabled"])
def test_who_comes_back_is_subscribed_again_in_the_same_row(
    sdk: Client, acme: Workspace, shop: Site, left: str
) -> None:
    browser = Browser()
    subscribe(sdk, shop, browser.json())
    with in_tenant(acme.schema):
        Subscriber.objects.update(state=left, ended_at=timezone.now())
    before = only_row(acme)
    assert subscribe(sdk, shop, browser.json()).status_code == 200
    after = only_row(acme)
    assert (after.pk, after.state, after.ended_at) == (before.pk, "active", None)


def test_who_comes_back_is_subscribed_under_the_current_key(sdk: Client, acme: Workspace, shop: Site) -> None:
    """The first part of CR-16: new subscriptions use key 2."""
    browser = Browser()
    subscribe(sdk, shop, browser.json())
    with in_tenant(acme.schema):
        VapidKey.objects.update(state=VapidKey.State.OLD)
        second = VapidKey.objects.create(site=shop, public=b"\x04" * 65, private_encrypted="k1:x")
    subscribe(sdk, shop, browser.json())
    assert only_row(acme).vapid_key_id == second.pk


def test_endpoints_are_compared_as_stored_and_not_folded_in_the_path(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    """SR-12: the path is compared as it is, the host as a host."""
    lower, upper = (
        Browser("https://fcm.googleapis.com/fcm/send/abc"),
        Browser("https://fcm.googleapis.com/fcm/send/ABC"),
    )
    same = Browser("https://FCM.googleapis.com:443/fcm/send/abc")
    answers = [subscribe(sdk, shop, one.json()).status_code for one in (lower, upper, same)]
    assert answers == [201, 201, 200]
    assert [row.endpoint for row in rows(acme)] == [lower.endpoint, upper.endpoint]
    assert bytes(rows(acme)[0].auth) == same.auth


def test_one_endpoint_on_two_websites_is_two_rows_with_capabilities_of_their_own(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    other = make_site(acme, origin="https://blog.example")
    browser = Browser()
    here = subscribe(sdk, shop, browser.json())
    there = subscribe(sdk, other, browser.json(), origin="https://blog.example")
    assert (here.status_code, there.status_code) == (201, 201)
    assert here.json() != there.json()
    assert [row.site_id for row in rows(acme)] == [shop.pk, other.pk]


def test_a_test_device_that_subscribes_on_the_website_counts_from_then_on(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    """The visitor agreed on the website: from that moment this browser is one of its subscribers."""
    browser = Browser()
    subscribe(sdk, shop, browser.json())
    month_ago = timezone.now() - timedelta(days=40)
    with in_tenant(acme.schema):
        Subscriber.objects.update(is_test=True, subscribed_at=month_ago)
    assert subscribe(sdk, shop, browser.json()).status_code == 200
    row = only_row(acme)
    assert not row.is_test
    assert row.subscribed_at > month_ago + timedelta(days=39)


def test_the_capability_of_a_row_still_works_after_its_keys_changed(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    old = Browser()
    capability = subscribe(sdk, shop, old.json()).json()["subscriber"]
    subscribe(sdk, shop, Browser(endpoint=old.endpoint).json())
    assert unsubscribe(sdk, shop, old.endpoint, capability).status_code == 204
    assert only_row(acme).state == "unsubscribed"


def test_a_subscription_costs_few_queries(
    sdk: Client, acme: Workspace, shop: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Path, site index; path, savepoint, key, upsert, release. For 5 s the index is then remembered."""
    with django_assert_num_queries(7):
        subscribe(sdk, shop, Browser().json())
    with django_assert_num_queries(5):
        subscribe(sdk, shop, Browser().json())
