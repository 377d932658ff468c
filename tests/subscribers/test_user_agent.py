"""What is kept of a User-Agent header: names for segments and pages; an odd header is only an unknown browser."""

import random

import pytest
from django.test import Client

from subscribers.models import Site
from tests.conftest import Workspace
from tests.subscribers.samples import CHROME, Browser, only_row, rows, subscribe
from truepush.lib.user_agent import read_user_agent

IOS = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
KNOWN = {
    CHROME: ("Chrome", "Windows", "desktop"),
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": ("Firefox", "Linux", "desktop"),
    "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0": ("Firefox Mobile", "Android", "mobile"),
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36": (
        "Chrome Mobile", "Android", "mobile",
    ),
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36": (
        "Chrome", "Android", "tablet",
    ),
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {IOS} Version/18.4 Safari/605.1.15": (
        "Safari", "Mac OS X", "desktop",
    ),
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) {IOS} Version/18.4 Mobile/15E148 Safari/604.1": (
        "Mobile Safari", "iOS", "mobile",
    ),
    f"Mozilla/5.0 (iPad; CPU OS 18_4 like Mac OS X) {IOS} Version/18.4 Mobile/15E148 Safari/604.1": (
        "Mobile Safari", "iOS", "tablet",
    ),
    CHROME.replace("Safari/537.36", "Safari/537.36 Edg/141.0.0.0"): ("Edge", "Windows", "desktop"),
    "": ("", "", ""),
    "curl/8.5.0": ("curl", "", ""),
    "no browser has this": ("", "", ""),
}  # fmt: skip


@pytest.mark.parametrize("header", KNOWN, ids=lambda header: header[-30:] or "none")
def test_browsers_are_known_by_name(header: str) -> None:
    assert read_user_agent(header) == KNOWN[header]


def test_an_odd_header_loses_no_subscriber(sdk: Client, acme: Workspace, shop: Site) -> None:
    """Headers arrive as Latin-1; all of its printable characters, drawn, and parts of real ones that are cut up."""
    draw = random.Random(5)
    letters = [chr(code) for code in (*range(32, 127), *range(160, 256))]
    odd = ["".join(draw.choices(letters, k=draw.randrange(200))) for _ in range(40)]
    odd += [CHROME[: draw.randrange(len(CHROME))] + "".join(draw.choices(letters, k=20)) for _ in range(40)]
    odd += [
        "x" * 10_000,
        CHROME * 50,
        "(" * 500,
        "Mozilla/5.0 (" + "; " * 5000,
        "Foo" * 30 + "/1.0 Version/2",
    ]
    for header in odd:
        assert subscribe(sdk, shop, Browser().json(), **{"user-agent": header}).status_code == 201, header
    assert len(rows(acme)) == len(odd)


def test_without_a_header_the_browser_is_unknown(sdk: Client, acme: Workspace, shop: Site) -> None:
    assert subscribe(sdk, shop, Browser().json(), **{"user-agent": ""}).status_code == 201
    row = only_row(acme)
    assert (row.browser, row.os, row.device) == ("", "", "")
