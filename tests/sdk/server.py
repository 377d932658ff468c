"""A website and, on a host of its own, what the SDK talks to; both record what they are asked.

It stands where Django stands in production: the loader, the worker and the browser in these tests are the real ones.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tenants.sdk_rings import installed
from truepush.lib.sdk_release import LOADER, WORKER

STATIC = Path(__file__).parents[2] / "static"
# What travels: without comments, the modules by their content.
RELEASE = installed()
SITE_KEY = "site-key-1"
SDK_PATH = f"/sdk/v1/{SITE_KEY}"
SNIPPET = '<script src="{sdk}/sdk/v1/{key}/truepush.js" async></script>'
_PAGE = """<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head>
<body><h1>Shop</h1>{body}</body></html>"""
_PWA_WORKER = """self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", () => {});"""
_HANG_SECONDS = 30


def part(name: str) -> str:
    """Where a module of the loader lies."""
    return f"/sdk/a/{RELEASE.parts[name]}/{name}.js"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class World:
    """What the two hosts answer. A test changes it, and reads `asked`."""

    shop: str
    sdk: str
    vapid_key: str
    settings: Any = field(init=False)
    worker_line: dict[str, Any] = field(init=False)
    pages: dict[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    worker_headers: Mapping[str, str] = field(default_factory=dict)
    worker_missing: bool = False
    is_registered: bool = True
    receipts_answer: int = 204
    receipts_hang: bool = False
    settings_answer: int = 200
    subscriptions_answer: int = 201
    profile_answer: int = 202
    tags: list[str] = field(default_factory=list)
    # Scripts of the website besides ours, and who answers subscriptions and profiles in this server's place.
    scripts: dict[str, str] = field(default_factory=dict)
    forward: Callable[[str, Any, Mapping[str, str]], tuple[int, str]] | None = None
    device_answer: tuple[int, str] = (200, "{}")
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        worker = {"path": "/truepush/worker.js", "scope": "/truepush/"}
        common = {"site_key": SITE_KEY, "name": "Demo shop", "vapid_key": self.vapid_key}
        self.settings = {**common, "worker": worker}
        self.worker_line = {**common, "sdk_url": self.sdk}
        self.page("/")

    @property
    def scope(self) -> str:
        return f"{self.shop}/truepush/"

    def page(
        self, path: str, body: str = "", *, snippet: str = SNIPPET, headers: Mapping[str, str] | None = None
    ) -> str:
        """Puts a page with the snippet on the website; its address."""
        script = snippet.format(sdk=self.sdk, key=SITE_KEY)
        self.pages[path] = (_PAGE.format(body=body + script), headers or {})
        return self.shop + path

    def calls(self, path: str) -> list[Asked]:
        return [one for one in list(self.asked) if one.method == "POST" and one.path == path]

    def receipts(self) -> list[tuple[str, str]]:
        """(kind, token) of every receipt, in the order they came."""
        calls = self.calls("/sdk/v1/receipts")
        return [(one["kind"], one["token"]) for call in calls for one in call.body["receipts"]]


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    world: World

    def handle_error(self, request: object, client_address: object) -> None:
        """Browsers break connections off all the time."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    @property
    def world(self) -> World:
        return self.server.world

    def log_message(self, format: str, *args: object) -> None:
        """The tests read `asked` instead."""

    def _answer(self, status: int, kind: str, text: str, headers: Mapping[str, str]) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _script(self, text: str, headers: Mapping[str, str]) -> None:
        self._answer(200, "text/javascript", text, {"Cache-Control": "no-cache", **headers})

    def _read(self) -> Any:
        length = int(self.headers["Content-Length"] or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.world.asked.append(Asked(self.command, self.path, headers, body))
        return body


class _Shop(_Handler):
    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/truepush/worker.js" and not self.world.worker_missing:
            key = parse_qs(address.query).get("k", [SITE_KEY])[0]
            stub = f'/* Truepush worker */\nimportScripts("{self.world.sdk}/w/{key}.js");\n'
            self._script(stub, self.world.worker_headers)
        elif address.path in self.world.scripts:
            self._script(self.world.scripts[address.path], {})
        elif address.path == "/pwa.js":
            self._script(_PWA_WORKER, {})
        elif address.path == "/test-device.js":
            self._script((STATIC / "js" / "test-device.js").read_text(), {})
        else:
            text, headers = self.world.pages.get(address.path, ("", {}))
            self._answer(200 if text else 404, "text/html; charset=utf-8", text, headers)

    def do_POST(self) -> None:
        self._read()
        status, answer = self.world.device_answer
        self._answer(status, "application/json", answer, {})


class _Sdk(_Handler):
    def do_GET(self) -> None:
        self._read()
        path = urlsplit(self.path).path
        if path == f"{SDK_PATH}/truepush.js":
            self._script(RELEASE.files[LOADER], {})
        elif path in map(part, RELEASE.parts):
            name = path.rpartition("/")[2]
            self._script(RELEASE.files[name], {"Access-Control-Allow-Origin": "*"})
        elif path == f"{SDK_PATH}/settings.json":
            text, open_to_all = json.dumps(self.world.settings), {"Access-Control-Allow-Origin": "*"}
            self._answer(self.world.settings_answer, "application/json", text, open_to_all)
        elif path == f"/w/{SITE_KEY}.js":
            line = f"self.TRUEPUSH = {json.dumps(self.world.worker_line)};\n"
            self._script(line + RELEASE.files[WORKER], {})
        else:
            self._answer(404, "text/plain", "", {})

    def do_OPTIONS(self) -> None:
        allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
        self._answer(200, "text/plain", "", allowed | self._echo())

    def do_POST(self) -> None:
        body = self._read()
        if self.world.forward and self.path.startswith(SDK_PATH):
            status, text = self.world.forward(self.path, body, dict(self.headers))
            self._answer(status, "application/json", text, self._echo())
        elif self.path == "/sdk/v1/receipts":
            if self.world.receipts_hang:
                self.world.released.wait(_HANG_SECONDS)
            self._answer(self.world.receipts_answer, "text/plain", "", {"Access-Control-Allow-Origin": "*"})
        elif self.path == f"{SDK_PATH}/subscriptions" and not self.world.is_registered:
            self._answer(403, "application/json", "{}", {})
        elif self.path == f"{SDK_PATH}/subscriptions" and not body:
            self._answer(400, "application/json", "{}", self._echo())
        elif self.path == f"{SDK_PATH}/subscriptions":
            answer = json.dumps({"subscriber": f"capability of {body['endpoint']}", "id": 4711})
            self._answer(self.world.subscriptions_answer, "application/json", answer, self._echo())
        elif self.path == f"{SDK_PATH}/profile":
            self._answer(self.world.profile_answer, "text/plain", "", self._echo())
        elif self.path == f"{SDK_PATH}/tags":
            self._answer(200, "application/json", json.dumps({"tags": self.world.tags}), self._echo())
        else:
            self._answer(204, "text/plain", "", self._echo())

    def _echo(self) -> dict[str, str]:
        return {"Access-Control-Allow-Origin": self.headers["Origin"], "Vary": "Origin"}


class Hosts:
    """Both servers, on free ports of this machine; every test gets a fresh world."""

    def __init__(self, shop: _Server, sdk: _Server) -> None:
        self._servers = shop, sdk

    def fresh(self, vapid_key: str) -> World:
        shop, sdk = self._servers
        world = World(
            f"http://localhost:{shop.server_port}", f"http://sdk.localhost:{sdk.server_port}", vapid_key
        )
        shop.world = sdk.world = world
        return world


@contextmanager
def serve() -> Iterator[Hosts]:
    servers = _Server(("127.0.0.1", 0), _Shop), _Server(("127.0.0.1", 0), _Sdk)
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Hosts(*servers)
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
