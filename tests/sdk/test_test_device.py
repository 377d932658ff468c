"""The console's "send to my browser" button: every way it can go wrong is said in words beside it."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browsers.chromium import set_permission
from tests.sdk.conftest import Visitor
from tests.sdk.server import World

CONSOLE = """<form id="test" action="/sent"><input name="title" required value="Sale"></form>
<div><button type="button" data-test-device data-worker="/truepush/worker.js" data-scope="/truepush/"
  data-vapid-key="{key}" data-subscribe-url="/sites/1/test-device/" data-csrf="csrf-token"
  data-send-form="#test">Send to my browser</button><p data-test-device-status role="status"></p></div>
<script src="/test-device.js"></script>"""


@pytest.fixture
def console(visitor: Visitor, world: World) -> Visitor:
    """The console's page, in a browser that may show its notifications."""
    world.page("/sent", snippet="")
    visitor.page.goto(world.page("/compose", CONSOLE.format(key=world.vapid_key), snippet=""))
    return visitor


def press(console: Visitor) -> None:
    console.page.click("[data-test-device]")


def expect_said(console: Visitor, part: str) -> None:
    expect(console.page.locator("[data-test-device-status]")).to_contain_text(part)
    expect(console.page.locator("[data-test-device]")).to_be_enabled()


def test_the_browser_is_connected_and_the_form_is_sent(console: Visitor, world: World) -> None:
    press(console)
    console.page.wait_for_url("**/sent?title=Sale")
    held = console.push.held[world.scope]
    [call] = world.calls("/sites/1/test-device/")
    assert call.body == {
        "endpoint": held["endpoint"],
        "keys": {"p256dh": held["p256dh"], "auth": held["auth"]},
    }
    assert (call.headers["x-csrftoken"], call.headers["content-type"]) == ("csrf-token", "application/json")
    assert held["key"] == world.vapid_key
    console.page.go_back()
    press(console)
    console.page.wait_for_url("**/sent?title=Sale")
    assert (console.push.made, len(world.calls("/sites/1/test-device/"))) == (1, 2)


def test_a_site_with_a_new_key_gets_a_new_subscription(console: Visitor, world: World) -> None:
    press(console)
    console.page.wait_for_url("**/sent?title=Sale")
    console.push.held[world.scope]["key"] = console.push.held[world.scope]["key"][::-1]
    console.page.go_back()
    press(console)
    console.page.wait_for_url("**/sent?title=Sale")
    assert (console.push.made, console.push.held[world.scope]["key"]) == (2, world.vapid_key)


def test_blocked_permission(console: Visitor, world: World) -> None:
    set_permission(console.page, world.shop, "denied")
    press(console)
    expect_said(console, "Notifications from localhost are blocked in this browser. Allow them with the icon")
    assert console.page.url.endswith("/compose")
    assert world.calls("/sites/1/test-device/") == []


def test_a_browser_without_push(console: Visitor) -> None:
    console.page.evaluate("delete window.PushManager")
    press(console)
    expect_said(console, "Open this page in a normal window of Chrome, Edge, Firefox or Safari 16")


def test_a_push_service_out_of_reach(console: Visitor) -> None:
    console.push.reachable = False
    press(console)
    expect_said(console, "This browser could not reach its push service. Check the internet connection")


def test_a_worker_that_is_not_there(console: Visitor, world: World) -> None:
    world.worker_missing = True
    press(console)
    expect_said(console, "This browser did not accept the test worker. Reload the page")


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (403, "<html>", "Your session may have ended. Reload the page, sign in if asked"),
        (500, "<html>", "Truepush answered with error 500. Press the button again in a minute."),
        (
            400,
            '{"error": {"code": "endpoint", "message": "The endpoint is of no push service we know.", "field": ""}}',
            "Truepush did not accept this browser: The endpoint is of no push service we know.",
        ),
    ],
)
def test_an_answer_of_the_server_that_is_no_yes(
    console: Visitor, world: World, status: int, answer: str, said: str
) -> None:
    world.device_answer = (status, answer)
    press(console)
    expect_said(console, said)
    assert console.page.url.endswith("/compose")


def test_a_server_out_of_reach(console: Visitor) -> None:
    console.page.route("**/test-device/", lambda route: route.abort())
    press(console)
    expect_said(console, "Truepush could not be reached. Check the connection")


def test_an_incomplete_message_is_not_worth_asking_for(console: Visitor, world: World) -> None:
    console.page.fill("input", "")
    press(console)
    expect_said(console, "Complete the marked fields first")
    assert console.workers.scopes() == []
