"""A customer's website on loopback, over real TLS or plain, in whatever state a test puts it."""

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from subscribers.doctor.case import Case
from subscribers.doctor.examine import examine
from subscribers.doctor.finding import sorted_for_reading
from subscribers.doctor.visit import Visit
from truepush.lib.guarded import Trust
from truepush.lib.hostname import is_local

KEY = "0123456789abcdef01234567"
OTHER = "fedcba9876543210fedcba98"
SDK = "https://push.example"
SNIPPET = f'<script src="{SDK}/sdk/v1/{KEY}/truepush.js" async></script>'
STUB = f'/* Truepush worker: keep this file at /truepush/worker.js */\nimportScripts("{SDK}/w/{KEY}.js");\n'
WORKER = "/truepush/worker.js"


@dataclass
class File:
    body: str
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def page(more: str = SNIPPET, **headers: str) -> File:
    head = f"<!doctype html><html><head><title>Shop</title>{more}</head><body>Shop</body></html>"
    return File(head, headers={name.replace("_", "-"): value for name, value in headers.items()})


def leading_to(place: str, status: int = 301) -> File:
    return File("", status=status, headers={"Location": place})


class Website:
    """`files` by path; `asked` has (path with query, headers) of each request."""

    def __init__(self, tls: ssl.SSLContext | None = None, name: str = "localhost") -> None:
        self.files = {"/": page(), WORKER: File(STUB, "text/javascript")}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.origin = f"{'https' if tls else 'http'}://{name}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                """The tests read `asked` instead."""

            def do_GET(self) -> None:
                site.asked.append((self.path, dict(self.headers)))
                file = site.files.get(urlsplit(self.path).path, File("Not here.", status=404))
                content = file.body.encode()
                self.send_response(file.status)
                self.send_header("Content-Length", str(len(content)))
                if file.kind:
                    self.send_header("Content-Type", file.kind)
                for name, value in file.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        return Handler


def case_for(origin: str, **changes: Any) -> Case:
    given: dict[str, Any] = {
        "site_key": KEY,
        "origin": origin,
        "page": f"{origin}/",
        "worker_path": WORKER,
        "worker_scope": "/truepush/",
        "snippet": SNIPPET,
        "stub": STUB,
        "sdk_url": SDK,
        "names": {KEY: "Shop", OTHER: "Blog"},
        "origins": {origin: "Shop"},
    }
    return Case(**{**given, **changes})


def check(case: Case, trust: Trust | None = None, seconds: float = 5.0) -> dict[str, dict[str, str]]:
    """Look at a website; answers the findings by title, those that are good by their words alone."""
    visit = (
        Visit(lambda host: trust if is_local(host) else Trust(), seconds) if trust else Visit(seconds=seconds)
    )
    found = sorted_for_reading(list(examine(case, visit)))
    assert len({one["title"] for one in found}) == len(found)
    return {one["title"]: one for one in found}


def wrong(found: dict[str, dict[str, str]]) -> list[str]:
    return [title for title, one in found.items() if one["state"] != "good"]


def told(found: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    """What is not good: title, state, and the text to copy."""
    return [(title, found[title]["state"], found[title]["copy"]) for title in wrong(found)]
