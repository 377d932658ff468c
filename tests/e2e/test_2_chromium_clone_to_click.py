"""The same path in a real Chromium. Its push manager needs its vendor's service, so the page is handed a subscription
of the sandbox, and what the sandbox decrypted is given to the service worker through DevTools.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.browsers.chromium import (
    PushManager,
    ServiceWorkers,
    Subscription,
    chromium,
    click_notification,
    notifications,
    worker,
)
from tests.e2e.installation import Installation

TITLE, BODY = "Smoked tea is back", "Only until the boat sails."
PASSWORD = "correct horse battery staple"
PLAIN_TEXT_SECONDS = 15.0
SETTLED_MS = 500
expect.set_options(timeout=15_000)


@pytest.fixture
def context(truepush: Installation) -> Iterator[BrowserContext]:
    with chromium() as browser:
        made = browser.new_context(viewport={"width": 1280, "height": 900})
        made.set_default_timeout(15_000)
        yield made
        made.close()


def subscription_of(truepush: Installation, key: str) -> Subscription:
    made = truepush.ask_sandbox("/subscriptions", {"application_server_key": key})
    return Subscription(made["endpoint"], made["keys"]["p256dh"], made["keys"]["auth"])


def decrypted(truepush: Installation, held: dict[str, str]) -> str:
    """Wait for the newest message of a subscription and answer its plaintext."""
    token = held["endpoint"].rpartition("/")[2]
    deadline = time.monotonic() + PLAIN_TEXT_SECONDS
    while time.monotonic() < deadline:
        messages = truepush.ask_sandbox(f"/control/messages?subscription={token}")["messages"]
        if messages:
            return str(messages[-1]["payload"])
        time.sleep(0.1)
    raise AssertionError(f"the sandbox got no message; it counts {truepush.ask_sandbox('/control/counts')}")


@pytest.mark.timeout(120)
def test_chromium_from_sign_up_to_a_counted_click(truepush: Installation, context: BrowserContext) -> None:
    page, errors = context.new_page(), list[str]()
    push = PushManager(context, lambda key: subscription_of(truepush, key))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    sign_up(page, truepush)
    key = add_the_shop(page, truepush)
    shop = subscribe_at_the_shop(context, truepush, key)
    expect(page.locator("#waiting.is-done")).to_contain_text("1 subscriber: the website is connected")
    workers = ServiceWorkers(shop)
    compose(page, truepush)
    try_on_this_browser(page, truepush, push, key)
    page.get_by_role("button", name="Send to 1 subscriber").click()
    page.locator("#send-dialog").get_by_role("button", name="Send now").click()
    expect(figure(page, "Accepted")).to_have_text("1")
    scope = f"{truepush.shop}/truepush/"
    (shown,) = show(workers, shop, scope, decrypted(truepush, push.held[scope]))
    assert (shown["title"], shown["body"], shown["tag"][:3]) == (TITLE, BODY, "tp-")
    expect(figure(page, "Displayed")).to_have_text("1")
    send_again(page)
    acted = click_notification(worker(shop, f"{truepush.shop}/truepush/worker.js"), TITLE)
    assert acted.opened == [f"{truepush.shop}/new-arrivals"]
    expect(figure(page, "Clicked")).to_have_text("1")
    page.reload()
    expect(page.locator(".resend")).to_contain_text("Nobody is left to send it to")
    assert errors == []


def send_again(page: Page) -> None:
    """It asks first, and goes to those who were chosen; then back to the first report."""
    first = page.url
    page.reload()
    again = page.locator(".resend")
    expect(again.get_by_label("Who did not get it")).to_be_disabled()
    expect(again.get_by_label("Not clicked, about 1")).to_be_checked()
    again.get_by_label("Hours since its end").fill("0")
    again.get_by_role("button", name="Send again").click()
    dialog = page.locator("#resend-dialog")
    dialog.get_by_role("button", name="Not yet").click()
    expect(dialog).to_be_hidden()
    assert page.url == first
    again.get_by_role("button", name="Send again").click()
    dialog.get_by_role("button", name="Send again").click()
    expect(page).not_to_have_url(first)
    expect(figure(page, "Accepted")).to_have_text("1")
    page.goto(first)


def show(workers: ServiceWorkers, page: Page, scope: str, data: str) -> list[dict[str, Any]]:
    """Push to the worker and answer what the browser shows.

    Chromium drops a notification that is asked for in the moment between its storing and its display. Then the same
    push comes again, as a push service may do it: it has the same tag and the same token, so it shows and counts once.
    """
    for _ in range(3):
        workers.deliver_push(scope, data)
        workers.wait_for_notification(TITLE)
        page.wait_for_timeout(SETTLED_MS)
        if shown := notifications(page, scope):
            return shown
    raise AssertionError(f"Chromium shows nothing at {scope}; pushes ended with {workers.completed}")


def sign_up(page: Page, truepush: Installation) -> None:
    page.goto(f"{truepush.base}/sign-up/")
    page.get_by_label("Workspace name").fill("Harbour Café")
    page.get_by_label("Email").fill("bo@harbour.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create workspace").click()
    page.wait_for_url(f"{truepush.console('harbour-cafe')}/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def add_the_shop(page: Page, truepush: Installation) -> str:
    page.goto(f"{truepush.console('harbour-cafe')}/sites/new/")
    page.get_by_label("Name", exact=True).fill("The shop")
    page.get_by_label("Address", exact=True).fill(f"{truepush.shop}/new-arrivals")  # cut down to the origin
    page.get_by_role("button", name="Add website").click()
    expect(page.locator("#waiting")).to_contain_text("Waiting for your first subscriber")
    found = re.search(r"/sdk/v1/([^/]+)/truepush\.js", page.inner_text("main"))
    assert found
    return found[1]


def subscribe_at_the_shop(context: BrowserContext, truepush: Installation, key: str) -> Page:
    context.grant_permissions(["notifications"], origin=truepush.shop)
    shop = context.new_page()
    shop.goto(f"{truepush.shop}/?site={key}")
    button = shop.locator("[data-truepush=subscribe]")
    expect(button).to_have_attribute("data-truepush-state", "unsubscribed")
    button.click()
    expect(button).to_have_attribute("data-truepush-state", "subscribed")
    return shop


def compose(page: Page, truepush: Installation) -> None:
    page.locator("#waiting a").click()
    page.locator("[name=title]").fill(TITLE)
    page.locator("[name=body]").fill(BODY)
    page.locator("[name=url]").fill(f"{truepush.shop}/new-arrivals")
    # CR-08: what Firefox on Android does not take is said while it is written.
    note = page.locator("[data-size-note]")
    expect(note).to_be_empty()
    page.locator("[name=body]").fill("\N{TEACUP WITHOUT HANDLE}" * 650)
    expect(note).to_contain_text("Firefox on Android takes")
    page.locator("[name=body]").fill("\N{TEACUP WITHOUT HANDLE}" * 1000)
    expect(page.locator("[data-size-problem]")).to_contain_text("Too long by")
    expect(note).to_be_empty()
    page.locator("[name=body]").fill(BODY)
    expect(page.locator("[data-preview=title]")).to_have_text(TITLE)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Send to my browser")).to_be_visible()


def try_on_this_browser(page: Page, truepush: Installation, push: PushManager, key: str) -> None:
    """ "Send to my browser" goes through the real pipeline to the console's own worker."""
    console = truepush.console("harbour-cafe")
    page.context.grant_permissions(["notifications"], origin=console)
    page.get_by_role("button", name="Send to my browser").click()
    expect(page.locator("main, .messages")).to_contain_text("Sent to this browser")
    scope = f"{console}/test-device/{key}/"
    workers = ServiceWorkers(page)
    shown = show(workers, page, scope, decrypted(truepush, push.held[scope]))
    assert [notification["body"] for notification in shown] == [BODY]


def figure(page: Page, name: str) -> Any:
    """The number of the report that stands under this label."""
    return page.locator(".stat", has=page.get_by_text(name, exact=True)).locator(".stat-value")
