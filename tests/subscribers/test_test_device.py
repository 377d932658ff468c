"""The console's own browser as a test device of a website: its subscription, its worker, and that nobody counts it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from subscribers.figures import count_active, last_days
from subscribers.models import Site
from subscribers.views import TEST_DEVICES
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import Browser, count, only_row, subscribe


def offer(client: Client, site: Site, body: Any, content_type: str = "application/json") -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/sites/{site.pk}/test-device/", raw, content_type=content_type)


def test_a_browser_becomes_the_persons_test_device(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    client, browser = console(acme), Browser()
    answers = [offer(client, shop, browser.json()) for _ in range(2)]
    assert [(one.status_code, one.json()) for one in answers] == [
        (201, {"ready": True}),
        (200, {"ready": True}),
    ]
    row = only_row(acme)
    assert (row.is_test, row.state, row.endpoint, row.site_id) == (True, "active", browser.endpoint, shop.pk)
    assert client.session[TEST_DEVICES] == {str(shop.pk): row.pk}


def test_a_person_has_a_device_for_each_website(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    other, client = make_site(acme, origin="https://blog.example"), console(acme)
    offer(client, shop, Browser().json())
    offer(client, other, Browser().json())
    assert sorted(client.session[TEST_DEVICES]) == sorted([str(shop.pk), str(other.pk)])


def test_a_test_device_is_in_no_figure(acme: Workspace, shop: Site, console: Callable[..., Client]) -> None:
    offer(console(acme), shop, Browser().json())
    with in_tenant(acme.schema):
        assert count_active(shop.pk) == 0
        figures = last_days()[shop.pk]
    assert (figures["total"], figures["gained"], figures["lost"]) == (0, 0, 0)


def test_a_subscriber_of_the_website_that_is_offered_as_a_device_stays_a_subscriber(
    acme: Workspace, shop: Site, console: Callable[..., Client], sdk: Client
) -> None:
    """Taking the visitor out of every campaign without a word would be worse than a test that cannot be sent."""
    browser = Browser()
    subscribe(sdk, shop, browser.json())
    before = only_row(acme)
    answer = offer(console(acme), shop, Browser(browser.endpoint).json())
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_a_test_device")
    row = only_row(acme)
    assert (row.is_test, bytes(row.p256dh), bytes(row.auth)) == (
        False,
        bytes(before.p256dh),
        bytes(before.auth),
    )


BAD: dict[str, tuple[Any, int, str, str | None]] = {
    "no JSON": (b"{", 400, "invalid_json", None),
    "nothing": (b"", 400, "invalid_json", None),
    "list": (b"[]", 400, "invalid_json", None),
    "invalid UTF-8": (b'{"endpoint": "\xff"}', 400, "invalid_json", None),
    "deep": (b"[" * 10_000, 400, "invalid_json", None),
    "200 kB": (b" " * 200_000, 413, "too_large", None),
    "endpoint": (Browser("https://evil.test/x").json(), 400, "invalid_endpoint", "endpoint"),
    "surrogate": (Browser("\ud800").json(), 400, "invalid_endpoint", "endpoint"),
    "keys": ({"endpoint": "https://web.push.apple.com/x", "keys": []}, 400, "invalid_keys", "keys"),
    "auth": (Browser(auth=b"short").json(), 400, "invalid_keys", "auth"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_subscription_is_refused_in_the_form_of_the_sdk(
    acme: Workspace, shop: Site, console: Callable[..., Client], case: str
) -> None:
    body, status, code, field = BAD[case]
    client = console(acme)
    answer = offer(client, shop, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (status, code, field)
    assert error["message"]
    assert (count(acme), TEST_DEVICES in client.session) == (0, False)


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]
)
def test_another_content_type_is_no_error_page(
    acme: Workspace, shop: Site, console: Callable[..., Client], content_type: str
) -> None:
    raw = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
    answer = offer(console(acme), shop, raw, content_type)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


def test_it_takes_post_only(acme: Workspace, shop: Site, console: Callable[..., Client]) -> None:
    answer = console(acme).get(f"/sites/{shop.pk}/test-device/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_another_website_cannot_post_it(acme: Workspace, shop: Site, console: Callable[..., Client]) -> None:
    """CSRF is checked: a page elsewhere cannot make its browser somebody's test device."""
    client = console(acme)
    strict = Client(headers={"host": acme.host}, enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert offer(strict, shop, Browser().json()).status_code == 403
    assert count(acme) == 0


def test_the_devices_worker_is_the_websites_in_a_scope_of_its_own(
    acme: Workspace, shop: Site, console: Callable[..., Client], sdk: Client
) -> None:
    answer = console(acme).get(f"/test-device/{shop.site_key}/worker.js")
    assert answer.content == sdk.get(f"/w/{shop.site_key}.js").content
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("text/javascript; charset=utf-8", "no-cache")
    assert "Service-Worker-Allowed" not in answer.headers
    assert answer["Content-Security-Policy"] == (
        "default-src 'self'; connect-src 'self' http://sdk.localhost:8000"
    )


def test_the_worker_of_an_unknown_key_or_of_another_workspace_is_404(
    acme: Workspace, globex: Workspace, console: Callable[..., Client]
) -> None:
    theirs = make_site(globex)
    client = console(acme)
    for key in (theirs.site_key, "unknown", "x" * 500):
        assert client.get(f"/test-device/{key}/worker.js").status_code == 404
