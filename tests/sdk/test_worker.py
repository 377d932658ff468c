"""The worker in Chromium: what it shows, what a click does, what is reported and when."""

import json
from typing import Any

import pytest
from playwright.sync_api import Worker

from tests.e2e.browsers.chromium import (
    click_notification,
    close_notification,
    notifications,
    worker,
)
from tests.sdk.conftest import Visitor
from tests.sdk.server import SDK_PATH, SITE_KEY, World

TOKEN = "token-1"
_REGISTER = """async (url) => {
  const registration = await navigator.serviceWorker.register(url, {scope: "/truepush/", updateViaCache: "none"});
  const worker = registration.installing;
  while (worker.state !== "activated") {
    await new Promise((resolve) => worker.addEventListener("statechange", resolve, {once: true}));
  }
}"""


@pytest.fixture
def running(visitor: Visitor, world: World) -> Worker:
    """Its worker, as the loader registers it, under a page of the website."""
    visitor.page.goto(world.page("/", snippet=""))
    visitor.page.evaluate(_REGISTER, f"/truepush/worker.js?k={SITE_KEY}")
    return worker(visitor.page, "/truepush/worker.js")


def message(title: str = "Sale", token: str = TOKEN, **notification: Any) -> str:
    address = f"http://localhost:1/offer?a=b%20c&tp_c={token}&q=x#now"
    given = {"title": title, "body": "Today", "navigate": address, "tag": "tp-7"} | notification
    return json.dumps({
        "web_push": 8030, "notification": given, "mutable": True, "tp": {"v": 1, "t": token}
    })  # fmt: skip


def test_a_push_is_shown_as_sent_and_reported_displayed(
    visitor: Visitor, world: World, running: Worker
) -> None:
    visitor.workers.deliver_push(world.scope, message(icon="http://localhost:1/icon.png", lang="de"))
    visitor.wait_for(lambda: world.receipts() == [("displayed", "token-1")])
    assert notifications(visitor.page, world.scope) == [
        {
            "title": "Sale",
            "body": "Today",
            "icon": "http://localhost:1/icon.png",
            "tag": "tp-7",
            "data": {"url": "http://localhost:1/offer?a=b%20c&q=x#now", "pages": {}, "token": "token-1"},
        }
    ]
    [call] = world.calls("/sdk/v1/receipts")
    assert call.headers["content-type"].startswith("text/plain")
    assert "cookie" not in call.headers


def test_a_click_opens_the_address_without_our_mark_and_is_reported(
    visitor: Visitor, world: World, running: Worker
) -> None:
    visitor.workers.deliver_push(world.scope, message())
    visitor.workers.wait_for_notification("Sale")
    # It is reported once it is shown: a moment after the notification is there.
    visitor.wait_for(lambda: world.receipts() == [("displayed", "token-1")])
    acted = click_notification(running, "Sale")
    assert (acted.opened, acted.focused) == (["http://localhost:1/offer?a=b%20c&q=x#now"], [])
    visitor.wait_for(lambda: len(world.receipts()) == 2)
    assert world.receipts() == [("displayed", "token-1"), ("clicked", "token-1")]
    assert notifications(visitor.page, world.scope) == []


def test_a_click_brings_the_tab_that_is_already_there_to_the_front(
    visitor: Visitor, world: World, running: Worker
) -> None:
    other = visitor.context.new_page()
    other.goto(world.page("/offer", snippet="") + "?a=1&tp_c=earlier")
    visitor.workers.deliver_push(world.scope, message(navigate=f"{world.shop}/offer?a=1&tp_c=token-1"))
    visitor.workers.wait_for_notification("Sale")
    acted = click_notification(running, "Sale")
    assert (acted.opened, acted.focused) == ([], [f"{world.shop}/offer?a=1&tp_c=earlier"])


def test_sweeping_it_away_is_reported_closed(visitor: Visitor, world: World, running: Worker) -> None:
    visitor.workers.deliver_push(world.scope, message())
    visitor.workers.wait_for_notification("Sale")
    close_notification(running, "Sale")
    visitor.wait_for(lambda: sorted(world.receipts()) == [("closed", "token-1"), ("displayed", "token-1")])


def test_an_address_that_is_not_one_of_the_web_leads_home(
    visitor: Visitor, world: World, running: Worker
) -> None:
    addresses = [
        "javascript:alert(1)",
        "data:text/html,x",
        "/relative",
        "//evil.test",
        "",
        5,
        None,
        ["http://x"],
    ]
    for number, address in enumerate(addresses):
        push = message(f"Push {number}", navigate=address, icon="javascript:1", tag=number)
        visitor.workers.deliver_push(world.scope, push)
        visitor.workers.wait_for_notification(f"Push {number}")
    for shown in notifications(visitor.page, world.scope):
        assert (shown["icon"], shown["data"]) == (
            "",
            {"url": f"{world.shop}/", "pages": {}, "token": "token-1"},
        )
    assert sorted(visitor.workers.displayed) == [f"Push {number}" for number in range(len(addresses))]


def test_a_worker_that_was_stopped_shows_the_next_push(
    visitor: Visitor, world: World, running: Worker
) -> None:
    visitor.workers.stop_all()
    visitor.workers.deliver_push(world.scope, message())
    visitor.wait_for(lambda: world.receipts() == [("displayed", "token-1")])
    assert len(notifications(visitor.page, world.scope)) == 1


def test_receipts_wait_while_the_server_fails_and_go_with_the_next_one(
    visitor: Visitor, world: World, running: Worker
) -> None:
    world.receipts_answer = 503
    for number in range(3):
        visitor.workers.deliver_push(world.scope, message(token=f"early-{number}"))
        visitor.wait_for(lambda: len(world.receipts()) == number + 1)  # noqa: B023
    visitor.wait_for(lambda: kept(running) == 3)
    world.asked.clear()
    world.receipts_answer = 204
    visitor.workers.deliver_push(world.scope, message(token="late"))
    visitor.wait_for(lambda: len(world.receipts()) == 4)
    early = [("displayed", f"early-{number}") for number in range(3)]
    assert world.receipts() == [("displayed", "late"), *early]
    visitor.wait_for(lambda: kept(running) == 0)


def test_at_most_a_hundred_receipts_wait_the_newest(visitor: Visitor, world: World, running: Worker) -> None:
    world.receipts_answer = 503
    for number in range(120):
        visitor.workers.deliver_push(world.scope, message(token=f"t{number}"))
    visitor.wait_for(lambda: len(world.receipts()) == 120)
    visitor.wait_for(lambda: kept(running) == 100)
    world.asked.clear()
    world.receipts_answer = 204
    visitor.workers.deliver_push(world.scope, message(token="last"))
    visitor.wait_for(lambda: kept(running) == 0)
    assert [len(call.body["receipts"]) for call in world.calls("/sdk/v1/receipts")] == [1, 50, 50]


def test_a_receipt_the_server_will_never_take_is_not_kept(
    visitor: Visitor, world: World, running: Worker
) -> None:
    world.receipts_answer = 400
    visitor.workers.deliver_push(world.scope, message())
    visitor.wait_for(lambda: len(world.receipts()) == 1)
    visitor.page.wait_for_timeout(50)
    assert kept(running) == 0


def test_blocked_storage_and_a_failing_server_together_show_the_push(
    visitor: Visitor, world: World, running: Worker
) -> None:
    world.receipts_answer = 503
    running.evaluate(
        "Object.defineProperty(self, 'indexedDB', {get() { throw new DOMException('no', 'SecurityError'); }})"
    )
    visitor.workers.deliver_push(world.scope, message())
    visitor.workers.wait_for_notification("Sale")
    assert len(click_notification(running, "Sale").opened) == 1
    assert visitor.uncaught == []


def test_a_changed_subscription_is_sent_with_the_old_endpoint(
    visitor: Visitor, world: World, running: Worker
) -> None:
    """As Chromium 138 tells it, with both subscriptions; Firefox tells neither (test_firefox.py)."""
    old, new = "https://localhost:9/push/old", "https://localhost:9/push/new"
    keys = {"p256dh": "p", "auth": "a"}
    running.evaluate(
        """async ([oldOne, newOne, keys]) => {
          const event = new Event("pushsubscriptionchange");
          const work = [];
          Object.assign(event, {
            oldSubscription: {endpoint: oldOne},
            newSubscription: {toJSON: () => ({endpoint: newOne, expirationTime: null, keys})},
            waitUntil: (promise) => work.push(promise),
          });
          self.dispatchEvent(event);
          await Promise.all(work);
        }""",
        [old, new, keys],
    )
    call = world.calls(f"{SDK_PATH}/subscriptions")[-1]
    assert call.body["old_endpoint"] == old
    assert (call.body["endpoint"], call.body["keys"]) == (new, keys)
    assert call.headers["origin"] == world.shop


def test_a_new_worker_takes_over_at_the_next_page_view(
    visitor: Visitor, world: World, running: Worker
) -> None:
    """The SDK's host calls a bad version back. Chromium lets the first update wait some seconds."""
    world.worker_line["name"] = "Renamed shop"
    visitor.push.held[world.scope] = {"endpoint": "https://localhost:9/push/x", "key": world.vapid_key}
    visitor.open(world.page("/"))
    for _ in range(50):
        visitor.workers.deliver_push(world.scope, "")
        visitor.page.wait_for_timeout(200)
        if "Renamed shop" in visitor.workers.displayed:
            break
    visitor.workers.wait_for_notification("Renamed shop")


def kept(running: Worker) -> int:
    """How many receipts wait in the browser."""
    count: int = running.evaluate("""() => new Promise((resolve) => {
      const opening = indexedDB.open("truepush");
      opening.onsuccess = () => {
        const counting = opening.result.transaction("receipts").objectStore("receipts").count();
        counting.onsuccess = () => { opening.result.close(); resolve(counting.result); };
      };
    })""")
    return count


_SHOWN = """async () => (await self.registration.getNotifications()).map(
  ({actions, badge, image, requireInteraction, silent}) => ({actions, badge, image, requireInteraction, silent}))"""


def test_buttons_pictures_and_manners_are_shown_as_sent(
    visitor: Visitor, world: World, running: Worker
) -> None:
    """PS-18: each button opens its own page, without the token; the notification itself opens the main one."""
    actions = [
        {
            "action": "a1",
            "title": "Buy",
            "navigate": "http://localhost:1/buy?x=1&tp_c=token-1",
            "icon": "javascript:1",
        },
        {"action": "a2", "title": "Later", "navigate": "javascript:alert(1)"},
        {"action": "a3", "title": "Third", "navigate": "http://localhost:1/third"},
    ]
    picture = "http://localhost:1/picture.png"
    more = {
        "image": picture,
        "badge": picture,
        "silent": True,
        "requireInteraction": True,
        "actions": actions,
    }
    for action, opened in (("a1", "buy?x=1"), ("a2", "offer?a=b%20c&q=x#now"), ("", "offer?a=b%20c&q=x#now")):
        visitor.workers.deliver_push(world.scope, message(**more))
        visitor.workers.wait_for_notification("Sale")
        visitor.wait_for(lambda: bool(running.evaluate(_SHOWN)))
        [shown] = running.evaluate(_SHOWN)
        assert (shown["silent"], shown["requireInteraction"]) == (True, True)
        assert [(one["action"], one["title"]) for one in shown["actions"]] == [("a1", "Buy"), ("a2", "Later")]
        assert click_notification(running, "Sale", action).opened == [f"http://localhost:1/{opened}"]
        visitor.workers.displayed.clear()


@pytest.mark.parametrize(
    "actions", [7, "x", {}, [None], [[]], [{"title": {}}], [{"action": "a"}], [{"icon": []}]]
)
def test_odd_buttons_still_show_one_notification(
    visitor: Visitor, world: World, running: Worker, actions: Any
) -> None:
    visitor.workers.deliver_push(world.scope, message(actions=actions, silent="yes", image=[], badge={}))
    visitor.workers.wait_for_notification("Sale")
    assert visitor.workers.displayed == ["Sale"]


# Every wait of the worker, and what it draws: all of the time that it was given.
_SLOW_DRAW = """() => {
  self.waits = [];
  self.draws = [];
  Math.random = () => 1;
  const wait = self.setTimeout;
  self.setTimeout = (done, time, ...rest) => (self.waits.push(time), wait(done, time, ...rest));
}"""


def spread_message(seconds: Any) -> str:
    given = json.loads(message())
    return json.dumps({**given, "tp": {**given["tp"], "s": seconds}})


def test_a_large_send_s_browsers_report_later_and_a_click_is_reported_at_once(
    visitor: Visitor, world: World, running: Worker
) -> None:
    running.evaluate(_SLOW_DRAW)
    visitor.workers.deliver_push(world.scope, spread_message(3))
    visitor.workers.wait_for_notification("Sale")
    assert world.receipts() == []
    click_notification(running, "Sale")
    # What was kept for later goes with it, and is not asked for twice: the server takes each report once.
    visitor.wait_for(lambda: len(world.receipts()) >= 2)
    assert world.receipts()[:2] == [("clicked", TOKEN), ("displayed", TOKEN)]
    visitor.wait_for(lambda: visitor.workers.completed.count("Success") >= 1)
    assert running.evaluate("waits.includes(3000)")
    assert set(world.receipts()) == {("clicked", TOKEN), ("displayed", TOKEN)}


@pytest.mark.parametrize(
    ("given", "milliseconds"),
    [(0.25, 250), (99, 3000), (-1, 0), ("2", 0), (None, 0), ([2], 0), (True, 0), (1e308, 3000)],
)
def test_it_waits_for_no_longer_than_three_seconds_and_only_for_a_number(
    visitor: Visitor, world: World, running: Worker, given: Any, milliseconds: int
) -> None:
    running.evaluate(_SLOW_DRAW)
    visitor.workers.deliver_push(world.scope, spread_message(given))
    visitor.wait_for(lambda: world.receipts() == [("displayed", TOKEN)])
    assert milliseconds in running.evaluate("waits")
    assert [time for time in running.evaluate("waits") if time not in (3000, 4000)] in ([milliseconds], [])


def test_a_report_that_waits_is_not_lost_with_the_worker(
    visitor: Visitor, world: World, running: Worker
) -> None:
    running.evaluate(_SLOW_DRAW)
    visitor.workers.deliver_push(world.scope, spread_message(3))
    visitor.workers.wait_for_notification("Sale")
    visitor.wait_for(lambda: kept(running) == 1)
    visitor.workers.stop_all()
    assert world.receipts() == []
    visitor.workers.deliver_push(world.scope, message(title="Next", token="token-2"))
    visitor.wait_for(lambda: sorted(world.receipts()) == [("displayed", TOKEN), ("displayed", "token-2")])
