"""The calls a page makes of the SDK besides subscribing: consent, number, tags, events of prompts."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.sdk.conftest import Visitor
from tests.sdk.prompts import allow, asked_for, card, kept, prompt
from tests.sdk.server import SDK_PATH, SITE_KEY, STATIC, World
from tests.sdk.test_loader_subscribe import subscribed

WAITS = "<script>truepush = [(api) => { window.api = api; api.Init({consent: 'required'}); }]</script>"
DECLARED = STATIC / "sdk" / "truepush.d.ts"
NAMES = (
    "Init state subscribe unsubscribe showPrompt consent setConsent GetSubscriberId addTags removeTags getTags"
    " setAttributes track setExternalId on"
)


def test_every_call_is_there_on_truepush_itself_and_on_what_push_is_given(
    visitor: Visitor, world: World
) -> None:
    visitor.open(world.shop)
    kinds = visitor.page.evaluate(
        "(names) => names.map((n) => [typeof truepush[n], truepush[n] === api[n]])", NAMES.split()
    )
    assert kinds == [["function", True]] * 15


def test_the_type_declarations_name_every_call_and_each_state(visitor: Visitor, world: World) -> None:
    visitor.open(world.shop)
    text = DECLARED.read_text()
    api = text.partition("export interface TruepushApi {")[2].partition("\n}")[0]
    assert set(re.findall(r"^  (\w+)\(", api, re.MULTILINE)) == set(visitor.page.evaluate("Object.keys(api)"))
    loader = (STATIC / "sdk" / "truepush.js").read_text()
    states = set(
        re.findall(r"^    (\w+): ", loader.partition("const SAY = {")[2].partition("};")[0], re.MULTILINE)
    )
    assert set(re.findall(r'"(\w+)"', re.findall(r"type TruepushState = (.*);", text)[0])) == states


def test_init_says_when_it_is_ready_or_what_is_wrong(visitor: Visitor, world: World) -> None:
    script = """<script>window.heard = []; truepush = [(api) => {
      api.Init({id: "%s"}, (error) => heard.push(error && error.message));
      api.Init({id: "other"}, (error) => heard.push(error && error.message)); }]</script>"""
    visitor.open(world.page("/", script % SITE_KEY))
    visitor.page.wait_for_function("heard.length === 2")
    wrong = f"Init names other, the snippet {SITE_KEY}"
    # Both hear of what is wrong with what the two said together.
    assert visitor.page.evaluate("heard") == [None, wrong]


def test_nothing_is_kept_asked_or_told_before_consent(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world)
    world.settings["prompts"] = [prompt("box")]
    world.asked.clear()
    visitor.page.evaluate("localStorage.clear()")
    visitor.page.goto(world.page("/", WAITS))
    visitor.page.evaluate("api.addTags('vip'); api.track('view')")
    visitor.page.wait_for_timeout(700)
    expect(card(visitor)).to_have_count(0)
    assert visitor.page.evaluate("[api.consent(), localStorage.length]") == ["required", 0]
    paths = [one.path for one in world.asked]
    assert f"{SDK_PATH}/settings.json" not in paths
    allow(visitor, world)
    visitor.page.evaluate("api.setConsent(true)")
    expect(card(visitor)).to_be_visible()
    assert visitor.page.evaluate("api.consent()") == "given"
    card(visitor).get_by_role("button", name="Yes").click()
    visitor.wait_for_state("subscribed")
    visitor.wait_for(lambda: bool(world.calls(f"{SDK_PATH}/profile")))
    [call] = world.calls(f"{SDK_PATH}/profile")
    assert call.body["tags"] == {"add": ["vip"], "remove": []}
    visitor.reload()
    assert visitor.page.evaluate("[api.consent(), api.state()]") == ["given", "subscribed"]


def test_consent_that_is_there_already_starts_everything_once(visitor: Visitor, world: World) -> None:
    script = (
        "<script>truepush = [(api) => { api.Init({consent: 'required'}); api.setConsent(true); }]</script>"
    )
    asked_for(visitor, world, prompt("box"), prompt("bell", 8), body=script)
    expect(card(visitor)).to_be_visible()
    visitor.page.wait_for_timeout(300)
    expect(visitor.page.locator("truepush-prompt, truepush-bell")).to_have_count(2)
    assert kept(visitor)["seen"]["pages"] == 1


def test_consent_that_is_given_again_is_no_second_page(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/profile")) == 1)
    visitor.reload()
    visitor.wait_for(lambda: "waiting" in kept(visitor))
    visitor.page.evaluate("api.setConsent(true)")
    visitor.page.wait_for_timeout(200)
    assert kept(visitor)["waiting"]["pages"] == 1


def test_a_refusal_stops_what_asks_already(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box"), prompt("bar", 7, when={"delay": 1}), prompt("bell", 8))
    expect(card(visitor)).to_be_visible()
    visitor.page.evaluate("api.setConsent(false)")
    visitor.page.wait_for_timeout(1300)
    expect(visitor.page.locator("truepush-prompt, truepush-bell")).to_have_count(0)
    assert kept(visitor) == {"consent": False}
    # What was counted before the refusal is not told after it.
    page = urlsplit(visitor.page.url).path
    visitor.page.goto("about:blank")
    visitor.page.wait_for_timeout(200)
    assert [call for call in world.calls(f"{SDK_PATH}/funnel") if call.body["page"] == page] == []


def test_a_refusal_ends_the_subscription_and_is_all_that_is_kept(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", '<button data-truepush="subscribe">Get news</button>'))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    assert visitor.page.evaluate("api.setConsent(false)") == "unsubscribed"
    assert visitor.page.evaluate("({...localStorage})") == {f"truepush:{SITE_KEY}": '{"consent":false}'}
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/unsubscribe")) == 1)
    world.asked.clear()
    visitor.page.reload()
    visitor.page.click("button")
    visitor.page.wait_for_timeout(300)
    assert visitor.page.evaluate("truepush.consent()") == "refused"
    assert [one.path for one in world.asked] == [f"{SDK_PATH}/truepush.js"]
    visitor.page.evaluate("truepush.setConsent(true)")
    visitor.page.click("button")
    visitor.page.wait_for_function("truepush.state() === 'subscribed'")


def test_a_subscribers_number_is_that_of_the_console(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", '<button data-truepush="subscribe">Get news</button>'))
    assert visitor.page.evaluate("api.GetSubscriberId()") is None
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    assert visitor.page.evaluate("api.GetSubscriberId()") == 4711
    # One that subscribed before numbers were told hears its own with the next page.
    kept(visitor, id=None)
    visitor.reload()
    assert visitor.page.evaluate("api.GetSubscriberId()") == 4711


def test_tags_are_those_of_the_server_with_what_was_said_since(visitor: Visitor, world: World) -> None:
    world.tags = ["plan=silver", "vip"]
    visitor.open(world.page("/", '<button data-truepush="subscribe">Get news</button>'))
    visitor.page.evaluate("api.addTags('early')")
    assert visitor.page.evaluate("api.getTags()") == ["early"]
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    visitor.wait_for(lambda: bool(world.calls(f"{SDK_PATH}/profile")))
    visitor.page.evaluate("api.addTags(['plan=gold', 'new']); api.removeTags('vip')")
    assert visitor.page.evaluate("api.getTags()") == ["early", "new", "plan=gold"]
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/profile")) == 2)
    assert visitor.page.evaluate("api.getTags()") == ["early", "new", "plan=gold"]


def test_what_was_said_offline_is_sent_when_the_browser_is_back(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", '<button data-truepush="subscribe">Get news</button>'))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/profile")) == 1)
    visitor.context.set_offline(True)
    visitor.page.evaluate("api.track('buy', {n: 1})")
    visitor.page.wait_for_timeout(800)
    visitor.context.set_offline(False)
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/profile")) == 2)
    [event] = world.calls(f"{SDK_PATH}/profile")[1].body["events"]
    assert (event["name"], event["properties"]) == ("buy", {"n": 1})


def test_what_was_said_on_a_page_that_was_left_is_sent_with_the_next(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", '<button data-truepush="subscribe">Get news</button>'))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/profile")) == 1)
    visitor.page.evaluate("api.track('buy', {n: 1})")
    visitor.reload()
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/profile")) == 2)
    [event] = world.calls(f"{SDK_PATH}/profile")[1].body["events"]
    assert event["name"] == "buy"


def test_the_page_hears_of_each_step_of_a_prompt(visitor: Visitor, world: World) -> None:
    listen = """<script>window.heard = [];
    truepush = [(api) => api.on("prompt", (step) => heard.push(step))];</script>"""
    asked_for(visitor, world, prompt("box"), body=listen)
    card(visitor).get_by_role("button", name="Later").click()
    visitor.page.wait_for_function("heard.length === 2")
    assert visitor.page.evaluate("heard") == [
        {"prompt": 7, "version": 3, "step": "shown"},
        {"prompt": 7, "version": 3, "step": "dismissed"},
    ]


def test_steps_are_told_together_when_the_page_is_left(visitor: Visitor, world: World) -> None:
    asked_for(visitor, world, prompt("box"), path="/shoes")
    card(visitor).get_by_role("button", name="Later").click()
    visitor.page.wait_for_timeout(300)
    assert world.calls(f"{SDK_PATH}/funnel") == []
    visitor.page.goto("about:blank")
    visitor.wait_for(lambda: bool(world.calls(f"{SDK_PATH}/funnel")))
    [call] = [one for one in world.calls(f"{SDK_PATH}/funnel") if one.body["page"] == "/shoes"]
    assert call.body == {
        "page": "/shoes",
        "steps": [
            {"prompt": 7, "version": 3, "step": "shown", "n": 1},
            {"prompt": 7, "version": 3, "step": "dismissed", "n": 1},
        ],
    }
    assert (call.headers["origin"], call.headers.get("cookie")) == (world.shop, None)
