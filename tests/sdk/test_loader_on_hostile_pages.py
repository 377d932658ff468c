"""WB-14 and WB-15: pages, browsers and settings that would break a careless script."""

from typing import Any

from tests.e2e.browsers.chromium import set_permission
from tests.sdk.conftest import Visitor
from tests.sdk.server import SDK_PATH, World

STATUS = '<p data-truepush="status"></p>'
BUTTON = '<button data-truepush="subscribe">Get news</button>'
STORAGE_BLOCKED = """for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
  Object.defineProperty(window, name, {get() { throw new DOMException("The request was denied.", "SecurityError"); }});
}"""


def test_wb_15_a_strict_content_security_policy_with_the_documented_additions(
    visitor: Visitor, world: World
) -> None:
    policy = (
        f"default-src 'self'; script-src 'self' {world.sdk}; connect-src {world.sdk}; img-src 'self' data:"
    )
    headers = {"Content-Security-Policy": policy}
    world.worker_headers = headers
    visitor.page.add_init_script(
        "window.refused = [];"
        "addEventListener('securitypolicyviolation', (event) => refused.push(event.violatedDirective));"
    )
    visitor.open(world.page("/", "<script>window.inline = 1</script>", headers=headers))
    bell = visitor.page.locator("truepush-bell button")
    assert bell.evaluate("(button) => getComputedStyle(button).borderRadius") == "50%"
    bell.click()
    visitor.wait_for_state("subscribed")
    # The page's own inline script is what the policy stops, and nothing of ours.
    assert visitor.page.evaluate("[window.inline ?? null, refused]") == [None, ["script-src-elem"]]
    visitor.workers.deliver_push(world.scope, '{"notification": {"title": "Hi"}, "tp": {"v": 1, "t": "csp"}}')
    visitor.wait_for(lambda: world.receipts() == [("displayed", "csp")])


def test_wb_15_blocked_storage(visitor: Visitor, world: World) -> None:
    visitor.page.add_init_script(STORAGE_BLOCKED)
    visitor.open(world.page("/", BUTTON + STATUS + '<a data-truepush="unsubscribe">Stop</a>'))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    visitor.reload()
    assert visitor.state() == "subscribed"
    endpoint = visitor.push.held[world.scope]["endpoint"]
    visitor.page.click("a")
    visitor.wait_for_state("unsubscribed")
    # The capability token is not lost either: this page has asked for it again.
    visitor.wait_for(lambda: len(world.calls(f"{SDK_PATH}/unsubscribe")) == 1)
    [call] = world.calls(f"{SDK_PATH}/unsubscribe")
    assert call.body == {"endpoint": endpoint, "subscriber": f"capability of {endpoint}"}
    assert visitor.uncaught == []


def test_wb_15_no_notification_in_this_browser(visitor: Visitor, world: World) -> None:
    """A tab of Safari on iOS."""
    visitor.page.add_init_script("delete window.Notification; delete window.PushManager;")
    visitor.open(world.page("/", BUTTON + STATUS))
    visitor.page.click("button")
    assert visitor.page.evaluate("api.subscribe()") == "unsupported"
    assert visitor.page.evaluate("api.unsubscribe()") == "unsupported"
    assert visitor.page.text_content("p") == "This browser cannot show notifications from this website."
    assert [one.path for one in world.asked] == [f"{SDK_PATH}/truepush.js"]
    assert (visitor.uncaught, visitor.said) == ([], [])


def test_wb_15_permission_denied(visitor: Visitor, world: World) -> None:
    visitor.page.goto(world.page("/", BUTTON + STATUS))
    set_permission(visitor.page, world.shop, "denied")
    visitor.reload()
    visitor.page.click("button")
    assert visitor.page.evaluate("api.subscribe()") == "blocked"
    assert visitor.page.text_content("p") == (
        "Notifications are blocked. You can allow them in the browser's settings for this website."
    )
    assert (visitor.uncaught, visitor.said) == ([], [])


def test_wb_14_a_name_with_markup_is_text(visitor: Visitor, world: World) -> None:
    name = '"><img src=x onerror="window.hacked = 1">'
    world.settings["name"] = name
    visitor.open(world.shop)
    button = visitor.page.locator("truepush-bell button")
    assert button.get_attribute("aria-label") == f"Notifications from {name}"
    assert visitor.page.evaluate("window.hacked") is None


def test_wb_14_settings_cannot_pollute_prototypes(visitor: Visitor, world: World) -> None:
    pollution = {"__proto__": {"x": 1}, "constructor": {"prototype": {"x": 1}}}
    world.settings |= pollution
    world.settings["worker"] |= pollution
    visitor.open(world.shop)
    visitor.page.locator("truepush-bell button").click()
    visitor.wait_for_state("subscribed")
    assert visitor.page.evaluate("({}).x") is None
    assert visitor.page.evaluate("api.on('__proto__', () => 1) && ({}).x") is None


def test_wb_14_settings_of_the_wrong_types_are_refused(visitor: Visitor, world: World) -> None:
    elsewhere = {"vapid_key": "k", "worker": {"path": "//evil.test/w.js"}}
    all_refused: list[Any] = [[], None, "text", {"vapid_key": 5}, elsewhere]
    for settings in all_refused:
        world.settings = settings
        visitor.open(world.page("/", BUTTON))
        visitor.page.click("button")
        visitor.wait_for_state("error")
    assert visitor.workers.scopes() == []
    assert visitor.uncaught == []


def test_wb_14_messages_between_windows_and_workers_are_ignored(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", BUTTON))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    visitor.page.evaluate("""async () => {
      const registration = await navigator.serviceWorker.getRegistration("/truepush/");
      for (const message of [null, "unsubscribe", {type: "unsubscribe"}, {type: "TRUEPUSH", sdk_url: "//evil.test"}]) {
        window.postMessage(message, "*");
        registration.active.postMessage(message);
      }
    }""")
    visitor.page.wait_for_timeout(100)
    assert visitor.state() == "subscribed"
    # Files may still arrive (the visitor's part is loaded after the state is known); what counts is what is said.
    assert [one.path for one in world.asked if one.method == "POST"] == [f"{SDK_PATH}/subscriptions"]
    assert visitor.uncaught == []


def test_an_element_of_the_page_that_is_called_truepush_is_no_obstacle(
    visitor: Visitor, world: World
) -> None:
    visitor.open(world.page("/", '<form id="truepush"></form>' + BUTTON))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")


def test_a_button_in_a_form_does_not_submit_it(visitor: Visitor, world: World) -> None:
    visitor.open(world.page("/", f'<form action="/elsewhere">{BUTTON}</form>'))
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")
    assert visitor.page.url == f"{world.shop}/"


def test_a_page_that_replaced_everything_still_gets_its_tp_c_removed(visitor: Visitor, world: World) -> None:
    """No push at all in this browser: the click is reported all the same."""
    visitor.page.add_init_script("delete window.Notification;")
    visitor.open(world.shop + "/?tp_c=abc")
    visitor.wait_for(lambda: world.receipts() == [("clicked", "abc")])
    assert visitor.page.url == f"{world.shop}/"
