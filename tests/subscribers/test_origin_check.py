"""Which pages may subscribe browsers to a website, and which of them may read the answer."""

from typing import Any

import pytest
from django.test import Client

from subscribers.actions.site import change_site
from subscribers.models import Site
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.samples import ORIGIN, Browser, count, post, subscribe

FOREIGN = [
    "null",
    "",
    "http://shop.example",
    "https://shop.example.evil.test",
    "https://evil-shop.example",
    "https://evil.test/https://shop.example",
    "https://shop.example:8443",
    "https://shop.example:443",
    "https://www.shop.example",
    "https://shop.example/",
    "https://SHOP.example",
    "https://shop.example, https://evil.test",
    "https://shop.example https://evil.test",
    "https://shop.exampl",
    "https://shop.example\u00a0",
    "*",
    "x" * 4000,
]
PATHS = ["subscriptions", "unsubscribe"]


def cors(answer: Any) -> dict[str, str]:
    """Pick the headers by which a browser decides who may read the answer."""
    return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-")}


@pytest.mark.parametrize("path", PATHS)
def test_a_page_of_another_origin_is_refused_and_cannot_read_why(
    sdk: Client, acme: Workspace, shop: Site, path: str
) -> None:
    """SR-16, WB-06: another origin, none at all, `null`, a downgrade, another port, a suffix."""
    for origin in (None, *FOREIGN):
        answer = post(sdk, shop.site_key, path, Browser().json(subscriber="x"), origin=origin)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed"), origin
        assert (cors(answer), answer["Vary"]) == ({}, "Origin"), origin
    assert count(acme) == 0


def test_the_refusal_names_the_origin_and_the_website(sdk: Client, shop: Site) -> None:
    answer = subscribe(sdk, shop, Browser().json(), origin="https://www.shop.example")
    assert answer.json()["error"]["message"] == "https://www.shop.example is not an origin of Shop."
    assert (
        subscribe(sdk, shop, {}, origin=None).json()["error"]["message"]
        == "No origin is not an origin of Shop."
    )
    long = subscribe(sdk, shop, {}, origin="x" * 4000).json()["error"]["message"]
    assert long == f"{'x' * 200} is not an origin of Shop."


def test_a_page_of_the_website_reads_the_answer(sdk: Client, shop: Site) -> None:
    """WB-06: this origin alone, never with credentials."""
    answer = subscribe(sdk, shop, Browser().json())
    assert answer.status_code == 201
    assert cors(answer) == {"Access-Control-Allow-Origin": ORIGIN}
    assert (answer["Vary"], answer["Cache-Control"]) == ("Origin", "no-store")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "status"), [(b"{}", 400), (b"[", 400), (b"x" * 20_000, 413)], ids=["fields", "json", "size"]
)
def test_a_page_of_the_website_reads_why_it_was_refused(
    sdk: Client, shop: Site, path: str, body: bytes, status: int
) -> None:
    answer = post(sdk, shop.site_key, path, body)
    assert answer.status_code == status
    assert cors(answer) == {"Access-Control-Allow-Origin": ORIGIN}
    assert answer["Vary"] == "Origin"


def test_a_page_of_the_website_reads_the_refusals_of_the_framework_too(sdk: Client, shop: Site) -> None:
    url = f"/sdk/v1/{shop.site_key}/subscriptions"
    form = sdk.post(url, {"a": "b"}, headers={"origin": ORIGIN})
    method = sdk.put(url, headers={"origin": ORIGIN})
    accept = sdk.post(
        url, b"{}", content_type="application/json", headers={"origin": ORIGIN, "accept": "image/png"}
    )
    assert [one.status_code for one in (form, method, accept)] == [415, 405, 406]
    for answer in (form, method, accept):
        assert cors(answer) == {"Access-Control-Allow-Origin": ORIGIN}
        assert list(answer.json()["error"]) == ["code", "message", "field"]


@pytest.mark.parametrize("path", PATHS)
def test_the_preflight_of_a_page_of_the_website_is_granted(sdk: Client, shop: Site, path: str) -> None:
    """WB-06: methods and headers limited to those used, remembered for two hours, no credentials."""
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    answer = sdk.options(f"/sdk/v1/{shop.site_key}/{path}", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert cors(answer) == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": "7200",
    }
    assert answer["Vary"] == "Origin"


@pytest.mark.parametrize("path", PATHS)
def test_the_preflight_of_another_page_is_granted_nothing(sdk: Client, shop: Site, path: str) -> None:
    """WB-06."""
    for origin in (None, *FOREIGN):
        asked = {"access-control-request-method": "POST", **({} if origin is None else {"origin": origin})}
        answer = sdk.options(f"/sdk/v1/{shop.site_key}/{path}", headers=asked)
        assert (cors(answer), answer["Vary"]) == ({}, "Origin"), origin


def test_the_preflight_of_an_unknown_site_key_is_granted_nothing(sdk: Client, shop: Site) -> None:
    answer = sdk.options("/sdk/v1/0123/subscriptions", headers={"origin": ORIGIN})
    assert (answer.status_code, cors(answer), answer["Vary"]) == (404, {}, "Origin")


def test_the_origin_of_another_website_of_the_same_workspace_is_foreign(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    make_site(acme, origin="https://blog.example")
    assert subscribe(sdk, shop, Browser().json(), origin="https://blog.example").status_code == 403


def test_a_changed_address_counts_at_once(
    sdk: Client, acme: Workspace, shop: Site, django_capture_on_commit_callbacks: Any
) -> None:
    assert subscribe(sdk, shop, Browser().json()).status_code == 201
    with in_tenant(acme.schema), django_capture_on_commit_callbacks(execute=True):
        change_site(
            actor=acme.owner,
            tenant=acme.tenant,
            site=shop,
            name="Shop",
            origin="https://new.example",
            contact=shop.contact,
            icon_url="",
            worker_path=shop.worker_path,
        )
    assert subscribe(sdk, shop, Browser().json()).status_code == 403
    assert subscribe(sdk, shop, Browser().json(), origin="https://new.example").status_code == 201


def test_the_console_grants_no_other_origin_anything(acme: Workspace, console: Any) -> None:
    """WB-06: never Access-Control-Allow-Origin outside of the SDK."""
    client = console(acme)
    for path in ("/", "/sites/", "/campaigns/"):
        for method in (client.get, client.options):
            assert cors(method(path, headers={"origin": ORIGIN})) == {}
