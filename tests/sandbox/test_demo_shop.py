import re
from pathlib import Path

import pytest
import requests

from tests.sandbox.driver import Program

PAGES = [
    "/",
    "/teas/morning-assam",
    "/teas/jasmine-pearls",
    "/teas/smoked-keemun",
    "/teas/mint-verbena",
    "/new-arrivals",
]
SNIPPET = '<script src="http://sdk.localhost:8000/sdk/v1/{}/truepush.js" async></script>'


def get(shop: Program, path: str) -> requests.Response:
    return requests.get(shop.environment["DEMO_SHOP_URL"] + path, timeout=5)


@pytest.fixture
def demo_site_key(shop: Program) -> "Path":
    file = Path(shop.environment["DEMO_SITE_KEY_FILE"])
    file.unlink(missing_ok=True)
    return file


@pytest.mark.parametrize("path", PAGES)
def test_every_page_carries_the_snippet_of_the_site_asked_for(shop: Program, path: str) -> None:
    page = get(shop, f"{path}?site=abc_DEF-1")

    assert page.status_code == 200
    assert page.text.count(SNIPPET.format("abc_DEF-1")) == 1
    assert page.text.count('data-truepush="subscribe"') == page.text.count('data-truepush="status"') == 1
    assert "Tell me about new arrivals" in page.text


@pytest.mark.parametrize("path", PAGES)
def test_its_links_keep_the_site_and_lead_somewhere(shop: Program, path: str) -> None:
    links = re.findall(r'href="([^"]+)"', get(shop, f"{path}?site=abc").text)
    inner = [link for link in links if not link.startswith("/assets/")]

    assert inner
    assert all(link.endswith("?site=abc") for link in inner)
    assert {get(shop, link).status_code for link in links} == {200}


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_fetched_from_elsewhere(shop: Program, path: str) -> None:
    page = get(shop, f"{path}?site=abc")
    sources = re.findall(r'src="([^"]+)"', page.text)

    outer = [source for source in sources if not source.startswith("/")]
    assert outer == ["http://sdk.localhost:8000/sdk/v1/abc/truepush.js"]
    assert {get(shop, source).status_code for source in sources if source.startswith("/")} == {200}
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_without_a_key_the_page_says_how_to_give_one(shop: Program, demo_site_key: Path) -> None:
    page = get(shop, "/")

    assert page.status_code == 200
    assert "?site=YOUR_KEY" in page.text
    assert "<script" not in page.text
    assert "data-truepush" not in page.text


def test_the_demo_sites_key_is_read_when_the_page_is(shop: Program, demo_site_key: Path) -> None:
    assert "<script" not in get(shop, "/").text
    demo_site_key.write_text("demo-key\n")

    assert SNIPPET.format("demo-key") in get(shop, "/").text
    assert "?site=" not in get(shop, "/").text
    assert SNIPPET.format("mine") in get(shop, "/?site=mine").text


@pytest.mark.parametrize("key", ['"><script>alert(1)</script>', "a b", "a" * 65, "../x", "ä"])
def test_a_wrong_key_is_refused_and_never_echoed(shop: Program, demo_site_key: Path, key: str) -> None:
    demo_site_key.write_text("demo-key")
    page = requests.get(shop.environment["DEMO_SHOP_URL"], params={"site": key}, timeout=5)

    assert page.status_code == 400
    assert "That is no site key" in page.text
    assert "<script" not in page.text
    assert key not in page.text


def test_the_worker_is_the_two_line_stub(shop: Program, demo_site_key: Path) -> None:
    demo_site_key.write_text("demo-key")
    given, demo = get(shop, "/truepush/worker.js?k=mine"), get(shop, "/truepush/worker.js")

    assert given.headers["Content-Type"].startswith("text/javascript")
    assert given.text == (
        "/* Truepush worker: keep this file at /truepush/worker.js */\n"
        'importScripts("http://sdk.localhost:8000/w/mine.js");\n'
    )
    assert demo.text == given.text.replace("mine", "demo-key")


@pytest.mark.parametrize("query", ["", "?k=", '?k=");alert(1);("', "?k=a/b"])
def test_a_worker_without_a_key_is_404(shop: Program, demo_site_key: Path, query: str) -> None:
    answer = get(shop, f"/truepush/worker.js{query}")

    assert answer.status_code == 404
    assert "alert" not in answer.text


@pytest.mark.parametrize("path", ["/teas/nettle", "/nowhere", "/assets/%2e%2e/app.py"])
def test_a_page_that_is_not_there_leads_back(shop: Program, path: str) -> None:
    page = get(shop, f"{path}?site=abc")

    assert page.status_code == 404
    assert 'href="/?site=abc"' in page.text


def test_the_shop_says_that_it_is_none(shop: Program) -> None:
    assert "Harbour Leaf does not exist" in get(shop, "/").text
    assert get(shop, "/healthz").json() == {"status": "ok"}
