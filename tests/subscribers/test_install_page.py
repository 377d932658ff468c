"""The install page: what to paste, what to put on the server, and the wait for the first subscriber."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from subscribers.models import Site, Subscriber
from tenants.doorway import in_tenant
from tenants.models import SdkRelease
from tenants.sdk_rings import forget, installed
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import text_of
from tests.subscribers.samples import Browser, subscribe

POLL = re.compile(r'hx-get="([^"]*)" hx-trigger="every 2s" hx-swap="outerHTML"')


def code(answer: Any, element: str) -> str:
    found = re.search(rf'<code id="{element}">(.*?)</code>', answer.content.decode(), re.S)
    assert found
    return unescape(found[1])


def test_the_snippet_and_the_stub_are_this_websites(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    answer = console(acme).get(f"/sites/{shop.pk}/")
    key = shop.site_key
    assert code(answer, "snippet") == (
        f'<script src="http://sdk.localhost:8000/sdk/v1/{key}/truepush.js" async></script>'
    )
    assert code(answer, "stub") == (
        "/* Truepush worker: keep this file at /truepush/worker.js */\n"
        f'importScripts("http://sdk.localhost:8000/w/{key}.js");\n'
    )


def test_the_stub_is_downloaded_as_the_file_that_it_must_become(
    acme: Workspace, console: Callable[..., Client]
) -> None:
    site = make_site(acme, worker_path="/static/push/sw-2.js")
    answer = console(acme).get(f"/sites/{site.pk}/worker.js")
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="sw-2.js"'
    assert answer.content.decode().splitlines() == [
        "/* Truepush worker: keep this file at /static/push/sw-2.js */",
        f'importScripts("http://sdk.localhost:8000/w/{site.site_key}.js");',
    ]


def test_it_names_where_the_worker_must_answer_and_its_scope(
    acme: Workspace, console: Callable[..., Client]
) -> None:
    site = make_site(acme, worker_path="/static/push/sw.js")
    words = text_of(console(acme).get(f"/sites/{site.pk}/"))
    assert "It must answer at https://shop.example/static/push/sw.js" in words
    assert "Worker scope /static/push/" in words


def test_it_names_the_sdk_version_that_the_website_gets(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    assert f"SDK version {installed().version}" in text_of(console(acme).get(f"/sites/{shop.pk}/"))
    SdkRelease.objects.all().delete()
    for version, back in (("0.9.0", None), (installed().version, timezone.now())):
        SdkRelease.objects.create(
            version=version, files={}, digest="x", percent=100, started_at=timezone.now(), called_back_at=back
        )
    forget()
    assert "SDK version 0.9.0" in text_of(console(acme).get(f"/sites/{shop.pk}/"))


@pytest.mark.parametrize("page", ["/sites/{}/", "/sites/{}/waiting/"])
def test_it_waits_until_somebody_subscribes_then_is_green_and_stops_asking(
    acme: Workspace, shop: Site, console: Callable[..., Client], sdk: Client, page: str
) -> None:
    client = console(acme)
    before = client.get(page.format(shop.pk))
    assert "Waiting for your first subscriber" in text_of(before)
    assert POLL.findall(before.content.decode()) == [f"/sites/{shop.pk}/waiting/"]
    subscribe(sdk, shop, Browser().json())
    after = client.get(page.format(shop.pk))
    assert "1 subscriber: the website is connected The first came with Chrome on Windows, now." in text_of(
        after
    )
    assert b'class="waiting is-done"' in after.content
    assert POLL.findall(after.content.decode()) == []


def test_the_part_that_is_asked_for_again_is_only_a_part(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    html = console(acme).get(f"/sites/{shop.pk}/waiting/").content.decode()
    assert html.strip().startswith("<section")
    assert "<html" not in html


def test_whoever_left_and_test_devices_do_not_end_the_wait(
    acme: Workspace, shop: Site, console: Callable[..., Client], sdk: Client
) -> None:
    for _ in range(2):
        subscribe(sdk, shop, Browser().json())
    with in_tenant(acme.schema):
        first, second = Subscriber.objects.order_by("pk")
        Subscriber.objects.filter(pk=first.pk).update(is_test=True)
        Subscriber.objects.filter(pk=second.pk).update(state="unsubscribed", ended_at=timezone.now())
    page = text_of(console(acme).get(f"/sites/{shop.pk}/waiting/"))
    assert "Connected; nobody is subscribed at the moment" in page


def test_the_first_is_the_one_who_came_first(
    acme: Workspace, shop: Site, console: Callable[..., Client], sdk: Client
) -> None:
    for agent in ("", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"):
        subscribe(sdk, shop, Browser().json(), **{"user-agent": agent})
    with in_tenant(acme.schema):
        newest = Subscriber.objects.latest("pk")
        Subscriber.objects.filter(pk=newest.pk).update(subscribed_at=timezone.now() - timedelta(days=3))
    words = text_of(console(acme).get(f"/sites/{shop.pk}/waiting/"))
    assert (
        "2 subscribers: the website is connected The first came with Firefox on Linux, 3 days ago." in words
    )


def test_a_test_device_is_not_the_first_who_came(
    acme: Workspace, shop: Site, console: Callable[..., Client], sdk: Client
) -> None:
    subscribe(sdk, shop, Browser().json(), **{"user-agent": ""})
    with in_tenant(acme.schema):
        Subscriber.objects.update(is_test=True, subscribed_at=timezone.now() - timedelta(days=3))
    subscribe(sdk, shop, Browser().json())
    words = text_of(console(acme).get(f"/sites/{shop.pk}/waiting/"))
    assert "1 subscriber: the website is connected The first came with Chrome on Windows, now." in words


def test_a_subscriber_of_another_website_does_not_end_the_wait(
    acme: Workspace, shop: Site, console: Callable[..., Client], sdk: Client
) -> None:
    other = make_site(acme, origin="https://blog.example")
    subscribe(sdk, other, Browser().json(), origin=other.origin)
    assert "Waiting" in text_of(console(acme).get(f"/sites/{shop.pk}/waiting/"))


def test_the_demo_shop_is_offered_for_its_own_website_only(
    acme: Workspace, console: Callable[..., Client], settings: Any
) -> None:
    settings.DEMO_SHOP_URL = "http://localhost:8001"
    shop, other = (
        make_site(acme, origin="http://localhost:8001"),
        make_site(acme, origin="https://other.example"),
    )
    client = console(acme)
    link = f'href="http://localhost:8001/?site={shop.site_key}"'
    assert link in client.get(f"/sites/{shop.pk}/").content.decode()
    assert "localhost:8001" not in client.get(f"/sites/{other.pk}/").content.decode()


def test_what_is_asked_every_two_seconds_costs_few_queries(
    acme: Workspace,
    shop: Site,
    console: Callable[..., Client],
    sdk: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Host, session, user, member, site, count, first; the search path twice; on the page SDK releases and banners."""
    subscribe(sdk, shop, Browser().json())
    client = console(acme)
    for page, most in (("waiting/", 9), ("", 11)):
        with django_assert_num_queries(most):
            client.get(f"/sites/{shop.pk}/{page}")
