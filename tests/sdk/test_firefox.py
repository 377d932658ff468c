"""Loader and worker in a real Firefox with its own push manager, from subscribe() to the click, nothing stubbed."""

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.browsers.firefox import Firefox, firefox
from tests.sdk.prompts import prompt
from tests.sdk.push_service import PushService, push_service
from tests.sdk.server import SDK_PATH, Hosts, World
from truepush.lib import base64url
from truepush.lib.webpush.vapid import generate_key_pair

SUBSCRIPTIONS = f"{SDK_PATH}/subscriptions"
# The sandbox hands a browser that forgot its name a new one, as Mozilla does with one it has reset. Firefox would
# otherwise take 5 s to connect again.
FORGET_NAME = """(() => {
  Services.prefs.setIntPref("dom.push.retryBaseInterval", 50);
  Services.prefs.clearUserPref("dom.push.userAgentID");
})()"""


@dataclass
class Subscribed:
    """A Firefox that has subscribed on the website by the yes of its prompt."""

    firefox: Firefox
    world: World
    service: PushService

    @property
    def subscription(self) -> dict[str, Any]:
        """As the server has it."""
        body: dict[str, Any] = self.world.calls(SUBSCRIPTIONS)[-1].body
        return body

    def push(self, payload: bytes) -> None:
        self.service.push(self.subscription, payload)

    def wait_for(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not true():
            assert time.monotonic() < deadline, "not true within 10 s"
            time.sleep(0.02)

    def shown(self) -> list[dict[str, Any]]:
        return self.firefox.notifications("/truepush/")


@pytest.fixture(scope="module")
def visitor(hosts: Hosts) -> Iterator[Subscribed]:
    world = hosts.fresh(base64url.encode(generate_key_pair().public))
    with push_service() as service, firefox(service.url) as browser:
        world.settings["prompts"] = [prompt("box")]
        browser.navigate(world.shop)
        browser.wait_for(
            "document.querySelector('truepush-prompt')?.shadowRoot.querySelector('.allow')?.textContent"
        )
        browser.click("truepush-prompt >>> .allow")
        visitor = Subscribed(browser, world, service)
        visitor.wait_for(lambda: bool(world.calls(SUBSCRIPTIONS)))
        yield visitor
        assert browser.errors == []


def message(title: str, token: str, address: str) -> bytes:
    notification = {
        "title": title,
        "body": "Today",
        "navigate": f"{address}?a=b%20c&tp_c={token}",
        "tag": token,
    }
    return json.dumps({"web_push": 8030, "notification": notification, "tp": {"v": 1, "t": token}}).encode()


def test_it_subscribes_at_its_own_push_service(visitor: Subscribed) -> None:
    [call] = visitor.world.calls(SUBSCRIPTIONS)
    assert call.body["endpoint"].startswith("https://localhost:9/push/")
    assert [len(base64url.decode(call.body["keys"][name])) for name in ("p256dh", "auth")] == [65, 16]
    assert call.headers["origin"] == visitor.world.shop
    assert "cookie" not in call.headers


def test_a_push_is_decrypted_shown_clicked_and_reported(visitor: Subscribed) -> None:
    offer = visitor.world.page("/offer", snippet="")
    visitor.push(message("Sale", "token-1", offer))
    visitor.wait_for(lambda: visitor.world.receipts() == [("displayed", "token-1")])
    [shown] = visitor.shown()
    assert (shown["title"], shown["body"], shown["tag"]) == ("Sale", "Today", "token-1")
    visitor.firefox.click_alert("Sale")
    tab = visitor.firefox.wait_for_tab("/offer")
    assert tab.url == f"{offer}?a=b%20c"
    visitor.wait_for(lambda: len(visitor.world.receipts()) >= 2)
    assert visitor.world.receipts() == [("displayed", "token-1"), ("clicked", "token-1")]
    assert visitor.shown() == []


def test_wb_11_bytes_that_are_no_message_show_one_notification_each(visitor: Subscribed) -> None:
    draw = random.Random(11)
    odd = [b"", b"\x00", b"\xff\xfe\xfd", b"{", b"null", b"[1]", b'{"notification": 5}', draw.randbytes(3993)]
    for number, payload in enumerate(odd, start=1):
        visitor.push(payload)
        visitor.wait_for(lambda: len(visitor.shown()) == number)  # noqa: B023
    assert {shown["title"] for shown in visitor.shown()} == {"Demo shop"}


def test_a_browser_that_was_reset_subscribes_anew_and_names_its_old_endpoint(visitor: Subscribed) -> None:
    """pushsubscriptionchange, which in Firefox carries neither the old nor the new subscription."""
    before = visitor.subscription
    visitor.push(message("Before", "token-2", visitor.world.shop))
    visitor.wait_for(lambda: ("displayed", "token-2") in visitor.world.receipts())
    visitor.firefox.system(FORGET_NAME)
    visitor.wait_for(lambda: visitor.subscription["endpoint"] != before["endpoint"])
    assert visitor.subscription["old_endpoint"] == before["endpoint"]
    assert visitor.world.calls(SUBSCRIPTIONS)[-1].headers["origin"] == visitor.world.shop
    visitor.push(message("Again", "token-3", visitor.world.shop))
    visitor.wait_for(lambda: ("displayed", "token-3") in visitor.world.receipts())
    # Firefox has long said "closed" of what was clicked, too; the worker does not pass that on.
    assert ("closed", "token-1") not in visitor.world.receipts()
