from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, WebError

from tests.e2e.browsers.chromium import PushManager, ServiceWorkers, Subscription, chromium
from tests.sdk.server import SITE_KEY, Hosts, World, serve
from truepush.lib import base64url
from truepush.lib.webpush.vapid import generate_key_pair
from truepush.local.sandbox.subscriptions import Behaviour, make_subscription

_SEED = bytes(range(32))
_LOADED = """() => {
  const loaded = window.truepush && !Array.isArray(window.truepush);
  loaded && truepush.push((api) => (window.api = api));
  const idle = loaded && ["unsupported", "blocked"].includes(api.state());
  return idle || performance.getEntriesByType("resource").some(({name}) => name.endsWith("/settings.json"));
}"""
_AT_REST = """async (name) => {
  await new Promise((resolve) => setTimeout(resolve, 30));
  await navigator.locks.request(name, () => {}); // what the loader does at a page view, it does under this lock
}"""


@dataclass
class Visitor:
    """A browser with nothing in it yet, allowed to show notifications of the website."""

    context: BrowserContext
    page: Page
    push: PushManager
    workers: ServiceWorkers
    uncaught: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        """Goes there and lets the loader come to rest."""
        self.page.goto(url)
        self.settle()

    def reload(self) -> None:
        self.page.reload()
        self.settle()

    def settle(self) -> None:
        self.page.wait_for_function(_LOADED, timeout=5000)
        self.page.evaluate(_AT_REST, f"truepush:{SITE_KEY}")

    def state(self) -> str:
        state: str = self.page.evaluate("api.state()")
        return state

    def wait_for(self, true: Callable[[], bool]) -> None:
        for _ in range(250):
            if true():
                return
            self.page.wait_for_timeout(20)
        raise AssertionError("not true within 5 s")

    def wait_for_state(self, state: str) -> None:
        self.page.wait_for_function("(state) => api.state() === state", arg=state, timeout=5000)


@pytest.fixture(scope="package")
def hosts() -> Iterator[Hosts]:
    with serve() as running:
        yield running


@pytest.fixture(scope="package")
def push(hosts: Hosts, django_db_setup: None) -> Iterator[PushManager]:
    """One Chromium and one context for all: a context of its own would cost every test 0.5 s of processor time.

    The test database is made before it: Playwright's event loop forbids that to Django.
    """
    numbers = count(1)

    def make(key: str) -> Subscription:
        made = make_subscription(
            _SEED,
            "https://localhost:9",
            next(numbers),
            application_server_key=base64url.decode(key),
            behaviour=Behaviour(),
        )
        return Subscription(made.endpoint, base64url.encode(made.p256dh), base64url.encode(made.auth))

    with chromium() as browser:
        yield PushManager(browser.new_context(), make)


@pytest.fixture
def new_key() -> Callable[[], str]:
    return lambda: base64url.encode(generate_key_pair().public)


@pytest.fixture
def world(hosts: Hosts, new_key: Callable[[], str]) -> Iterator[World]:
    fresh = hosts.fresh(new_key())
    yield fresh
    fresh.released.set()


@pytest.fixture
def visitor(push: PushManager, world: World) -> Iterator[Visitor]:
    context = push.context
    context.clear_permissions()
    context.grant_permissions(["notifications"], origin=world.shop)
    push.reset()
    page = context.new_page()
    for earlier in context.pages[:-1]:
        earlier.close()
    visitor = Visitor(context, page, push, ServiceWorkers(page))

    def note_error(error: WebError) -> None:
        visitor.uncaught.append(str(error.error))

    def note_said(message: ConsoleMessage) -> None:
        visitor.said.append(f"{message.type}: {message.text}")

    context.on("weberror", note_error)
    context.on("console", note_said)
    yield visitor
    context.remove_listener("weberror", note_error)
    context.remove_listener("console", note_said)
    # The next test's page is a new one: what a test adds to run before the website's own scripts goes with its page.
    page.goto("about:blank")
    visitor.workers.forget(world.shop)
    visitor.wait_for(lambda: not context.service_workers)
