"""The recipes of docs/sdk.md, as they stand there, in a real browser."""

import re
from pathlib import Path

import pytest

from tests.e2e.browsers.chromium import click_notification, notifications, worker
from tests.sdk.conftest import Visitor
from tests.sdk.server import SDK_PATH, SITE_KEY, World

DOCUMENT = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text()
ROOT = {"path": "/sw.js", "scope": "/"}
BUTTON = '<button data-truepush="subscribe">Get news</button>'
REGISTRATIONS = """navigator.serviceWorker.getRegistrations().then((all) =>
  Promise.all(all.map(async (one) => [one.active.scriptURL, !!one.installing || !!one.waiting,
    !!(await one.pushManager.getSubscription())])))"""
PUSH = '{"notification": {"title": "Once", "navigate": "%s/offer"}, "tp": {"v": 1, "t": "t"}}'


def recipe(heading: str, language: str, world: World) -> list[str]:
    """The code of one recipe, with the website's own addresses in it."""
    section = DOCUMENT.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    found = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [code.replace("SDK_URL", world.sdk).replace("SITE_KEY", SITE_KEY) for code in found]


@pytest.fixture
def pwa(world: World) -> str:
    """The website of the recipe, whose pages register its worker; what a page runs."""
    own, register = recipe("A PWA with a worker of its own", "js", world)
    world.scripts["/sw.js"] = own
    world.settings["worker"] = ROOT
    world.page("/offline", "<p>You are offline.</p>", snippet="")
    return register


def test_one_worker_for_both_stays_one_and_is_not_registered_again(
    visitor: Visitor, world: World, pwa: str
) -> None:
    visitor.open(world.page("/", f"{BUTTON}<script>{pwa}</script>"))
    visitor.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    endpoint = visitor.push.held[f"{world.shop}/"]["endpoint"]
    for _ in range(10):
        visitor.reload()
    visitor.wait_for(
        lambda: visitor.page.evaluate(REGISTRATIONS) == [[f"{world.shop}/sw.js", False, True]],
    )
    assert (visitor.push.made, visitor.push.held[f"{world.shop}/"]["endpoint"]) == (1, endpoint)
    assert len(world.calls(f"{SDK_PATH}/subscriptions")) == 1
    assert visitor.uncaught == []


def test_its_pages_stay_controlled_and_a_push_shows_once_and_is_clicked(
    visitor: Visitor, world: World, pwa: str
) -> None:
    visitor.open(world.page("/", f"{BUTTON}<script>{pwa}</script>"))
    visitor.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    visitor.page.evaluate("caches.open('pages').then((cache) => cache.add('/offline')).then(() => true)")
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    visitor.workers.deliver_push(f"{world.shop}/", PUSH % world.shop)
    visitor.wait_for(lambda: world.receipts() == [("displayed", "t")])
    assert [one["title"] for one in notifications(visitor.page, f"{world.shop}/")] == ["Once"]
    acted = click_notification(worker(visitor.page, "/sw.js"), "Once")
    assert acted.opened == [f"{world.shop}/offer"]
    visitor.wait_for(lambda: world.receipts() == [("displayed", "t"), ("clicked", "t")])
    visitor.reload()
    controller = visitor.page.evaluate("navigator.serviceWorker.controller.scriptURL")
    assert controller == f"{world.shop}/sw.js"
    # The website's own part: what cannot be had is answered from its cache.
    text = visitor.page.evaluate(
        "fetch('http://localhost:9/', {mode: 'no-cors'}).then((page) => page.text())"
    )
    assert "You are offline." in text


def test_a_visitor_who_subscribes_before_the_pwa_has_registered_keeps_the_subscription(
    visitor: Visitor, world: World, pwa: str
) -> None:
    visitor.open(world.page("/", BUTTON))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    assert visitor.page.evaluate(REGISTRATIONS) == [[f"{world.shop}/sw.js?k={SITE_KEY}", False, True]]
    visitor.page.evaluate(f"{pwa.strip().removesuffix(';')}.then(() => true)")
    visitor.wait_for(
        lambda: visitor.page.evaluate(REGISTRATIONS) == [[f"{world.shop}/sw.js", False, True]],
    )
    visitor.reload()
    assert visitor.state() == "subscribed"
    assert visitor.page.evaluate(REGISTRATIONS) == [[f"{world.shop}/sw.js", False, True]]
    assert visitor.push.made == 1


def test_a_tag_manager_s_script_finds_its_key(visitor: Visitor, world: World) -> None:
    [tag] = recipe("Google Tag Manager", "html", world)
    visitor.open(world.page("/", BUTTON + tag, snippet=""))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    assert len(world.calls(f"{SDK_PATH}/subscriptions")) == 1


def test_a_component_of_a_page_that_changes_hears_of_the_state_until_it_goes(
    visitor: Visitor, world: World
) -> None:
    """The effect of the Next.js recipe, run as React would: at the start, and its answer at the end."""
    [_, effect] = recipe("Next.js", "jsx", world)
    body = re.sub(r"^useEffect\((.*), \[\]\);\s*$", r"\1", effect, flags=re.DOTALL)
    visitor.open(
        world.page("/", f"{BUTTON}<script>var seen = [], setState = (state) => seen.push(state);"
                        f"var end = ({body})();</script>")
    )  # fmt: skip
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    assert visitor.page.evaluate("seen") == ["unsubscribed", "subscribed"]
    visitor.page.evaluate("end(); api.unsubscribe()")
    visitor.wait_for_state("unsubscribed")
    assert visitor.page.evaluate("seen") == ["unsubscribed", "subscribed"]
