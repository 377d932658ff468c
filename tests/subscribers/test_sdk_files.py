"""Loader, worker and settings: what browsers and caches may do with them, and whose settings they hold (WB-13)."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from subscribers.actions.site import change_site
from subscribers.models import Site, VapidKey
from tenants.doorway import in_tenant
from tenants.sdk_rings import installed
from tests.conftest import Workspace, make_site

SDK = Path(__file__).parents[2] / "static" / "sdk"
LOADER, SETTINGS, WORKER = "/sdk/v1/{}/truepush.js", "/sdk/v1/{}/settings.json", "/w/{}.js"
SETTINGS_CACHE = "public, max-age=25, s-maxage=15, stale-while-revalidate=5, stale-if-error=86400"
FILES = {
    LOADER: ("text/javascript; charset=utf-8", "public, max-age=300"),
    SETTINGS: ("application/json", SETTINGS_CACHE),
    WORKER: ("text/javascript; charset=utf-8", "no-cache"),
}
# What could end a script element, a line of JavaScript, or a string in it.
HOSTILE = "</script><script>alert(1)</script> \u2028 \u2029 \" ' \\ ${x} <!-- & ü \N{GRINNING FACE}"

each_file = pytest.mark.parametrize("path", FILES)


def public_key(place: Workspace, site: Site) -> str:
    with in_tenant(place.schema):
        raw = bytes(VapidKey.objects.get(site=site).public)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def first_line(worker: bytes) -> dict[str, Any]:
    """Read the settings in the worker's first line, which is an assignment of JSON."""
    line = worker.decode().partition("\n")[0]
    match = re.fullmatch(r"self\.TRUEPUSH = (\{.*\});", line)
    assert match, line
    return dict(json.loads(match[1]))


@each_file
def test_types_and_caching(sdk: Client, shop: Site, path: str) -> None:
    answer = sdk.get(path.format(shop.site_key))
    assert answer.status_code == 200
    assert (answer["Content-Type"], answer["Cache-Control"]) == FILES[path]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer["ETag"])


@each_file
@pytest.mark.parametrize(
    "known",
    ["{}", "W/{}", '"other", {}', '"other",W/{} , "more"'],
    ids=["same", "weak", "list", "weak in list"],
)
def test_a_known_version_is_not_sent_again(sdk: Client, shop: Site, path: str, known: str) -> None:
    url = path.format(shop.site_key)
    full = sdk.get(url)
    answer = sdk.get(url, headers={"if-none-match": known.format(full["ETag"])})
    assert (answer.status_code, answer.content) == (304, b"")
    for name in ("ETag", "Cache-Control", "Access-Control-Allow-Origin", "Vary"):
        assert answer.get(name) == full.get(name)


@each_file
def test_another_version_is_answered_whole(sdk: Client, shop: Site, path: str) -> None:
    for unknown in ('"0"', "0", "", "W/", '"', "\xff", '"' * 3000):
        answer = sdk.get(path.format(shop.site_key), headers={"if-none-match": unknown})
        assert (answer.status_code, len(answer.content) > 100) == (200, True), unknown


@each_file
def test_head_is_get_without_the_body(sdk: Client, shop: Site, path: str) -> None:
    get, head = sdk.get(path.format(shop.site_key)), sdk.head(path.format(shop.site_key))
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "Content-Length": ""} == {**get.headers, "Content-Length": ""}


@each_file
def test_they_are_read_only(sdk: Client, shop: Site, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
        answer = sdk.generic(method, path.format(shop.site_key))
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD"), method


def test_any_page_may_read_the_settings_and_no_page_the_code(sdk: Client, shop: Site) -> None:
    """WB-06. Scripts are loaded by tags and workers by importScripts; neither needs CORS."""
    origin = {"origin": "https://anyone.example"}
    allowed = [
        sdk.get(path.format(shop.site_key), headers=origin).get("Access-Control-Allow-Origin")
        for path in FILES
    ]
    assert allowed == [None, "*", None]


def test_the_settings_are_what_the_loader_needs_and_no_more(sdk: Client, acme: Workspace, shop: Site) -> None:
    assert sdk.get(SETTINGS.format(shop.site_key)).json() == {
        "site_key": shop.site_key,
        "name": "Shop",
        "vapid_key": public_key(acme, shop),
        "worker": {"path": "/truepush/worker.js", "scope": "/truepush/"},
    }


def test_the_scope_is_the_folder_of_the_worker(sdk: Client, acme: Workspace) -> None:
    site = make_site(acme, worker_path="/static/push/v2/sw.js")
    worker = sdk.get(SETTINGS.format(site.site_key)).json()["worker"]
    assert worker == {"path": "/static/push/v2/sw.js", "scope": "/static/push/v2/"}


def test_the_loader_is_one_file_for_all_and_knows_nobody(
    sdk: Client, acme: Workspace, globex: Workspace, shop: Site
) -> None:
    """It reads its site key from its own address; the settings then say whether there is such a website."""
    other = make_site(globex)
    code = installed().files["truepush.js"].encode()
    for key in (shop.site_key, other.site_key, "unknown-key"):
        answer = sdk.get(LOADER.format(key))
        assert (answer.status_code, answer.content) == (200, code)


def test_the_worker_is_its_settings_in_one_line_and_the_common_code(
    sdk: Client, acme: Workspace, shop: Site
) -> None:
    code = sdk.get(WORKER.format(shop.site_key)).content
    assert first_line(code) == {
        "site_key": shop.site_key,
        "sdk_url": django_settings.SDK_URL,
        "vapid_key": public_key(acme, shop),
        "name": "Shop",
    }
    assert code.partition(b"\n")[2] == installed().files["worker.js"].encode()


def test_a_hostile_name_stays_text(sdk: Client, acme: Workspace) -> None:
    """WB-13: `</script>`, U+2028 and quotes in a website's name."""
    site = make_site(acme, name=HOSTILE)
    code = sdk.get(WORKER.format(site.site_key)).content
    line = code.partition(b"\n")[0].decode()
    assert first_line(code)["name"] == HOSTILE
    for sign in ("<", "\u2028", "\u2029"):
        assert sign not in line
    settings = sdk.get(SETTINGS.format(site.site_key))
    assert settings.json()["name"] == HOSTILE
    assert "\u2028" not in settings.content.decode()


def test_a_changed_website_has_another_etag(
    sdk: Client, acme: Workspace, shop: Site, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    before = {path: sdk.get(path.format(shop.site_key))["ETag"] for path in FILES}
    with in_tenant(acme.schema), django_capture_on_commit_callbacks(execute=True):
        change_site(
            actor=acme.owner, tenant=acme.tenant, site=shop, name="New name", origin=shop.origin,
            contact=shop.contact, icon_url="", worker_path=shop.worker_path,
        )  # fmt: skip
    for path in (SETTINGS, WORKER):
        answer = sdk.get(path.format(shop.site_key), headers={"if-none-match": before[path]})
        assert answer.status_code == 200
        assert b"New name" in answer.content
    assert sdk.get(LOADER.format(shop.site_key), headers={"if-none-match": before[LOADER]}).status_code == 304


def test_a_new_key_pair_is_told_at_once(sdk: Client, acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        VapidKey.objects.update(state=VapidKey.State.OLD)
        VapidKey.objects.create(site=shop, public=b"\x04" + b"\x07" * 64, private_encrypted="k1:x")
    key = sdk.get(SETTINGS.format(shop.site_key)).json()["vapid_key"]
    assert key == base64.urlsafe_b64encode(b"\x04" + b"\x07" * 64).rstrip(b"=").decode()


@pytest.mark.parametrize("path", [SETTINGS, WORKER])
def test_nothing_of_one_workspace_is_under_a_key_of_another(
    sdk: Client, acme: Workspace, globex: Workspace, path: str
) -> None:
    """WB-13, asked in turns: no answer of the one is remembered for the other."""
    mine, theirs = make_site(acme, name="My website"), make_site(globex, name="Their website")
    for _ in range(2):
        for site, place, other in ((mine, acme, theirs), (theirs, globex, mine)):
            text = sdk.get(path.format(site.site_key)).content.decode()
            assert site.site_key in text
            assert public_key(place, site) in text
            assert other.site_key not in text
            assert other.name not in text


@pytest.mark.parametrize("host", ["localhost:8000", "acme.localhost:8000"])
def test_they_are_on_the_sdk_host_alone(shop: Site, host: str) -> None:
    client = Client(headers={"host": host})
    assert [client.get(path.format(shop.site_key)).status_code for path in FILES] == [404, 404, 404]


def test_the_worker_imports_nothing_and_the_stub_only_from_the_sdk_host(
    acme: Workspace, shop: Site, console: Callable[..., Client]
) -> None:
    """WB-13: importScripts from our own host only."""
    assert "importScripts" not in (SDK / "worker.js").read_text()
    stub = console(acme).get(f"/sites/{shop.pk}/worker.js").content.decode()
    assert re.findall(r"importScripts\((.*?)\)", stub) == [
        f'"{django_settings.SDK_URL}/w/{shop.site_key}.js"'
    ]


def test_the_check_in_a_browser_comes_with_what_other_providers_are_known_by(sdk: Client, shop: Site) -> None:
    answer = sdk.get(f"/sdk/a/{installed().parts['doctor']}/doctor.js")
    first = re.match(r"const PROVIDERS=(\{[^}]*\});", answer.content.decode())
    assert first
    known = json.loads(first[1])
    assert known["OneSignal"] == [
        "cdn.onesignal.com", "onesignalsdkworker.js", "onesignalsdkupdaterworker.js", "onesignalsdk.sw.js"
    ]  # fmt: skip
    assert answer["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("origin", "status"), [("https://shop.example", 400), ("https://www.shop.example", 403)]
)
def test_the_empty_call_by_which_a_page_learns_whether_its_address_is_registered(
    sdk: Client, shop: Site, origin: str, status: int
) -> None:
    """The check in a browser makes it: a page of another address may not read the answer, and nothing is written."""
    answer = sdk.post(
        f"/sdk/v1/{shop.site_key}/subscriptions", "{}", "application/json", headers={"origin": origin}
    )
    assert answer.status_code == status
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 400 else None)
