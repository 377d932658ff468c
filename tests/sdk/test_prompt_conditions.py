"""When a prompt is shown, and to whom: each condition alone, and the browser's own dialog."""

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.sdk.conftest import Visitor
from tests.sdk.prompts import again, allow, asked_for, card, hold, kept, prompt, steps
from tests.sdk.server import SDK_PATH, World, part

LONG = '<div style="height: 4000px"></div>'
NOT_YET_MS = 300


def not_shown(visitor: Visitor) -> None:
    visitor.page.wait_for_timeout(NOT_YET_MS)
    expect(card(visitor)).to_have_count(0)


def test_the_code_that_draws_is_loaded_only_when_something_is_shown(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box", when={"pages": 2}))
    not_shown(visitor)
    assert part("prompt") not in [one.path for one in world.asked]
    again(visitor)
    expect(card(visitor)).to_be_visible()
    assert [one.path for one in world.asked].count(part("prompt")) == 1


def test_code_that_did_not_come_is_loaded_with_the_next_question(visitor: Visitor, world: World) -> None:
    tried: list[str] = []

    def refuse(route: Route) -> None:
        tried.append(route.request.url)
        route.abort()

    visitor.page.route(f"**{part('prompt')}*", refuse)
    asked_for(visitor, world, prompt("box"), prompt("bell", 8))
    visitor.wait_for(lambda: bool(tried))
    visitor.page.unroute_all()
    visitor.page.evaluate("truepush.showPrompt()")
    expect(card(visitor)).to_be_visible()
    visitor.page.evaluate("history.pushState(null, '', '/next')")
    expect(visitor.page.locator("truepush-bell .bell")).to_be_visible()


def test_seconds_on_the_page(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box", when={"delay": 3}))
    not_shown(visitor)
    expect(card(visitor)).to_be_visible()


def test_percent_of_the_page_scrolled(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box", when={"scroll": 50}), body=LONG)
    visitor.page.evaluate("scrollTo(0, (document.documentElement.scrollHeight - innerHeight) * .4)")
    not_shown(visitor)
    visitor.page.evaluate("scrollTo(0, (document.documentElement.scrollHeight - innerHeight) * .5)")
    expect(card(visitor)).to_be_visible()


def test_the_pointer_leaves_through_the_top(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box", when={"exit": True}))
    not_shown(visitor)
    leave = "(y) => document.dispatchEvent(new MouseEvent('mouseout', {clientY: y, relatedTarget: null}))"
    visitor.page.evaluate(leave, 300)
    not_shown(visitor)
    visitor.page.evaluate(leave, -1)
    expect(card(visitor)).to_be_visible()


def test_a_second_visit_begins_half_an_hour_later(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box", when={"visits": 2}))
    again(visitor)
    not_shown(visitor)
    seen = kept(visitor)["seen"]
    assert (seen["pages"], seen["visits"]) == (2, 1)
    kept(visitor, seen={**seen, "at": seen["at"] - 1_800_000})
    again(visitor)
    expect(card(visitor)).to_be_visible()


@pytest.mark.parametrize(
    ("when", "is_shown"),
    [
        ({"only": ["/blog/*"]}, True),
        ({"only": ["/shop/*", "*2026*"]}, True),
        ({"only": ["/blog/2026/spring"]}, True),
        ({"only": ["/blog/2026/spring?ref=mail"]}, True),
        ({"only": ["/blog/"]}, False),
        ({"only": ["/blog/*summer"]}, False),
        ({"never": ["/blog/*"]}, False),
        ({"only": ["/blog/*"], "never": ["*spring*"]}, False),
        ({"only": ["*" * 500 + "x"]}, False),
    ],
)
def test_patterns_of_addresses(visitor: Visitor, world: World, when: dict[str, Any], is_shown: bool) -> None:
    world.page("/blog/2026/spring")
    world.pages["/blog/2026/spring"] = world.pages["/"]
    world.settings["prompts"] = [prompt("box", when=when), prompt("bell", 8)]
    visitor.open(world.shop + "/blog/2026/spring?ref=mail")
    expect(visitor.page.locator("truepush-bell .bell")).to_be_visible()
    visitor.page.wait_for_timeout(NOT_YET_MS)
    expect(card(visitor)).to_have_count(int(is_shown))


def test_the_first_whose_conditions_hold_is_the_only_one(visitor: Visitor, world: World) -> None:
    slow, quick = prompt("box", 1, when={"delay": 1.5}), prompt("bar", 2, when={"delay": 0.2})
    asked_for(visitor, world, prompt("box", 3, when={"never": ["/*"]}), slow, quick)
    expect(card(visitor)).to_be_visible()
    visitor.page.wait_for_timeout(1600)
    hosts = visitor.page.locator("truepush-prompt")
    expect(hosts).to_have_count(1)
    assert hosts.get_attribute("data-kind") == "bar"


@pytest.mark.parametrize(("draw", "number"), [(0, 9), (49.9, 9), (50, 7), (99, 7)])
def test_one_visitor_always_gets_the_same_of_two_designs(
    visitor: Visitor, world: World, draw: float, number: int
) -> None:
    rival = {"id": 9, "version": 1, "kind": "bar", "texts": {"": {"title": "B?"}}, "look": {}}
    asked_for(visitor, world, prompt("box", rival=rival, share=50))
    for _ in range(2):
        kept(visitor, seen={"pages": 1, "visits": 1, "at": 0, "draw": draw})
        again(visitor)
        expect(card(visitor)).to_contain_text("B?" if number == 9 else "News?")
    assert {one for one, step in steps(visitor, world) if step == "shown"} >= {number}


def test_a_box_tried_in_place_of_a_bell_is_a_box_under_conditions(visitor: Visitor, world: World) -> None:
    rival = {"id": 9, "version": 1, "kind": "box", "texts": {"": {"title": "B?"}}, "look": {}}
    asked_for(visitor, world, prompt("bell", 8, rival=rival, share=50, when={"pages": 2}))
    kept(visitor, seen={"pages": 0, "visits": 1, "at": 0, "draw": 0})
    again(visitor)
    not_shown(visitor)
    expect(visitor.page.locator("truepush-bell")).to_have_count(0)
    again(visitor)
    expect(card(visitor)).to_contain_text("B?")


def test_a_native_prompt_opens_the_browsers_dialog_by_itself(visitor: Visitor, world: World) -> None:
    """Chromium asks without a gesture; the dialog is answered at once with what the test allowed beforehand."""
    dialog = """Notification.requestPermission = async () => (window.asked = (window.asked ?? 0) + 1, "default");"""
    visitor.page.add_init_script(dialog)
    asked_for(visitor, world, prompt("native"))
    visitor.page.wait_for_function("window.asked === 1")
    visitor.wait_for(lambda: kept(visitor).get("asked", {}).get("count") == 1)
    again(visitor)
    visitor.page.wait_for_timeout(NOT_YET_MS)
    assert visitor.page.evaluate("window.asked ?? 0") == 0
    assert steps(visitor, world) == [(7, "shown"), (7, "native"), (7, "closed")]


def test_a_backdrop_stands_behind_the_dialog_and_goes_with_it(visitor: Visitor, world: World) -> None:
    dialog = "Notification.requestPermission = () => new Promise((resolve) => (window.answer = resolve));"
    visitor.page.add_init_script(dialog)
    asked_for(visitor, world, prompt("backdrop"))
    veil = visitor.page.locator("truepush-prompt .veil")
    expect(veil).to_contain_text("First to know.")
    visitor.page.wait_for_function("Boolean(window.answer)")
    veil.click()  # a dialog that is never answered must not cover the page for ever
    expect(veil).to_have_count(0)
    visitor.page.evaluate("window.answer('denied')")
    visitor.wait_for_state("blocked")
    assert steps(visitor, world) == [(7, "shown"), (7, "native"), (7, "denied")]


# What the driver evaluates counts as a gesture, so the page is told of its clicks only.
NOT_CHROMIUM = """let isActive = false;
addEventListener("click", () => { isActive = true; }, true);
Object.defineProperty(navigator, "userActivation", {value: {get isActive() { return isActive; }}});
Object.defineProperty(navigator, "userAgentData", {get: () => undefined});"""


def test_where_a_gesture_is_demanded_the_dialog_waits_for_one(visitor: Visitor, world: World) -> None:
    dialog = "Notification.requestPermission = async () => (window.asked = isActive, 'default');"
    visitor.page.add_init_script(NOT_CHROMIUM + dialog)
    asked_for(visitor, world, prompt("native"))
    visitor.page.wait_for_timeout(2 * NOT_YET_MS)
    visitor.page.keyboard.press("Escape")
    assert visitor.page.evaluate("window.asked ?? null") is None
    visitor.page.mouse.click(5, 5)
    visitor.page.wait_for_function("window.asked === true")


def test_who_allows_notifications_meanwhile_is_not_subscribed_by_the_next_click(
    visitor: Visitor, world: World
) -> None:
    """Allowed in another tab there is no dialog any more that would ask."""
    visitor.page.add_init_script(NOT_CHROMIUM)
    asked_for(visitor, world, prompt("native"))
    visitor.page.wait_for_timeout(NOT_YET_MS)
    allow(visitor, world)
    visitor.page.mouse.click(5, 5)
    visitor.page.wait_for_timeout(NOT_YET_MS)
    assert (visitor.push.made, visitor.state()) == (0, "default")


def test_on_ios_the_way_to_the_home_screen_is_explained_where_there_is_a_manifest(
    visitor: Visitor, world: World
) -> None:
    visitor.page.add_init_script(
        "delete window.Notification; delete window.PushManager; navigator.standalone = false;"
    )
    world.settings["prompts"] = [prompt("box")]
    visitor.open(world.page("/"))
    not_shown(visitor)
    assert [one.path for one in world.asked if one.path.endswith("settings.json")] == []
    visitor.page.goto(world.page("/with-manifest", '<link rel="manifest" href="data:application/json,{}">'))
    expect(card(visitor)).to_contain_text("Add to Home Screen")
    expect(card(visitor).get_by_role("button")).to_have_count(1)
    card(visitor).get_by_role("button", name="Close").click()
    assert kept(visitor)["asked"]["count"] == 1
    assert steps(visitor, world) == [(7, "shown"), (7, "dismissed")]


def test_a_page_that_changes_its_address_is_a_page_view(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box", when={"only": ["/next"]}))
    not_shown(visitor)
    held = hold(visitor, "funnel")
    visitor.page.evaluate("history.pushState(null, '', '/next')")
    expect(card(visitor)).to_be_visible()
    assert kept(visitor)["seen"]["pages"] == 2
    visitor.wait_for(lambda: len(held) == 1)
    visitor.page.evaluate("history.pushState(null, '', '/other')")
    with visitor.page.expect_response(f"**{part('funnel')}"):
        held[0].continue_()
    visitor.page.wait_for_timeout(100)
    visitor.page.goto("about:blank")
    visitor.wait_for(lambda: bool(world.calls(f"{SDK_PATH}/funnel")))
    told = [call.body for call in world.calls(f"{SDK_PATH}/funnel")]
    assert [body["page"] for body in told if body["page"] in ("/next", "/other")] == ["/next"]


def test_the_page_can_ask_by_itself(visitor: Visitor, world: World) -> None:
    off = "<script>truepush = [(api) => api.Init({autoPrompt: false})]</script>"
    asked_for(visitor, world, prompt("box", when={"pages": 50}), body=off)
    not_shown(visitor)
    assert visitor.page.evaluate("truepush.showPrompt()") == "default"
    expect(card(visitor)).to_be_visible()
    allow(visitor, world)
    card(visitor).get_by_role("button", name="Yes").click()
    visitor.wait_for_state("subscribed")
