"""The loader's modules lie at addresses made of their content: one copy for all websites, for a year."""

import re

import pytest
from django.test import Client

from subscribers.models import Site
from tenants.models import SdkRelease
from tenants.sdk_rings import installed
from truepush.lib.sdk_release import BadRelease, make_release

LOADER_CACHE = "public, max-age=300"
IMMUTABLE = "public, max-age=31536000, immutable"
PARTS = installed().parts


def told(loader: str) -> dict[str, str]:
    found = re.search(r"const PARTS=(\{[^}]*\});", loader)
    assert found
    return dict(re.findall(r'"(\w+)":\s*"(\w+)"', found[1]))


def test_the_loader_names_the_modules_by_their_content(sdk: Client, shop: Site) -> None:
    loader = sdk.get(f"/sdk/v1/{shop.site_key}/truepush.js").content.decode()
    assert told(loader) == PARTS
    assert set(PARTS) >= {"ask", "connect", "prompt", "visitor"}
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in PARTS.values())


@pytest.mark.parametrize("name", PARTS)
def test_a_module_at_its_content_is_kept_for_a_year(sdk: Client, db: None, name: str) -> None:
    answer = sdk.get(f"/sdk/a/{PARTS[name]}/{name}.js")
    assert answer.content.decode() == installed().files[f"{name}.js"]
    assert answer["Cache-Control"] == IMMUTABLE
    assert (answer["Access-Control-Allow-Origin"], answer["Cross-Origin-Resource-Policy"]) == (
        "*",
        "cross-origin",
    )
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("content_hash", ["0123456789abcdef", "undefined", "x", "a" * 500])
def test_content_that_nobody_has_any_more_is_answered_with_today_s_for_a_short_time(
    sdk: Client, db: None, content_hash: str
) -> None:
    answer = sdk.get(f"/sdk/a/{content_hash}/ask.js")
    assert (answer.status_code, answer["Cache-Control"]) == (200, LOADER_CACHE)
    assert answer.content.decode() == installed().files["ask.js"]


def test_the_content_of_a_release_that_is_only_kept_is_found(sdk: Client, db: None) -> None:
    older = make_release(
        {
            "truepush.js": 'const VERSION = "0.9.0"; const PARTS = {};',
            "worker.js": "old",
            "ask.js": "export const old = 1; // then",
        }
    )
    SdkRelease.objects.create(version="0.9.0", files=older.files, digest=older.digest)
    answer = sdk.get(f"/sdk/a/{older.parts['ask']}/ask.js")
    assert (answer.content, answer["Cache-Control"]) == (b"export const old=1;", IMMUTABLE)


def test_the_loader_and_the_worker_are_no_modules_nor_is_what_does_not_exist(sdk: Client, db: None) -> None:
    for name in ("truepush", "worker", "nothing", "__proto__"):
        assert sdk.get(f"/sdk/a/0123456789abcdef/{name}.js").status_code == 404


def test_files_without_a_version_or_a_place_for_their_modules_are_no_release() -> None:
    loader = 'const VERSION = "1.0.0"; const PARTS = {};'
    for sources in (
        {},
        {"truepush.js": loader},
        {"truepush.js": "const PARTS = {};", "worker.js": ""},
        {"truepush.js": 'const VERSION = "1.0.0";', "worker.js": ""},
    ):
        with pytest.raises(BadRelease):
            make_release(sources)
