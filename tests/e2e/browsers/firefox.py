"""A real Firefox, headless, driven over WebDriver BiDi: its own push manager, its own alerts, nothing stubbed.

Its push service is whatever speaks the push WebSocket protocol at `push_url` (`Browsers` of the sandbox). Firefox
itself opens no connection to an endpoint, so it needs to trust no certificate of ours.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

_BINARIES = "firefox-esr", "firefox"
_MISSING = "Firefox is missing and this test needs the real one. Install it: apt-get install firefox-esr"
_START_SECONDS = 30
_ANSWER_SECONDS = 30
_PERMISSION_GRANTED = 1
_CONTROL = "\ue009"

_QUIET: Mapping[str, object] = {
    # What a fresh profile would otherwise fetch from outside, or put in front of the page.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.discovery.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "browser.topsites.contile.enabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "signon.rememberSignons": False,
    "termsofuse.bypassNotification": True,
    "toolkit.telemetry.server": "",
    "toolkit.telemetry.unified": False,
}

_FIND = """
const find = (selector) => selector.split(" >>> ").reduce(
  (root, part) => (root.shadowRoot ?? root).querySelector(part), document);
"""
_PLACE_OF = """((selector) => {
  %s
  const element = find(selector);
  element.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
  const box = element.getBoundingClientRect();
  const place = {x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2)};
  const hit = element.getRootNode().elementFromPoint(place.x, place.y);
  const free = hit && (element.contains(hit) || hit.contains(element));
  return {...place, covered: free ? "" : hit ? hit.outerHTML.slice(0, 200) : "nothing: it is not on the page"};
})(%s)"""
_NOTIFICATIONS = """navigator.serviceWorker.getRegistration(%s).then((registration) => registration.getNotifications())
  .then((shown) => shown.map(({title, body, icon, tag, data}) => ({title, body, icon, tag, data})))"""
_ALERT_WINDOWS = "[...Services.wm.getEnumerator('alert:alert')]"
_ALERT_TITLE = "window.document.getElementById('alertTitleLabel').getAttribute('value')"


class BrowserError(Exception):
    """Firefox refused a command, or an expression threw."""


@dataclass(frozen=True, slots=True)
class Tab:
    context: str
    url: str


@contextmanager
def firefox(push_url: str) -> Iterator["Firefox"]:
    """A fresh profile for the time of the block; `push_url` is ws://127.0.0.1:PORT/."""
    binary = next(filter(None, map(shutil.which, _BINARIES)), None)
    if binary is None:
        pytest.fail(_MISSING)
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as home:
        profile = Path(home, "profile")
        profile.mkdir()
        profile.joinpath("user.js").write_text(_preferences(push_url))
        with _running(binary, profile) as address, connect(f"{address}/session", max_size=None) as socket:
            yield Firefox(socket)


def _preferences(push_url: str) -> str:
    values = {
        **_QUIET,
        "dom.push.enabled": True,
        "dom.push.connection.enabled": True,
        "dom.push.serverURL": push_url,
        "dom.push.testing.allowInsecureServerURL": True,
        "permissions.default.desktop-notification": _PERMISSION_GRANTED,
        "dom.webnotifications.requireuserinteraction": False,
        "alerts.useSystemBackend": False,
    }
    return "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in values.items())


@contextmanager
def _running(binary: str, profile: Path) -> Iterator[str]:
    """The address of its BiDi server. Its home is the profile's parent: as root it refuses someone else's."""
    command = [binary, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    # Alerts are windows of the browser's own; only with system access can they be seen and clicked.
    command += ["--remote-allow-system-access", "about:blank"]
    environment = {**os.environ, "HOME": str(profile.parent)}
    log = profile.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        yield _bidi_address(profile, process, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _bidi_address(profile: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    announcement = profile / "WebDriverBiDiServer.json"
    while time.monotonic() < deadline and process.poll() is None:
        if announcement.exists() and (text := announcement.read_text()).rstrip().endswith("}"):
            server = json.loads(text)
            return f"ws://{server['ws_host']}:{server['ws_port']}"
        time.sleep(0.02)
    pytest.fail(f"Firefox did not start within {_START_SECONDS} s: {log.read_text(errors='replace')[-2000:]}")


class Firefox:
    """One window. Commands go to the current tab; `use` changes which that is."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._commands = 0
        self.errors: list[str] = []
        self._command("session.new", capabilities={})
        self._command("session.subscribe", events=["log.entryAdded"])
        self._chrome = str(
            self._command("browsingContext.getTree", **{"moz:scope": "chrome"})["contexts"][0]["context"]
        )
        self._context = self.tabs()[0].context

    # --- Pages

    def navigate(self, url: str) -> None:
        self._command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def reload(self) -> None:
        self._command("browsingContext.reload", context=self._context, wait="complete")

    def tabs(self) -> list[Tab]:
        tree = self._command("browsingContext.getTree", maxDepth=0)
        return [Tab(one["context"], one["url"]) for one in tree["contexts"]]

    def use(self, tab: Tab) -> None:
        self._context = tab.context
        self._command("browsingContext.activate", context=tab.context)

    def wait_for_tab(self, url_part: str, *, seconds: float = 10) -> Tab:
        deadline = time.monotonic() + seconds
        while True:
            tabs = self.tabs()
            found = [tab for tab in tabs if url_part in tab.url]
            if found:
                return found[0]
            if time.monotonic() > deadline:
                raise BrowserError(
                    f"no tab at {url_part} after {seconds} s, only {[tab.url for tab in tabs]}"
                )
            time.sleep(0.05)

    def viewport(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        self._command("browsingContext.setViewport", context=self._context, viewport=size)

    def screenshot(self, path: Path) -> None:
        shot = self._command("browsingContext.captureScreenshot", context=self._context)
        path.write_bytes(base64.b64decode(shot["data"]))

    # --- What a page says

    def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression, awaited."""
        return self._evaluate(expression, self._context)

    def wait_for(self, expression: str, *, seconds: float = 10) -> Any:
        """The first true value of the expression; a page on its way to another counts as not yet."""
        deadline = time.monotonic() + seconds
        last: object = None
        while time.monotonic() < deadline:
            try:
                last = self.evaluate(expression)
            except BrowserError as error:
                last = error
            else:
                if last:
                    return last
            time.sleep(0.05)
        raise BrowserError(f"{expression} was not true within {seconds} s; last: {last!r}")

    # --- What a person does. A selector may reach into shadow roots: "truepush-bell >>> button".

    def click(self, selector: str) -> None:
        place = self.evaluate(_PLACE_OF % (_FIND, json.dumps(selector)))
        if place["covered"]:
            raise BrowserError(f"{selector} cannot be clicked, covered by {place['covered']}")
        moves = [
            {"type": "pointerMove", "x": place["x"], "y": place["y"]},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": moves})

    def type(self, selector: str, text: str) -> None:
        """Replaces what is in the field."""
        self.click(selector)
        strokes = [_down(_CONTROL), _down("a"), _up("a"), _up(_CONTROL)]
        for character in text:
            strokes += [_down(character), _up(character)]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def choose(self, selector: str, value: str) -> None:
        """An option of a <select>, by its value."""
        self.evaluate(
            f"(() => {{ {_FIND} const field = find({json.dumps(selector)}); field.value = {json.dumps(value)};"
            " field.dispatchEvent(new Event('change', {bubbles: true})); return field.value; })()"
        )

    # --- Notifications

    def notifications(self, scope: str) -> list[dict[str, Any]]:
        """What the registration of this scope shows (title, body, icon, tag, data); the tab is on its origin."""
        return list(self.evaluate(_NOTIFICATIONS % json.dumps(scope)))

    def alerts(self) -> list[str]:
        """The titles of the alerts on the screen."""
        return list(self.system(f"{_ALERT_WINDOWS}.map((window) => {_ALERT_TITLE})"))

    def click_alert(self, title: str, *, seconds: float = 10) -> None:
        """Clicks the alert as a person would; the worker then hears notificationclick."""
        deadline = time.monotonic() + seconds
        while title not in (shown := self.alerts()):
            if time.monotonic() > deadline:
                raise BrowserError(f"no alert {title!r} within {seconds} s, only {shown}")
            time.sleep(0.05)
        window = f"{_ALERT_WINDOWS}.find((window) => {_ALERT_TITLE} === {json.dumps(title)})"
        self.system(f"{window}.onAlertClick()")

    # --- The browser itself

    def system(self, expression: str) -> Any:
        """As `evaluate`, with the browser's own rights, in its window."""
        return self._evaluate(expression, self._chrome)

    # --- BiDi

    def _act(self, source: Mapping[str, object]) -> None:
        self._command("input.performActions", context=self._context, actions=[source])

    def _evaluate(self, expression: str, context: str) -> Any:
        answer = self._command(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            awaitPromise=True,
            target={"context": context},
        )
        if answer["type"] == "exception":
            raise BrowserError(f"{expression}: {answer['exceptionDetails']['text']}")
        return json.loads(answer["result"]["value"]) if "value" in answer["result"] else None

    def _command(self, method: str, **params: object) -> Any:
        self._commands += 1
        self._socket.send(json.dumps({"id": self._commands, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=_ANSWER_SECONDS))
            if message.get("id") == self._commands:
                break
            self._note(message)
        if message["type"] == "error":
            raise BrowserError(f"{method}: {message['error']}: {message['message']}")
        return message["result"]

    def _note(self, event: Mapping[str, Any]) -> None:
        if event.get("method") == "log.entryAdded" and event["params"]["level"] == "error":
            self.errors.append(event["params"]["text"])


def _down(key: str) -> dict[str, str]:
    return {"type": "keyDown", "value": key}


def _up(key: str) -> dict[str, str]:
    return {"type": "keyUp", "value": key}
