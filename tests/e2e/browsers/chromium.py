"""A real Chromium, headless, through Playwright. Its push manager cannot work without its vendor's push service, so
a page is handed subscriptions that the test makes; pushes are delivered to the worker through DevTools.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Worker, sync_playwright

_BINARIES = "chromium", "chromium-browser"
_MISSING = "Chromium is missing and this test needs the real one. Install it: apt-get install chromium"
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_WAIT_MS = 10_000
_STEP_MS = 20

_PUSH_MANAGER = """(() => {
  const ask = (...words) => window.truepushTestPush(...words);
  const encode = (key) => typeof key === "string" ? key.replace(/=+$/, "")
    : btoa(String.fromCharCode(...new Uint8Array(key.buffer ?? key)))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const decode = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0)).buffer;
  const subscription = (scope, held) => held && {
    endpoint: held.endpoint,
    expirationTime: null,
    options: {userVisibleOnly: true, applicationServerKey: decode(held.key)},
    toJSON: () => ({endpoint: held.endpoint, expirationTime: null, keys: {p256dh: held.p256dh, auth: held.auth}}),
    unsubscribe: () => ask("unsubscribe", scope, ""),
  };
  const managerOf = (registration) => ({
    getSubscription: async () => subscription(registration.scope, await ask("get", registration.scope, "")),
    subscribe: async ({userVisibleOnly, applicationServerKey}) => {
      if (Notification.permission !== "granted" || !userVisibleOnly) {
        throw new DOMException("Registration failed - permission denied", "NotAllowedError");
      }
      if (!registration.active) {
        throw new DOMException("Subscription failed - no active Service Worker", "AbortError");
      }
      const held = await ask("subscribe", registration.scope, encode(applicationServerKey));
      if (!held) {
        throw new DOMException("Registration failed - push service error", "AbortError");
      }
      if (held.key !== encode(applicationServerKey)) {
        throw new DOMException("Registration failed - another key is in use", "InvalidStateError");
      }
      return subscription(registration.scope, held);
    },
  });
  Object.defineProperty(ServiceWorkerRegistration.prototype, "pushManager", {get() { return managerOf(this); }});
})();"""

_NOTIFICATIONS = """async (scope) => (await (await navigator.serviceWorker.getRegistration(scope)).getNotifications())
  .map(({title, body, icon, tag, data}) => ({title, body, icon, tag, data}))"""

# Events made by script cannot be extended, so their waitUntil is one that lets the test wait.
_ACT = """async ([type, title, action]) => {
  const seen = {opened: [], focused: []};
  self.clients.openWindow = async (url) => { seen.opened.push(url); return null; };
  WindowClient.prototype.focus = async function () { seen.focused.push(this.url); return this; };
  const notification = (await self.registration.getNotifications()).find((shown) => shown.title === title);
  const event = new NotificationEvent(type, {notification, action});
  const work = [];
  event.waitUntil = (promise) => work.push(promise);
  self.dispatchEvent(event);
  await Promise.all(work);
  return seen;
}"""


@dataclass(frozen=True, slots=True)
class Subscription:
    """p256dh and auth are base64url without padding."""

    endpoint: str
    p256dh: str
    auth: str


@dataclass(frozen=True, slots=True)
class Acted:
    """What the worker did with a click: addresses it opened, and of tabs it brought to the front."""

    opened: list[str]
    focused: list[str]


@contextmanager
def chromium() -> Iterator[Browser]:
    """While it runs, this thread counts as inside an event loop: no Django ORM beside it."""
    binary = next(filter(None, map(shutil.which, _BINARIES)), None)
    if binary is None:
        pytest.fail(_MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, headless=True, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class PushManager:
    """Stands where Chromium's push manager would, in every page of a context. `make` is called on the test's side
    with the application server key (base64url) and answers with a new subscription. `held` is what the browser
    has, by scope address: endpoint, p256dh, auth and key."""

    def __init__(self, context: BrowserContext, make: Callable[[str], Subscription]) -> None:
        self.context = context
        self._make = make
        self.reset()
        context.expose_binding("truepushTestPush", self._answer)
        context.add_init_script(_PUSH_MANAGER)

    def reset(self) -> None:
        self.held: dict[str, dict[str, str]] = {}
        self.made = 0
        self.reachable = True

    def _answer(self, _source: object, verb: str, scope: str, key: str) -> dict[str, str] | bool | None:
        if verb == "unsubscribe":
            return self.held.pop(scope, None) is not None
        if verb == "subscribe" and scope not in self.held:
            if not self.reachable:
                return None
            made = self._make(key)
            self.made += 1
            self.held[scope] = {
                "endpoint": made.endpoint,
                "p256dh": made.p256dh,
                "auth": made.auth,
                "key": key,
            }
        return self.held.get(scope)


class ServiceWorkers:
    """The service workers a page's browser context knows, by scope address, and the browser's own book of what
    they did: `displayed` has the titles of notifications, `completed` how each push event ended ("Success").
    """

    def __init__(self, page: Page) -> None:
        self.displayed: list[str] = []
        self.completed: list[str] = []
        self._page = page
        self._registrations: dict[str, str] = {}
        self._devtools: CDPSession = page.context.new_cdp_session(page)
        self._devtools.on("ServiceWorker.workerRegistrationUpdated", self._note_registrations)
        self._devtools.on("BackgroundService.backgroundServiceEventReceived", self._note_event)
        self._devtools.send("ServiceWorker.enable")
        for service in ("notifications", "pushMessaging"):
            self._devtools.send("BackgroundService.startObserving", {"service": service})
            self._devtools.send("BackgroundService.setRecording", {"service": service, "shouldRecord": True})

    def deliver_push(self, scope: str, data: str) -> None:
        """Fires the push event, in a worker that is woken for it if it has stopped."""
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(scope))
        delivery = {"origin": origin, "registrationId": self._registration(scope), "data": data}
        self._devtools.send("ServiceWorker.deliverPushMessage", delivery)

    def wait_for_notification(self, title: str) -> None:
        """Until it is on the screen. Asking the page instead would race: Chromium takes what it finds stored but
        not yet displayed for closed, and deletes it."""
        for _ in range(_WAIT_MS // _STEP_MS):
            if title in self.displayed:
                return
            self._page.wait_for_timeout(_STEP_MS)
        raise AssertionError(f"no notification {title!r}, only {self.displayed}; pushes: {self.completed}")

    def stop_all(self) -> None:
        self._devtools.send("ServiceWorker.stopAllWorkers")

    def forget(self, origin: str) -> None:
        """Everything this origin has left in the browser: workers, notifications, storage."""
        self.stop_all()
        self._devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})

    def scopes(self) -> list[str]:
        return sorted(self._registrations)

    def _registration(self, scope: str) -> str:
        for _ in range(_WAIT_MS // _STEP_MS):
            if scope in self._registrations:
                return self._registrations[scope]
            self._page.wait_for_timeout(_STEP_MS)
        raise AssertionError(f"no worker at {scope}, only at {self.scopes()}")

    def _note_event(self, message: dict[str, Any]) -> None:
        event = message["backgroundServiceEvent"]
        details = {one["key"]: one["value"] for one in event["eventMetadata"]}
        if event["eventName"] == "Notification displayed":
            self.displayed.append(details["Title"])
        elif event["eventName"] == "Push event completed":
            self.completed.append(details["Status"])

    def _note_registrations(self, event: dict[str, Any]) -> None:
        for registration in event["registrations"]:
            if registration["isDeleted"]:
                self._registrations.pop(registration["scopeURL"], None)
            else:
                self._registrations[registration["scopeURL"]] = registration["registrationId"]


def set_permission(page: Page, origin: str, setting: str) -> None:
    """Notifications of this origin become "granted", "denied" or "prompt", for pages that are open too."""
    devtools = page.context.new_cdp_session(page)
    target = devtools.send("Target.getTargetInfo")["targetInfo"]
    wanted = {"permission": {"name": "notifications"}, "setting": setting, "origin": origin}
    devtools.send("Browser.setPermission", wanted | {"browserContextId": target["browserContextId"]})
    devtools.detach()


def worker(page: Page, url_part: str) -> Worker:
    """The running service worker whose script address contains this."""
    for _ in range(_WAIT_MS // _STEP_MS):
        found = [one for one in page.context.service_workers if url_part in one.url]
        if found:
            return found[-1]
        page.wait_for_timeout(_STEP_MS)
    raise AssertionError(f"no worker {url_part}, only {[one.url for one in page.context.service_workers]}")


def notifications(page: Page, scope: str) -> list[dict[str, Any]]:
    """What the registration of this scope shows (title, body, icon, tag, data); the page is on its origin."""
    shown: list[dict[str, Any]] = page.evaluate(_NOTIFICATIONS, scope)
    return shown


def click_notification(running: Worker, title: str, action: str = "") -> Acted:
    """Click the notification itself, or one of its buttons."""
    return Acted(**running.evaluate(_ACT, ["notificationclick", title, action]))


def close_notification(running: Worker, title: str) -> Acted:
    """As if the visitor had swept it away."""
    return Acted(**running.evaluate(_ACT, ["notificationclose", title, ""]))
