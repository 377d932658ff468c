"""No cookie is set or read on the SDK's host (design section 6): its answers are the same for everyone."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from subscribers.models import Site
from tests.conftest import Workspace
from tests.subscribers.samples import Browser, subscribe, unsubscribe

WELL_FORMED = {
    settings.SESSION_COOKIE_NAME: "0123456789abcdefghijklmnopqrstuv",
    settings.CSRF_COOKIE_NAME: "0123456789abcdefghijklmnopqrstuv",
    "messages": "x",
    "anything": "y",
}
# A cookie that Django cannot read it replaces, or deletes, if it looks at cookies at all.
MALFORMED = {settings.SESSION_COOKIE_NAME: "x", settings.CSRF_COOKIE_NAME: "x"}


def answers(sdk: Client, shop: Site) -> dict[str, Any]:
    """Ask for everything there is on the SDK's host."""
    key = shop.site_key
    return {
        "loader": sdk.get(f"/sdk/v1/{key}/truepush.js"),
        "settings": sdk.get(f"/sdk/v1/{key}/settings.json"),
        "worker": sdk.get(f"/w/{key}.js"),
        "preflight": sdk.options(f"/sdk/v1/{key}/subscriptions", headers={"origin": shop.origin}),
        "subscribe": subscribe(sdk, shop, Browser().json()),
        "refused": subscribe(sdk, shop, {}),
        "foreign": subscribe(sdk, shop, {}, origin="https://evil.test"),
        "unsubscribe": unsubscribe(sdk, shop, Browser().endpoint, "0" * 40),
        "receipts": sdk.post("/sdk/v1/receipts", b'{"receipts": []}', content_type="text/plain"),
        "nothing there": sdk.get("/no/such/page"),
        "front page": sdk.get("/"),
    }


@pytest.mark.parametrize("cookies", [WELL_FORMED, MALFORMED], ids=["well-formed", "malformed"])
def test_no_answer_sets_a_cookie_or_depends_on_one(
    sdk: Client, acme: Workspace, shop: Site, cookies: dict[str, str]
) -> None:
    """`Vary: Cookie` would say that it depends, and keep caches from sharing it."""
    sdk.cookies.load(cookies)
    for name, answer in answers(sdk, shop).items():
        assert not answer.cookies, name
        assert "cookie" not in answer.get("Vary", "").lower(), name


def test_the_session_of_a_signed_in_person_is_not_looked_up(
    console: Any, acme: Workspace, shop: Site
) -> None:
    client = console(acme)
    with CaptureQueriesContext(connection) as queries:
        client.get(f"/sdk/v1/{shop.site_key}/settings.json", headers={"host": "sdk.localhost:8000"})
    assert not [query["sql"] for query in queries if "session" in query["sql"]]


@pytest.mark.parametrize("path", ["/sites/", "/sign-in/", "/admin/", "/workspaces/", "/enter/"])
def test_no_page_of_the_other_hosts_is_on_the_sdk_host(sdk: Client, db: None, path: str) -> None:
    assert sdk.get(path).status_code == 404
