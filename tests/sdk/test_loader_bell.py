"""The bell of a page that has no subscribe element of its own."""

from playwright.sync_api import Locator, expect

from tests.e2e.browsers.chromium import set_permission
from tests.sdk.conftest import Visitor
from tests.sdk.prompts import asked_for
from tests.sdk.server import SDK_PATH, World


def bell(visitor: Visitor) -> Locator:
    return visitor.page.locator("truepush-bell button")


def said(visitor: Visitor) -> Locator:
    return visitor.page.locator("truepush-bell [role=status]")


def style(locator: Locator, name: str) -> str:
    value: str = locator.evaluate("(element, name) => getComputedStyle(element)[name]", name)
    return value


def panel(visitor: Visitor) -> Locator:
    return visitor.page.locator("truepush-bell [role=dialog]")


def test_the_bell_subscribes_by_keyboard_and_says_so(visitor: Visitor, world: World) -> None:
    visitor.open(world.shop)
    expect(bell(visitor)).to_be_visible()
    assert bell(visitor).get_attribute("aria-label") == "Notifications from Demo shop"
    visitor.page.keyboard.press("Tab")
    expect(bell(visitor)).to_be_focused()
    assert style(bell(visitor), "outlineStyle") == "solid"
    visitor.page.keyboard.press("Enter")
    visitor.wait_for_state("subscribed")
    expect(said(visitor)).to_have_text("Notifications are on.")
    assert len(world.calls(f"{SDK_PATH}/subscriptions")) == 1


def test_two_clicks_end_the_subscription(visitor: Visitor, world: World) -> None:
    visitor.open(world.shop)
    bell(visitor).click()
    visitor.wait_for_state("subscribed")
    visitor.reload()
    bell(visitor).click()
    expect(panel(visitor)).to_contain_text("Notifications are on.")
    stop = panel(visitor).get_by_role("button", name="Turn off")
    expect(stop).to_be_focused()
    stop.click()
    visitor.wait_for_state("unsubscribed")
    expect(panel(visitor)).to_be_hidden()
    expect(said(visitor)).to_have_text("Notifications are off.")
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/unsubscribe")) == 1)
    visitor.reload()
    expect(bell(visitor)).to_be_visible()


def test_the_bell_sits_bottom_right_in_light_and_dark(visitor: Visitor, world: World) -> None:
    visitor.page.set_viewport_size({"width": 390, "height": 700})
    visitor.open(world.shop)
    box = bell(visitor).bounding_box()
    assert box == {"x": 390 - 16 - 48, "y": 700 - 16 - 48, "width": 48, "height": 48}
    light = style(bell(visitor), "backgroundColor")
    visitor.page.emulate_media(color_scheme="dark")
    assert (light, style(bell(visitor), "backgroundColor")) == ("rgb(21, 94, 239)", "rgb(132, 173, 255)")
    visitor.page.emulate_media(color_scheme="light")


def test_escape_closes_what_is_said_and_then_the_bell(visitor: Visitor, world: World) -> None:
    visitor.push.reachable = False
    visitor.open(world.shop)
    bell(visitor).click()
    visitor.wait_for_state("error")
    expect(said(visitor)).to_have_text("That did not work. Please try again later.")
    visitor.page.keyboard.press("Escape")
    expect(said(visitor)).to_have_text("")
    expect(bell(visitor)).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(bell(visitor)).to_be_hidden()


def test_a_page_with_its_own_element_has_no_bell(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", '<button data-truepush="subscribe">Get news</button>'))
    expect(bell(visitor)).to_be_hidden()


def test_the_bell_is_offered_while_nobody_was_asked_and_gone_once_blocked(
    visitor: Visitor, world: World
) -> None:
    asked_for(visitor, world)
    del world.settings["prompts"]
    visitor.reload()
    assert visitor.state() == "default"
    expect(bell(visitor)).to_be_visible()
    set_permission(visitor.page, world.shop, "denied")
    bell(visitor).click()
    visitor.wait_for_state("blocked")
    expect(bell(visitor)).to_be_hidden()
    expect(said(visitor)).to_contain_text("Notifications are blocked.")
    visitor.reload()
    assert visitor.state() == "blocked"
    assert visitor.page.locator("truepush-bell").count() == 0


def test_a_site_that_cannot_be_asked_about_offers_no_bell(visitor: Visitor, world: World) -> None:
    world.settings_answer = 404
    visitor.open(world.shop)
    assert visitor.page.locator("truepush-bell").count() == 0
    assert visitor.uncaught == []
