"""The loader on an ordinary page: subscribe on a gesture, stay subscribed, unsubscribe."""

import json
from collections.abc import Callable

from tests.sdk.conftest import Visitor
from tests.sdk.server import RELEASE, SDK_PATH, SITE_KEY, World

SUBSCRIPTIONS = f"{SDK_PATH}/subscriptions"
ELEMENTS = """<button data-truepush="subscribe">Get news</button>
<a href="/elsewhere" data-truepush="unsubscribe"><b>Stop</b></a><p data-truepush="status"></p>"""


def subscribed(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", ELEMENTS))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")


def age_record(visitor: Visitor, **changes: object) -> None:
    name = f"truepush:{SITE_KEY}"
    visitor.page.evaluate(
        "([name, changes]) => localStorage[name] ="
        " JSON.stringify({...JSON.parse(localStorage[name]), ...changes})",
        [name, changes],
    )


def test_a_page_view_asks_for_nothing(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", ELEMENTS + "<script>truepush = [(api) => api.subscribe()]</script>"))
    assert visitor.state() == "unsubscribed"
    assert world.calls(SUBSCRIPTIONS) == []
    assert visitor.workers.scopes() == []
    assert visitor.said == [
        "warning: Truepush: subscribe() works only while a click or key press is being handled"
    ]


def test_a_click_subscribes_and_the_server_hears_of_it_once(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    [call] = world.calls(SUBSCRIPTIONS)
    held = visitor.push.held[world.scope]
    assert call.body == {
        "endpoint": held["endpoint"],
        "keys": {"p256dh": held["p256dh"], "auth": held["auth"]},
        "server_key": world.vapid_key,
        "profile": {
            "sdk": RELEASE.version,
            "prompt": "element 1",
            "language": visitor.page.evaluate("navigator.language"),
            "time_zone": visitor.page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone"),
        },
    }
    assert held["key"] == world.vapid_key
    assert call.headers["content-type"] == "application/json"
    assert call.headers["origin"] == world.shop
    assert not [one for one in world.asked if "cookie" in one.headers]
    assert visitor.workers.scopes() == [world.scope]
    assert visitor.page.text_content("p") == "Notifications are on."
    states = visitor.page.eval_on_selector_all(
        "[data-truepush]", "all => all.map(e => e.dataset.truepushState)"
    )
    assert states == ["subscribed"] * 3
    assert visitor.uncaught == []


def test_the_worker_is_registered_for_its_site_in_its_own_scope(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    registration = visitor.page.evaluate(
        "navigator.serviceWorker.getRegistration('/truepush/')"
        ".then(r => [r.active.scriptURL, r.scope, r.updateViaCache])"
    )
    assert registration == [f"{world.scope}worker.js?k={SITE_KEY}", world.scope, "none"]
    assert visitor.page.evaluate("navigator.serviceWorker.controller") is None


def test_a_day_later_it_is_sent_once_more(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    age_record(visitor, sent=0)
    for _ in range(2):
        visitor.reload()
        first, second = world.calls(SUBSCRIPTIONS)
    # Nobody is asked again, so there is no prompt.
    del first.body["profile"]["prompt"]
    assert second.body == first.body


def test_another_endpoint_is_sent_with_the_old_one(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    age_record(visitor, endpoint="https://localhost:9/push/before")
    visitor.reload()
    call = world.calls(SUBSCRIPTIONS)[1]
    assert call.body["old_endpoint"] == "https://localhost:9/push/before"
    assert call.body["endpoint"] == visitor.push.held[world.scope]["endpoint"]


def test_a_new_server_key_makes_a_new_subscription(
    visitor: Visitor, world: World, new_key: Callable[[], str]
) -> None:
    """The SDK's share of CR-16."""
    subscribed(visitor, world)
    before = visitor.push.held[world.scope]["endpoint"]
    world.settings["vapid_key"] = new_key()
    visitor.reload()
    held = visitor.push.held[world.scope]
    assert held["key"] == world.settings["vapid_key"]
    assert visitor.push.made == 2
    call = world.calls(SUBSCRIPTIONS)[1]
    assert (call.body["endpoint"], call.body["old_endpoint"]) == (held["endpoint"], before)
    assert visitor.state() == "subscribed"


def test_a_subscription_the_browser_dropped_is_renewed_at_the_next_page(
    visitor: Visitor, world: World
) -> None:
    """Safari on iOS tells nobody (push-services.md 1.6)."""
    subscribed(visitor, world)
    before = visitor.push.held.pop(world.scope)
    visitor.reload()
    assert world.calls(SUBSCRIPTIONS)[1].body["old_endpoint"] == before["endpoint"]
    assert visitor.state() == "subscribed"


def test_unsubscribing_tells_the_server_and_lasts(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    endpoint = visitor.push.held[world.scope]["endpoint"]
    visitor.page.click("a b")
    visitor.wait_for_state("unsubscribed")
    visitor.reload()
    assert visitor.page.url == f"{world.shop}/"
    assert visitor.push.held == {}
    assert [call.body for call in world.calls(f"{SDK_PATH}/unsubscribe")] == [
        {"endpoint": endpoint, "subscriber": f"capability of {endpoint}"}
    ]
    assert visitor.state() == "unsubscribed"
    assert len(world.calls(SUBSCRIPTIONS)) == 1
    assert visitor.page.text_content("p") == "Notifications are off."


def test_a_refusal_of_the_server_is_an_error_and_tried_again_at_the_next_page(
    visitor: Visitor, world: World
) -> None:
    world.subscriptions_answer = 503
    visitor.open(world.page("/", ELEMENTS))
    visitor.page.evaluate(
        "truepush.push((api) => api.on('error', (error) => (window.heard = error.message)))"
    )
    visitor.page.click("button")
    visitor.wait_for_state("error")
    assert visitor.page.evaluate("window.heard") == f"subscriptions of site {SITE_KEY} answered 503"
    assert visitor.page.text_content("p") == "That did not work. Please try again later."
    world.subscriptions_answer = 201
    visitor.reload()
    visitor.wait_for_state("subscribed")
    assert len(world.calls(SUBSCRIPTIONS)) == 2
    assert visitor.push.made == 1
    assert visitor.uncaught == []


def test_a_daily_report_that_fails_leaves_the_visitor_subscribed(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    age_record(visitor, sent=0)
    world.subscriptions_answer = 503
    visitor.reload()
    assert visitor.state() == "subscribed"
    assert len(world.calls(SUBSCRIPTIONS)) == 2


def test_an_outage_of_the_settings_changes_nothing_that_was_true(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    world.settings_answer = 503
    visitor.reload()
    assert visitor.state() == "subscribed"
    assert visitor.uncaught == []


def test_a_missing_worker_file_is_an_error_the_owner_can_read(visitor: Visitor, world: World) -> None:
    world.worker_missing = True
    visitor.open(world.page("/", ELEMENTS))
    visitor.page.click("button")
    visitor.wait_for_state("error")
    [warning] = [text for text in visitor.said if text.startswith("warning")]
    assert "/truepush/worker.js" in warning
    assert visitor.uncaught == []


def test_two_clicks_make_one_subscription(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", ELEMENTS))
    visitor.page.dblclick("button")
    visitor.wait_for_state("subscribed")
    assert (visitor.push.made, len(world.calls(SUBSCRIPTIONS))) == (1, 1)


def test_the_queue_works_before_and_after_loading_and_survives_a_callers_error(
    visitor: Visitor, world: World
) -> None:
    queue = """<script>window.truepush = window.truepush || []; window.seen = [];
      truepush.push(() => { throw new Error("the page's own"); });
      truepush.push((api) => api.on("state", () => { throw new Error("the page's handler"); }));
      truepush.push((api) => api.on("state", (state) => seen.push(state)));
      truepush.push("not a function", null, {"__proto__": {"polluted": 1}});</script>"""
    visitor.open(world.page("/", ELEMENTS + queue))
    visitor.page.evaluate(
        """truepush.push((api) => { const end = api.on("state", () => seen.push("!")); end(); })"""
    )
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    assert visitor.page.evaluate("seen") == ["subscribed"]
    assert visitor.page.evaluate("({}).polluted") is None
    # Errors of the page stay the page's: they are reported as such, and ours there are none.
    assert sorted(text.splitlines()[0] for text in visitor.uncaught) == [
        "the page's handler",
        "the page's own",
    ]


def test_a_snippet_that_is_on_the_page_twice_works_once(visitor: Visitor, world: World) -> None:
    script = f'<script src="{world.sdk}{SDK_PATH}/truepush.js"></script>'
    visitor.open(world.page("/", ELEMENTS + script))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    assert (visitor.push.made, len(world.calls(SUBSCRIPTIONS))) == (1, 1)


def test_a_click_that_arrives_as_an_address_is_reported_and_stripped(visitor: Visitor, world: World) -> None:
    visitor.open(world.shop + "/?a=b%20c&tp_c=Tok-en_1&q=%C3%A4+x&tp_c=again#part")
    assert visitor.page.evaluate("location.href") == f"{world.shop}/?a=b%20c&q=%C3%A4+x#part"
    visitor.wait_for(lambda: len(world.receipts()) == 1)
    assert world.receipts() == [("clicked", "Tok-en_1")]
    [call] = world.calls("/sdk/v1/receipts")
    assert call.headers["content-type"].startswith("text/plain")
    visitor.open(world.shop + "/?tp_c=%3Cscript%3E")
    assert visitor.page.evaluate("location.href") == f"{world.shop}/"
    assert len(world.receipts()) == 1


def test_what_is_kept_in_storage_is_the_capability_and_no_more(visitor: Visitor, world: World) -> None:
    subscribed(visitor, world)
    # The visit is counted, and told a moment later; then nothing of it is kept.
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/profile")) == 1)
    kept = visitor.page.evaluate("({...localStorage})")
    assert list(kept) == [f"truepush:{SITE_KEY}"]
    record = json.loads(kept[f"truepush:{SITE_KEY}"])
    endpoint = visitor.push.held[world.scope]["endpoint"]
    assert record.pop("sent") > 0
    assert record.pop("last") > 0
    capability = f"capability of {endpoint}"
    assert record == {"endpoint": endpoint, "key": world.vapid_key, "subscriber": capability, "id": 4711}
