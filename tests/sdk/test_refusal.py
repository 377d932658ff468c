"""A refusal of consent ends what there is, also what is only being made, and forgets the rest."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.sdk.conftest import Visitor
from tests.sdk.prompts import asked_for, card, hold, kept, prompt, steps
from tests.sdk.server import SDK_PATH, SITE_KEY, World
from tests.sdk.test_loader_subscribe import age_record, subscribed

BUTTON = '<button data-truepush="subscribe">Get news</button>'
ENDED = f"{SDK_PATH}/unsubscribe"
REFUSE = "api.setConsent(false)"


def stored(visitor: Visitor) -> dict[str, Any]:
    """What lies in the browser's storage, whatever the page knows."""
    found: dict[str, Any] = json.loads(visitor.page.evaluate(f"localStorage['truepush:{SITE_KEY}']"))
    return found


def nothing_is_left(visitor: Visitor, world: World, ended: int = 1) -> None:
    visitor.wait_for(lambda: len(world.calls(ENDED)) == ended)
    assert visitor.push.held == {}
    assert stored(visitor) == {"consent": False}
    assert visitor.uncaught == []


def test_what_an_outage_left_of_a_subscription_ends_with_the_next_page(
    visitor: Visitor, world: World
) -> None:
    subscribed(visitor, world)
    endpoint = visitor.push.held[world.scope]["endpoint"]
    world.settings_answer = 500
    visitor.reload()
    assert visitor.page.evaluate(REFUSE) == "subscribed"
    kept = {"consent": False, "endpoint": endpoint, "subscriber": f"capability of {endpoint}"}
    assert stored(visitor) == kept
    assert world.calls(ENDED) == []
    world.settings_answer = 200
    visitor.reload()
    visitor.wait_for_state("unsubscribed")
    nothing_is_left(visitor, world)
    assert world.calls(ENDED)[0].body == {"endpoint": endpoint, "subscriber": kept["subscriber"]}
    # From now on nothing is asked for any more.
    world.asked.clear()
    visitor.page.reload()
    visitor.page.wait_for_timeout(300)
    assert [one.path for one in world.asked] == [f"{SDK_PATH}/truepush.js"]


def test_a_page_whose_start_failed_ends_the_subscription_too(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    age_record(visitor, sent=0, key="another")
    world.subscriptions_answer = 503
    visitor.reload()
    visitor.wait_for_state("error")
    assert visitor.page.evaluate(REFUSE) == "unsubscribed"
    nothing_is_left(visitor, world)


@pytest.mark.parametrize("subscriptions", [201, 503])
def test_a_refusal_while_a_subscription_is_made_ends_it(
    visitor: Visitor, world: World, subscriptions: int
) -> None:
    world.subscriptions_answer = subscriptions
    visitor.open(world.page("/", BUTTON))
    # As late as can be: the browser has the subscription, and the server is about to be told of it.
    visitor.page.evaluate("""() => {
      const {fetch} = window;
      window.fetch = (...given) => {
        String(given[0]).endsWith("/subscriptions") && (window.refused = api.setConsent(false));
        return fetch(...given);
      };
    }""")
    visitor.page.click("button")
    visitor.page.wait_for_function("window.refused")
    visitor.page.evaluate("window.refused")
    visitor.wait_for(lambda: visitor.push.held == {})
    assert visitor.push.made == 1
    visitor.page.wait_for_function("['unsubscribed', 'error'].includes(api.state())")
    nothing_is_left(visitor, world, int(subscriptions == 201))
    assert [one["step"] for call in world.calls(f"{SDK_PATH}/funnel") for one in call.body["steps"]] == []


def test_a_refusal_while_the_dialog_is_open_makes_none(visitor: Visitor, world: World) -> None:
    dialog = "Notification.requestPermission = () => new Promise((resolve) => (window.answer = resolve));"
    visitor.page.add_init_script(dialog)
    visitor.open(world.page("/", BUTTON))
    visitor.page.click("button")
    visitor.page.wait_for_function("Boolean(window.answer)")
    assert visitor.page.evaluate(REFUSE) == "unsubscribed"
    visitor.page.evaluate("window.answer('granted')")
    visitor.page.wait_for_timeout(300)
    assert (visitor.push.made, visitor.state()) == (0, "unsubscribed")
    nothing_is_left(visitor, world, 0)


def test_a_refusal_in_another_tab_ends_what_is_made_here(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", BUTTON))
    visitor.page.evaluate(
        """(name) => {
      const {fetch} = window;
      window.fetch = (...given) => {
        String(given[0]).endsWith("/subscriptions") && (localStorage[name] = '{"consent":false}');
        return fetch(...given);
      };
    }""",
        f"truepush:{SITE_KEY}",
    )
    visitor.page.click("button")
    visitor.wait_for(lambda: len(world.calls(ENDED)) == 1)
    assert visitor.state() == "unsubscribed"
    nothing_is_left(visitor, world)


def test_what_asks_stays_away_when_its_file_comes_after_a_refusal(visitor: Visitor, world: World) -> None:
    held = hold(visitor, "prompt")
    asked_for(visitor, world, prompt("box"))
    visitor.wait_for(lambda: len(held) == 1)
    visitor.page.evaluate(REFUSE)
    held[0].continue_()
    visitor.page.wait_for_timeout(300)
    expect(visitor.page.locator("truepush-prompt")).to_have_count(0)
    assert visitor.page.evaluate("truepush.showPrompt()") == "default"
    expect(visitor.page.locator("truepush-prompt")).to_have_count(0)
    # Who agrees after all, on the same page, is asked after all.
    visitor.page.evaluate("api.setConsent(true)")
    expect(card(visitor)).to_be_visible()
    assert steps(visitor, world) == [(7, "shown")]


def test_a_refusal_takes_the_backdrop_away_and_consent_brings_all_back(
    visitor: Visitor, world: World
) -> None:
    visitor.page.add_init_script("Notification.requestPermission = () => new Promise(() => {});")
    asked_for(visitor, world, prompt("backdrop"), prompt("bell", 8))
    veil, bell = visitor.page.locator("truepush-prompt .veil"), visitor.page.locator("truepush-bell .bell")
    expect(veil).to_be_visible()
    visitor.page.evaluate(REFUSE)
    expect(veil).to_have_count(0)
    expect(bell).to_have_count(0)
    visitor.page.evaluate("api.setConsent(true)")
    expect(veil).to_be_visible()
    expect(bell).to_be_visible()
    assert kept(visitor)["seen"]["pages"] == 1


def test_a_card_that_was_refused_is_there_again_with_consent(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box"))
    expect(card(visitor)).to_be_visible()
    visitor.page.evaluate(REFUSE)
    expect(card(visitor)).to_have_count(0)
    visitor.page.evaluate("api.setConsent(true)")
    expect(card(visitor)).to_have_count(1)
    visitor.page.evaluate("truepush.showPrompt()")
    expect(card(visitor)).to_have_count(1)
