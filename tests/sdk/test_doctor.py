"""The check that a browser makes of the page it is on: what it says, and what its report keeps to itself."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.browsers.chromium import set_permission
from tests.sdk.conftest import Visitor
from tests.sdk.prompts import allow, move
from tests.sdk.server import SDK_PATH, SITE_KEY, World, part

BUTTON = '<button data-truepush="subscribe">Get news</button>'
REGISTER = "(url) => navigator.serviceWorker.register(url).then(() => navigator.serviceWorker.ready).then(() => true)"
LISTEN = (
    "window.refused = [];"
    "addEventListener('securitypolicyviolation', (event) => refused.push(event.violatedDirective));"
)
STRICT = "default-src 'none'; img-src data:; script-src {sdk}; connect-src {sdk}; worker-src 'self'"
ONESIGNAL = 'importScripts("https://cdn.onesignal.com/sdks/web/v16/OneSignalSDK.sw.js");'


def panel(visitor: Visitor) -> Locator:
    return visitor.page.locator("truepush-doctor section")


def look(visitor: Visitor, world: World, path: str = "/") -> dict[str, str]:
    """Open the page for the check; answers what it found as title: "state: words"."""
    is_there = visitor.page.url.partition("#")[0] == world.shop + path
    visitor.page.goto(f"{world.shop}{path}#truepush-check")
    if is_there:
        visitor.page.reload()
    return read(visitor)


def read(visitor: Visitor) -> dict[str, str]:
    expect(panel(visitor).locator("header p")).not_to_have_text(re.compile("Looking|^$"))
    found = {}
    for item in panel(visitor).locator("li").all():
        texts = [item.locator("p").nth(n).inner_text() for n in range(item.locator("p").count())]
        title = item.locator("h3").inner_text()
        found[title] = ": ".join([item.get_attribute("class") or "", " | ".join(texts)]).removesuffix(": ")
    return found


def subscribe(visitor: Visitor, world: World, body: str = BUTTON, **given: dict[str, str]) -> None:
    visitor.open(world.page("/", body, **given))  # type: ignore[arg-type]
    visitor.page.click("button")
    visitor.wait_for_state("subscribed")


def test_a_page_without_the_mark_asks_for_no_doctor(visitor: Visitor, world: World) -> None:
    visitor.open(f"{world.shop}/#elsewhere")
    assert part("doctor") not in [one.path for one in world.asked]
    assert visitor.page.locator("truepush-doctor").count() == 0


def test_a_good_installation_with_a_strict_policy_is_well_in_every_part(
    visitor: Visitor, world: World
) -> None:
    headers = {"Content-Security-Policy": STRICT.format(sdk=world.sdk)}
    visitor.page.add_init_script(LISTEN)
    subscribe(visitor, world, headers=headers)
    found = look(visitor, world)
    assert found == {
        "The snippet is loaded": f"good: Site key {SITE_KEY}",
        "The settings are read": f"good: Demo shop, from {world.sdk}",
        "The address is registered": f"good: {world.shop}",
        "The page is secure": f"good: {world.shop}",
        "This browser can do push": "good",
        "Notifications are allowed": "good",
        "Storage can be used": "good",
        # Its policy lets nobody read the page's own files, which neither harms nor hides the rest.
        "The worker file could not be read": (
            "unknown: /truepush/worker.js | A policy stops reading it; that does no harm."
        ),
        "Our worker is active": "good: /truepush/worker.js, scope /truepush/",
        "The subscription is of the website's key": f"good: {world.vapid_key}",
        "The server knows the subscription": "good: Told within the hour",
        "No policy stopped anything of ours": "good: Content-Security-Policy violations: none of ours.",
    }
    expect(panel(visitor).locator("header p")).to_have_text("0 problems, 1 to look at")
    assert panel(visitor).evaluate("(panel) => getComputedStyle(panel).borderRadius") == "12px"
    # What it tried itself is all that the policy stopped.
    assert set(visitor.page.evaluate("refused")) == {"connect-src"}
    assert visitor.uncaught == []


def test_where_the_worker_file_can_be_read_all_is_well(visitor: Visitor, world: World) -> None:
    subscribe(visitor, world)
    found = look(visitor, world)
    assert found["The worker file is in its place"] == "good: /truepush/worker.js"
    expect(panel(visitor).locator("header p")).to_have_text("All is well")


def test_a_foreign_root_worker_is_named_by_what_its_file_says(visitor: Visitor, world: World) -> None:
    world.scripts["/sw.js"] = f"if (false) {{ {ONESIGNAL} }} self.addEventListener('fetch', () => {{}});"
    visitor.open(world.shop)
    assert visitor.page.evaluate(REGISTER, "/sw.js")
    found = look(visitor, world)
    assert found["A worker of OneSignal is registered"] == (
        "warning: /sw.js, scope / | Its subscribers can be imported; until then leave its file where it is."
    )
    assert found["Our worker is not registered yet"] == (
        "good: It is with the first subscription in this browser."
    )


def test_a_root_worker_of_the_page_itself_is_no_fault(visitor: Visitor, world: World) -> None:
    visitor.open(world.shop)
    assert visitor.page.evaluate(REGISTER, "/pwa.js")
    found = look(visitor, world)
    assert found["Another worker lives beside ours"] == "good: /pwa.js, scope /"


def test_a_policy_that_stops_calls_names_the_directive_and_the_source(visitor: Visitor, world: World) -> None:
    policy = {"Content-Security-Policy": f"script-src {world.sdk}; connect-src 'self'; worker-src 'none'"}
    world.page("/", BUTTON, headers=policy)
    found = look(visitor, world)
    assert found["The settings could not be read"] == (
        f"problem: Nothing came from {world.sdk}: a policy, a blocker in this browser, or the network. | "
        "Try without extensions; look at the policy below."
    )
    assert found["The Content-Security-Policy stopped a request"] == (
        f"problem: connect-src: {world.sdk}{SDK_PATH}/settings.json | "
        f"Add {world.sdk} to connect-src in the page's Content-Security-Policy."
    )
    assert found["The address was not looked at"] == "unknown: There are no settings to go by."


@pytest.mark.parametrize(
    ("policy", "remedy"),
    [
        ("script-src {}", "Add {} to script-src in the page's Content-Security-Policy."),
        ("script-src-elem {}", "Add {} to script-src-elem in the page's Content-Security-Policy."),
        (
            "default-src {}; connect-src *",
            "Add to the page's Content-Security-Policy: script-src with what default-src has, and {}.",
        ),
    ],
)
def test_a_violation_from_before_the_panel_came_is_in_it_with_what_helps(
    visitor: Visitor, world: World, policy: str, remedy: str
) -> None:
    """What asks is stopped while the loader runs; the panel's own file is allowed by its path."""
    paths = f"{world.sdk}{SDK_PATH}/truepush.js {world.sdk}{part('doctor')}"
    move(world)
    world.page("/", "", headers={"Content-Security-Policy": policy.format(paths)})
    found = look(visitor, world)
    assert found["The Content-Security-Policy stopped a request"] == (
        f"problem: script-src-elem: {world.sdk}{part('ask')} | {remedy.format(world.sdk)}"
    )


def test_a_worker_that_is_stopped_by_a_wider_directive_gets_one_of_its_own(
    visitor: Visitor, world: World
) -> None:
    """'self' in script-src would let every script of the page by."""
    world.page("/", BUTTON, headers={"Content-Security-Policy": f"script-src {world.sdk}"})
    look(visitor, world)
    visitor.page.click("[data-truepush]")
    visitor.page.wait_for_function("truepush.state() === 'error'")
    panel(visitor).get_by_role("button", name="Check again").click()
    assert read(visitor)["The Content-Security-Policy stopped a request"] == (
        f"problem: worker-src: {world.scope}worker.js?k={SITE_KEY} | "
        "Add to the page's Content-Security-Policy: worker-src with what script-src has, and 'self'."
    )


def test_where_hosts_count_for_nothing_a_nonce_is_what_helps(visitor: Visitor, world: World) -> None:
    policy = {"Content-Security-Policy": "script-src 'strict-dynamic' 'nonce-abc'; worker-src 'self'"}
    second = f'<script src="{world.sdk}{SDK_PATH}/truepush.js"></script>'
    snippet = '<script nonce="abc" src="{sdk}/sdk/v1/{key}/truepush.js"></script>' + second
    world.page("/", BUTTON, snippet=snippet, headers=policy)
    assert look(visitor, world)["The Content-Security-Policy stopped a request"] == (
        f"problem: script-src-elem: {world.sdk}{SDK_PATH}/truepush.js | "
        "With 'strict-dynamic' hosts count for nothing: give the snippet's element the page's nonce."
    )


def test_an_address_that_is_not_registered_is_named(visitor: Visitor, world: World) -> None:
    world.is_registered = False
    found = look(visitor, world)
    assert found["This address may not make calls"] == (
        f"problem: {world.shop} is none of the website's addresses. | In the console, edit the website and give "
        f"{world.shop} as its address, or open the right one."
    )


def test_a_permission_that_was_refused_is_a_problem_and_one_not_asked_for_is_none(
    visitor: Visitor, world: World
) -> None:
    move(world)
    assert look(visitor, world)["Nobody was asked yet"] == "good: Subscribe to see the rest."
    visitor.page.add_init_script("Object.defineProperty(Notification, 'permission', {get: () => 'denied'})")
    assert look(visitor, world)["Notifications are blocked"].startswith("problem: The visitor, ")


def test_a_browser_without_push_and_one_without_storage(visitor: Visitor, world: World) -> None:
    visitor.page.add_init_script(
        "delete window.PushManager;"
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('No.', 'SecurityError'); }});"
    )
    found = look(visitor, world)
    assert found["This browser cannot do push here"] == (
        "problem: Missing: the Push API | Use another browser, and no private window."
    )
    assert found["Storage cannot be used"].startswith("warning: SecurityError | ")
    assert visitor.uncaught == []


def test_a_subscription_of_another_key_is_seen(visitor: Visitor, world: World, new_key: object) -> None:
    move(world)
    allow(visitor, world)
    subscribe(visitor, world)
    old = world.vapid_key
    visitor.push.held[world.scope]["key"] = other = "BOther" + old[6:]
    # The page renews it where the permission is there: without it the panel sees what is there.
    set_permission(visitor.page, world.shop, "prompt")
    found = look(visitor, world)
    assert found["The subscription is of another key"] == (
        f"warning: {other}, not {old} | It is renewed with the next page."
    )


@pytest.mark.parametrize("kind", ["missing", "foreign"])
def test_a_worker_file_that_is_not_ours(visitor: Visitor, world: World, kind: str) -> None:
    world.worker_missing = True
    if kind == "foreign":
        world.scripts["/truepush/worker.js"] = ONESIGNAL
    found = look(visitor, world)
    said = {
        "missing": ("There is no worker file", "/truepush/worker.js: 404 text/html"),
        "foreign": (
            "The worker file is not this website's",
            f"/truepush/worker.js does not import {world.sdk}/w/{SITE_KEY}.js",
        ),
    }
    title, words = said[kind]
    assert found[title] == f"problem: {words} | Put the worker file from the console there."


def test_two_snippets_and_another_provider_s(visitor: Visitor, world: World) -> None:
    other = f'<script src="{world.sdk}/sdk/v1/other-key/truepush.js" async></script>'
    provider = '<script src="https://cdn.onesignal.com/sdks/web/v16/OneSignalSDK.page.js" defer></script>'
    visitor.page.route("https://cdn.onesignal.com/**", lambda route: route.fulfill(body=""))
    world.page("/", other + provider)
    found = look(visitor, world)
    assert found["The page has two websites' snippets"].startswith(f"warning: {SITE_KEY}, other-key | ")
    assert found["OneSignal is on the page too"].startswith("warning: Two providers ask the visitor twice.")


def test_the_report_is_copied_and_names_no_endpoint_and_no_secret(visitor: Visitor, world: World) -> None:
    visitor.context.grant_permissions(
        ["notifications", "clipboard-read", "clipboard-write"], origin=world.shop
    )
    subscribe(visitor, world)
    world.page("/page", BUTTON)
    look(visitor, world, "/page?token=secret-of-the-page")
    panel(visitor).get_by_role("button", name="Copy report").click()
    expect(panel(visitor).get_by_role("button", name="Copied")).to_be_visible()
    report = visitor.page.evaluate("navigator.clipboard.readText()")
    held = visitor.push.held[world.scope]
    assert report.splitlines()[:2] == ["Truepush check", f"{world.shop}/page"]
    assert f"[good] The subscription is of the website's key | {world.vapid_key}" in report.splitlines()
    for secret in (held["endpoint"], held["p256dh"], held["auth"], "capability of", "secret-of-the-page"):
        assert secret not in report


def test_without_a_clipboard_the_report_stands_there_selected(visitor: Visitor, world: World) -> None:
    visitor.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    look(visitor, world)
    panel(visitor).get_by_role("button", name="Copy report").click()
    expect(panel(visitor).get_by_label("Report")).to_be_focused()
    assert panel(visitor).get_by_label("Report").input_value().startswith("Truepush check\n")


def test_it_is_closed_by_escape_and_looks_again_on_request(visitor: Visitor, world: World) -> None:
    world.worker_missing = True
    assert "There is no worker file" in look(visitor, world)
    world.worker_missing = False
    panel(visitor).get_by_role("button", name="Check again").click()
    assert "The worker file is in its place" in read(visitor)
    visitor.page.keyboard.press("Escape")
    expect(panel(visitor)).to_have_count(0)
