"""What prompts look like to a visitor: by keyboard, in the visitor's language, apart from the page's styles."""

import pytest
from playwright.sync_api import expect

from tests.sdk.conftest import Visitor
from tests.sdk.prompts import TEXTS, again, allow, asked_for, card, kept, prompt, steps
from tests.sdk.server import SDK_PATH, World


@pytest.mark.parametrize("kind", ["box", "bar", "topics"])
def test_a_yes_opens_the_browsers_dialog_and_subscribes(visitor: Visitor, world: World, kind: str) -> None:
    asked_for(visitor, world, prompt(kind))
    expect(card(visitor)).to_contain_text("First to know.")
    allow(visitor, world)
    card(visitor).get_by_role("button", name="Yes").click()
    visitor.wait_for_state("subscribed")
    expect(card(visitor)).to_contain_text("Thank you. Notifications are on.")
    [call] = world.calls(f"{SDK_PATH}/subscriptions")
    assert call.body["profile"]["prompt"] == f"{kind} 7.3"
    # What is closed after a yes is no "no".
    visitor.page.keyboard.press("Escape")
    expect(card(visitor)).to_have_count(0)
    assert "asked" not in kept(visitor)
    assert steps(visitor, world) == [(7, "shown"), (7, "accepted"), (7, "subscribed")]


def test_a_no_is_kept_for_three_seven_and_thirty_days(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box"))
    for count, days in ((1, 3), (2, 7), (3, 30), (4, 30)):
        card(visitor).get_by_role("button", name="Later").click()
        expect(card(visitor)).to_have_count(0)
        asked = kept(visitor)["asked"]
        assert asked["count"] == count
        kept(visitor, asked={**asked, "at": asked["at"] - (days - 0.01) * 86_400_000})
        again(visitor)
        visitor.page.wait_for_timeout(300)
        expect(card(visitor)).to_have_count(0)
        kept(visitor, asked={**asked, "at": asked["at"] - days * 86_400_000})
        again(visitor)
        expect(card(visitor)).to_be_visible()


def test_nobody_is_asked_again_who_said_no_in_the_browsers_dialog(visitor: Visitor, world: World) -> None:
    """Headless Chromium answers its dialog with no, and that stays."""
    asked_for(visitor, world, prompt("box"), prompt("native", 8), prompt("bell", 9))
    card(visitor).get_by_role("button", name="Yes").click()
    visitor.wait_for_state("blocked")
    expect(card(visitor)).to_contain_text("Notifications are blocked.")
    path = visitor.page.url
    told = steps(visitor, world)
    assert sorted(told[:2]) == [(7, "shown"), (9, "shown")]
    assert told[2:] == [(7, "accepted"), (7, "native"), (7, "denied")]
    world.asked.clear()
    visitor.open(path)
    visitor.page.wait_for_timeout(300)
    expect(visitor.page.locator("truepush-prompt, truepush-bell")).to_have_count(0)
    assert [one.path for one in world.asked] == [f"{SDK_PATH}/truepush.js"]


def test_nobody_is_asked_after_leaving(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box"), prompt("bell", 8))
    allow(visitor, world)
    card(visitor).get_by_role("button", name="Yes").click()
    visitor.wait_for_state("subscribed")
    visitor.page.evaluate("api.unsubscribe()")
    visitor.wait_for_state("unsubscribed")
    again(visitor)
    expect(visitor.page.locator("truepush-bell .bell")).to_be_visible()
    visitor.page.wait_for_timeout(300)
    expect(card(visitor)).to_have_count(0)


def test_escape_is_a_no_and_the_centre_keeps_the_focus_inside(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box", look={"position": "centre"}), body='<a href="#x">Link</a>')
    yes, later = (card(visitor).get_by_role("button", name=name) for name in ("Yes", "Later"))
    expect(yes).to_be_focused()
    visitor.page.keyboard.press("Tab")
    expect(later).to_be_focused()
    visitor.page.keyboard.press("Shift+Tab")
    expect(yes).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(card(visitor)).to_have_count(0)
    assert steps(visitor, world) == [(7, "shown"), (7, "dismissed")]


def test_a_box_that_covers_nothing_leaves_the_focus_where_it_was(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box"), body="<input autofocus>")
    expect(card(visitor)).to_be_visible()
    expect(visitor.page.locator("input")).to_be_focused()
    named = card(visitor).evaluate(
        "(e) => [e.role, e.getAttribute('aria-labelledby'), e.getAttribute('aria-modal')]"
    )
    assert named == ["dialog", "title", None]


@pytest.mark.parametrize(("position", "turned"), [("top", False), ("centre", True)])
def test_the_focus_comes_back_from_where_it_was_and_not_from_what_is_typed_in(
    visitor: Visitor, world: World, position: str, turned: bool
) -> None:
    dialog = "Notification.requestPermission = () => new Promise((resolve) => (window.answer = resolve));"
    visitor.page.add_init_script(dialog)
    asked_for(
        visitor, world, prompt("box", look={"position": position}), body="<input id=a autofocus><input id=b>"
    )
    card(visitor).get_by_role("button", name="Yes").click()
    visitor.page.wait_for_function("Boolean(window.answer)")
    turned and visitor.page.evaluate("document.querySelector('#b').focus()")
    visitor.page.evaluate("window.answer('default')")
    expect(card(visitor)).to_have_count(0)
    expect(visitor.page.locator("#b" if turned else "#a")).to_be_focused()


def test_thanks_do_not_take_the_focus_from_what_is_typed_in(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box"), body="<input>")
    allow(visitor, world)
    card(visitor).get_by_role("button", name="Yes").focus()
    visitor.page.evaluate("""() => {
      const {fetch} = window;
      window.fetch = (...given) => {
        String(given[0]).endsWith("/subscriptions") && document.querySelector("input").focus();
        return fetch(...given);
      };
    }""")
    visitor.page.keyboard.press("Enter")
    expect(card(visitor)).to_contain_text("Thank you.")
    expect(visitor.page.locator("input")).to_be_focused()


def test_the_visitors_language_is_used_and_any_other_gets_the_default(visitor: Visitor, world: World) -> None:
    asked_for(
        visitor,
        world,
        prompt("box"),
        body="<script>truepush = [(api) => api.Init({language: 'de-AT'})]</script>",
    )
    expect(card(visitor)).to_contain_text("Als Erste wissen.")
    assert visitor.page.locator("truepush-prompt").get_attribute("lang") == "de"
    asked_for(
        visitor,
        world,
        prompt("box"),
        body="<script>truepush = [(api) => api.Init({language: 'fr'})]</script>",
    )
    expect(card(visitor)).to_contain_text("First to know.")


def test_the_default_texts_have_a_language_too(visitor: Visitor, world: World) -> None:
    """Written in German, translated into English: a German reads German, whatever else there is."""
    texts = {"": {**TEXTS["de"]}, "en": {**TEXTS[""], "text": ""}}
    body = "<script>truepush = [(api) => api.Init({language: '%s'})]</script>"
    asked_for(visitor, world, prompt("box", texts=texts, language="de"), body=body % "de-AT")
    expect(card(visitor)).to_contain_text("Als Erste wissen.")
    assert visitor.page.locator("truepush-prompt").get_attribute("lang") == "de"
    asked_for(visitor, world, prompt("box", texts=texts, language="de"), body=body % "en-GB")
    expect(card(visitor)).to_contain_text("News?")
    expect(card(visitor).locator("#text")).to_have_text("")
    assert visitor.page.locator("truepush-prompt").get_attribute("lang") == "en"


def test_topics_become_tags_of_the_new_subscriber(visitor: Visitor, world: World) -> None:
    topics = [
        {"tag": "news", "label": {"": "News"}, "on": True},
        {"tag": "sale", "label": {"": "Sales"}, "on": False},
    ]
    asked_for(visitor, world, prompt("topics", topics=topics))
    allow(visitor, world)
    card(visitor).get_by_label("Sales").check()
    card(visitor).get_by_label("News").uncheck()
    card(visitor).get_by_role("button", name="Yes").click()
    visitor.wait_for_state("subscribed")
    visitor.wait_for(lambda: bool(world.calls(f"{SDK_PATH}/profile")))
    [call] = world.calls(f"{SDK_PATH}/profile")
    assert call.body["tags"] == {"add": ["sale"], "remove": ["news"]}


def test_the_pages_own_style_sheet_does_not_reach_inside(visitor: Visitor, world: World) -> None:
    ugly = (
        "<style>* { font-size: 60px !important; color: red !important; display: none !important }"
        " html, body { display: block !important }</style>"
    )
    asked_for(visitor, world, prompt("box"), body=ugly)
    yes = card(visitor).get_by_role("button", name="Yes")
    expect(yes).to_be_visible()
    assert yes.evaluate("(e) => [getComputedStyle(e).fontSize, getComputedStyle(e).color]") == [
        "15px",
        "rgb(255, 255, 255)",
    ]


@pytest.mark.parametrize(
    ("accent", "on"),
    [
        ("#000000", "rgb(255, 255, 255)"),
        ("#ffee00", "rgb(0, 0, 0)"),
        ("red;}*{display:none", "rgb(255, 255, 255)"),
    ],
)
def test_text_on_any_colour_is_readable_and_what_is_no_colour_is_left_out(
    visitor: Visitor, world: World, accent: str, on: str
) -> None:
    asked_for(visitor, world, prompt("box", look={"accent": accent}))
    yes = card(visitor).get_by_role("button", name="Yes")
    expect(yes).to_be_visible()
    assert yes.evaluate("(e) => getComputedStyle(e).color") == on


def test_wb_14_markup_in_a_prompt_is_text(visitor: Visitor, world: World) -> None:
    evil = "<img src=x onerror='window.hacked = 1'>"
    texts = {"": {"title": evil, "text": evil, "allow": evil, "later": evil}}
    asked_for(visitor, world, prompt("topics", texts=texts, topics=[{"tag": "a", "label": {"": evil}}]))
    expect(card(visitor)).to_contain_text(evil)
    assert visitor.page.evaluate("window.hacked ?? null") is None


ODD = [
    None,
    7,
    "x",
    [],
    {},
    {"id": 1, "kind": "box", "texts": 3, "look": 4, "when": 5, "again": 6, "topics": 7, "version": 8},
]


@pytest.mark.parametrize("odd", ODD)
def test_a_prompt_of_odd_types_breaks_nothing(visitor: Visitor, world: World, odd: object) -> None:
    world.settings["prompts"] = [odd, prompt("bell", 8)]
    visitor.open(world.shop)
    expect(visitor.page.locator("truepush-bell .bell")).to_be_visible()
    assert visitor.uncaught == []


def test_a_button_is_drawn_where_the_page_wants_it(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("button"), body='<div data-truepush="button"></div>')
    allow(visitor, world)
    inside = visitor.page.locator("[data-truepush=button] button")
    expect(inside).to_have_text("Yes")
    inside.click()
    visitor.wait_for_state("subscribed")
    expect(inside).to_have_text("Notifications are on.")
    inside.click()
    visitor.page.locator("truepush-prompt").get_by_role("button", name="Turn off").click()
    visitor.wait_for_state("unsubscribed")
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/unsubscribe")) == 1)


def test_the_bells_topics_are_those_of_the_profile_and_can_be_changed(visitor: Visitor, world: World) -> None:
    topics = [{"tag": tag, "label": {"": tag.title()}, "on": True} for tag in ("news", "sale")]
    world.settings["prompts"] = [prompt("bell", 8, topics=topics)]
    world.tags = ["sale", "vip"]
    visitor.open(world.shop)
    bell = visitor.page.locator("truepush-bell .bell")
    panel = visitor.page.locator("truepush-bell [role=dialog]")
    bell.click()
    panel.get_by_role("button", name="Yes").click()
    visitor.wait_for_state("subscribed")
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/profile")) == 1)
    visitor.wait_for(lambda: "told" in kept(visitor))
    kept(visitor, told=None)
    bell.click()
    expect(panel.get_by_label("News")).not_to_be_checked()
    expect(panel.get_by_label("Sale")).to_be_checked()
    panel.get_by_label("News").check()
    panel.get_by_role("button", name="Save").click()
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/profile")) == 2)
    assert world.calls(f"{SDK_PATH}/profile")[1].body["tags"] == {"add": ["news", "sale"], "remove": []}
