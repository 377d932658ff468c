"""SR-13: a browser whose endpoint changed (pushsubscriptionchange) keeps its row, if the old one is really its own."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from subscribers.models import Site, Subscriber
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import Browser, count, only_row, rows, subscribe, unsubscribe

PROFILE = {"language": "de", "time_zone": "Europe/Berlin"}


def subscribed(sdk: Client, place: Workspace, shop: Site) -> Browser:
    """A browser that has been here for a while, with all that the workspace knows of it."""
    browser = Browser()
    subscribe(sdk, shop, browser.json(profile=PROFILE))
    with in_tenant(place.schema):
        Subscriber.objects.filter(endpoint=browser.endpoint).update(
            tags=["vip"], attributes={"orders": 3}, external_id="customer-7", country="DE",
            subscribed_at=timezone.now() - timedelta(days=9), wait_until=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
    return browser


def kept(row: Subscriber) -> tuple[Any, ...]:
    return (
        row.pk, row.tags, row.attributes, row.external_id, row.country, row.language, row.time_zone, row.browser,
        row.subscribed_at, row.is_test,
    )  # fmt: skip


def test_the_row_keeps_its_id_and_profile(sdk: Client, acme: Workspace, shop: Site) -> None:
    old = subscribed(sdk, acme, shop)
    before = only_row(acme)
    new = Browser("https://updates.push.services.mozilla.com/wpush/v2/new")
    answer = subscribe(sdk, shop, new.json(old_endpoint=old.endpoint), **{"user-agent": ""})
    after = only_row(acme)
    assert answer.status_code == 200
    assert kept(after) == kept(before)
    assert (after.endpoint, after.service, bytes(after.auth)) == (new.endpoint, "mozilla", new.auth)


def test_the_new_subscription_does_not_wait_for_what_the_old_one_was_told(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    """A 429 named the old subscription."""
    old = subscribed(sdk, acme, shop)
    subscribe(sdk, shop, Browser().json(old_endpoint=old.endpoint))
    assert only_row(acme).wait_until is None


def test_the_answer_is_the_capability_of_the_new_endpoint(sdk: Client, acme: Workspace, shop: Site) -> None:
    old, new = Browser(), Browser()
    first = subscribe(sdk, shop, old.json()).json()["subscriber"]
    second = subscribe(sdk, shop, new.json(old_endpoint=old.endpoint)).json()["subscriber"]
    assert first != second
    assert unsubscribe(sdk, shop, old.endpoint, first).status_code == 404
    assert unsubscribe(sdk, shop, new.endpoint, second).status_code == 204


def test_it_may_be_said_twice(sdk: Client, acme: Workspace, shop: Site) -> None:
    """The worker and the next page both report the change."""
    old = subscribed(sdk, acme, shop)
    body = Browser().json(old_endpoint=old.endpoint)
    assert [subscribe(sdk, shop, body).status_code for _ in range(2)] == [200, 200]
    assert count(acme) == 1


def test_who_had_left_and_comes_with_a_new_endpoint_is_subscribed_again(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    old = subscribed(sdk, acme, shop)
    with in_tenant(acme.schema):
        Subscriber.objects.update(state="gone", ended_at=timezone.now())
    subscribe(sdk, shop, Browser().json(old_endpoint=old.endpoint))
    assert (only_row(acme).state, only_row(acme).ended_at) == ("active", None)


def test_the_old_endpoint_may_be_spelled_as_the_browser_has_it(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    old = Browser("https://FCM.googleapis.com:443/fcm/send/Abc")
    subscribe(sdk, shop, old.json())
    assert subscribe(sdk, shop, Browser().json(old_endpoint=old.endpoint)).status_code == 200
    assert count(acme) == 1


def test_an_endpoint_that_is_known_already_keeps_its_own_row(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    old = subscribed(sdk, acme, shop)
    new = Browser()
    subscribe(sdk, shop, new.json())
    before = rows(acme)
    assert subscribe(sdk, shop, new.json(old_endpoint=old.endpoint)).status_code == 200
    assert [(row.pk, row.endpoint) for row in rows(acme)] == [(row.pk, row.endpoint) for row in before]


@pytest.mark.parametrize(
    "old",
    [
        "https://fcm.googleapis.com/fcm/send/nobody-had-this",
        "",
        "not a url",
        "\ud800",
        "a\x00b",
        "x" * 5000,
        None,
        7,
        [],
        ["https://fcm.googleapis.com/fcm/send/x"],
        {"endpoint": "x"},
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_unknown_old_endpoint_is_as_if_none_was_given(
    sdk: Client, acme: Workspace, shop: Site, old: object
) -> None:
    subscribed(sdk, acme, shop)
    before = kept(rows(acme)[0])
    assert subscribe(sdk, shop, Browser().json(old_endpoint=old)).status_code == 201
    first, second = rows(acme)
    assert kept(first) == before
    assert (second.tags, second.attributes, second.external_id) == ([], {}, "")


def test_an_old_endpoint_of_another_website_is_unknown(sdk: Client, acme: Workspace, shop: Site) -> None:
    other = make_site(acme, origin="https://blog.example")
    old = subscribed(sdk, acme, shop)
    answer = subscribe(sdk, other, Browser().json(old_endpoint=old.endpoint), origin="https://blog.example")
    assert answer.status_code == 201
    assert [(row.site_id, row.tags) for row in rows(acme)] == [(shop.pk, ["vip"]), (other.pk, [])]
    assert rows(acme)[0].endpoint == old.endpoint


def test_an_old_endpoint_of_another_workspace_is_unknown(
    sdk: Client, acme: Workspace, globex: Workspace, shop: Site
) -> None:
    theirs = make_site(globex)
    old = subscribed(sdk, globex, theirs)
    assert subscribe(sdk, shop, Browser().json(old_endpoint=old.endpoint)).status_code == 201
    assert only_row(globex).endpoint == old.endpoint
    assert (only_row(acme).tags, only_row(acme).external_id) == ([], "")
