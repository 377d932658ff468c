"""The SDK's files travel packed as the browser takes them, each form with a tag of its own."""

import gzip
from typing import Any

import brotli
import pytest
from django.test import Client

from subscribers.models import Site
from tenants.sdk_rings import installed
from truepush.lib.encodings import choose

LOADER, SETTINGS, WORKER = "/sdk/v1/{}/truepush.js", "/sdk/v1/{}/settings.json", "/w/{}.js"
PART = f"/sdk/a/{installed().parts['ask']}/ask.js"
each_file = pytest.mark.parametrize("path", [LOADER, SETTINGS, WORKER, PART])
BROWSERS = "gzip, deflate, br, zstd"


def ask(sdk: Client, site: Site, path: str, accepted: str = "", known: str = "") -> Any:
    headers = {"accept-encoding": accepted, "if-none-match": known}
    return sdk.get(path.format(site.site_key), headers={name: text for name, text in headers.items() if text})


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", ""),
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP", "gzip"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("br;q=0.0,gzip;q=0", ""),
        ("*", "br"),
        ("*;q=0", ""),
        ("br;q=0, *", "gzip"),
        ("identity", ""),
        ("identity;q=0, gzip", "gzip"),
        ("br;q=nonsense", ""),
        ("br;level=5", "br"),
        ("brotli, gzipped", ""),
        (";;,,=", ""),
        ("," * 5000, ""),
        ("\xff;q=\xff", ""),
    ],
)
def test_the_form_is_chosen_by_what_is_accepted(accepted: str, coding: str) -> None:
    assert choose(accepted) == coding


@each_file
def test_brotli_gzip_and_plain_are_the_same_octets(sdk: Client, shop: Site, path: str) -> None:
    plain, packed, brief = (ask(sdk, shop, path, accepted) for accepted in ("", "gzip", BROWSERS))
    assert [one.get("Content-Encoding") for one in (plain, packed, brief)] == [None, "gzip", "br"]
    assert gzip.decompress(packed.content) == brotli.decompress(brief.content) == plain.content
    assert len(brief.content) < len(packed.content)
    assert len(brief.content) < len(plain.content)
    for answer in (plain, packed, brief):
        assert answer["Vary"] == "Accept-Encoding"
        assert int(answer["Content-Length"]) == len(answer.content)


@each_file
def test_each_form_has_its_own_tag_and_304_names_it(sdk: Client, shop: Site, path: str) -> None:
    tags = {accepted: ask(sdk, shop, path, accepted)["ETag"] for accepted in ("", "gzip", "br")}
    digest = tags[""].strip('"')
    assert tags == {"": f'"{digest}"', "gzip": f'"{digest}-gzip"', "br": f'"{digest}-br"'}
    for accepted, tag in tags.items():
        for known in (tag, f"W/{tag}", ", ".join(tags.values())):
            answer = ask(sdk, shop, path, accepted, known)
            assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)
            assert (answer["Vary"], answer.get("Content-Encoding")) == ("Accept-Encoding", None)
        for other in set(tags.values()) - {tag}:
            assert ask(sdk, shop, path, accepted, other).status_code == 200


@each_file
def test_head_says_what_get_would(sdk: Client, shop: Site, path: str) -> None:
    got = ask(sdk, shop, path, "br")
    head = sdk.head(path.format(shop.site_key), headers={"accept-encoding": "br"})
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "Content-Length": ""} == {**got.headers, "Content-Length": ""}


def test_a_refusal_is_not_packed_and_not_kept(sdk: Client, shop: Site) -> None:
    answer = sdk.get(SETTINGS.format("unknown-key"), headers={"accept-encoding": "br"})
    assert (answer.status_code, answer["Cache-Control"]) == (404, "no-store")
    assert answer.json()["error"]["code"] == "unknown_site"
