"""Fifty previews of the slowest rules at once, beside what visitors and people do all the time (checklist RL-07).

A real web server with the database of the benchmark; the figure is the 95th percentile of all that is no preview.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import connections
from django.test import Client

from bench.lib.audience_rules import RULES
from bench.lib.campaign import Place
from tenants.session_store import SessionStore
from truepush.local.paths import ROOT

PREVIEWS = 50
SECONDS = 15.0
PATIENCE = 10.0
WARM = 20
PORT = 18_951
SLOWEST = (
    "born before 1970", "members or rich, not buyers", "three of everything", "vip, buyers, clickers or Germans",
)  # fmt: skip


@dataclass
class Traffic:
    """Seconds of each answer, and the answers that were no 2xx."""

    took: list[float] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)


def beside_previews(place: Place) -> dict[str, float]:
    """Measure what others wait while fifty people look at slow segments."""
    with _WebServer():
        normal, previews = _together(place, _session(place))
    if normal.wrong or previews.wrong or max(previews.took) > PATIENCE:
        slowest = max(previews.took)
        sys.exit(
            f"Wrong answers: {normal.wrong[:5]} {previews.wrong[:5]}, the slowest preview {slowest:.1f} s."
        )
    p95 = statistics.quantiles(normal.took, n=20)[18]
    print(
        f"{PREVIEWS} people looked at previews {len(previews.took)} times, the slowest {max(previews.took):.1f} s; "
        f"beside them {len(normal.took)} others, p95 {1000 * p95:.0f} ms.",
        flush=True,
    )
    return {"beside_previews_ms_p95": 1000 * p95, "previews_s_max": max(previews.took)}


def _together(place: Place, session: str) -> tuple[Traffic, Traffic]:
    """Let everybody ask for SECONDS; answer what others and what previews took."""
    normal, previews, is_over = Traffic(), Traffic(), threading.Event()
    asks: list[Callable[[], tuple[int, float]]] = [
        lambda: _get(place, session, f"/subscribers/?site={place.site.pk}"),
        lambda: _get(place, session, "/campaigns/"),
        lambda: _get(place, "", f"/sdk/v1/{place.site.site_key}/settings.json", sdk=True),
    ]
    # What a process does once, with its first requests, is no one's wait here.
    for _ in range(WARM):
        for ask in asks:
            ask()
    others = [threading.Thread(target=_again, args=(ask, normal, is_over)) for ask in asks]
    for thread in others:
        thread.start()
    rules = [json.dumps(RULES[name]) for name in SLOWEST]
    askers = [
        threading.Thread(
            target=_preview, args=(place, session, rules[number % len(rules)], previews, is_over)
        )
        for number in range(PREVIEWS)
    ]
    for thread in askers:
        thread.start()
    time.sleep(SECONDS)
    is_over.set()
    for thread in (*askers, *others):
        thread.join()
    return normal, previews


class _WebServer:
    """As bin/up starts it."""

    def __enter__(self) -> None:
        command = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--host",
            "127.0.0.1",
            "--port",
            str(PORT),
        ]
        command += ["--workers", "2", "--blocking-threads", "8", "--no-ws", "--log-level", "warning"]
        self._process = subprocess.Popen([*command, "truepush.wsgi:application"], cwd=ROOT, env=os.environ)
        for _ in range(200):
            time.sleep(0.1)
            try:
                if _ask("localhost", "GET", "/healthz", {})[0] == 200:
                    return
            except OSError:
                continue
        sys.exit("The web server did not start.")

    def __exit__(self, *_: Any) -> None:
        self._process.terminate()
        self._process.wait(20)
        connections.close_all()


def _session(place: Place) -> str:
    client = Client()
    client.force_login(place.owner)
    store = SessionStore(client.session.session_key)
    store["tenant_id"] = place.tenant.pk
    store.save()
    return str(store.session_key)


def _ask(host: str, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, float]:
    began = time.monotonic()
    with_host = {"Host": host, **headers}
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    try:
        connection.request(method, path, body or None, with_host)
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - began
    finally:
        connection.close()


def _get(place: Place, session: str, path: str, *, sdk: bool = False) -> tuple[int, float]:
    host = settings.SDK_HOST if sdk else f"{place.tenant.slug}.{settings.BASE_DOMAIN}"
    return _ask(host, "GET", path, {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"} if session else {})


def _again(ask: Callable[[], tuple[int, float]], into: Traffic, is_over: threading.Event) -> None:
    while not is_over.is_set():
        status, took = ask()
        into.took.append(took)
        if status != 200:
            into.wrong.append(status)
        time.sleep(0.05)


def _preview(place: Place, session: str, rule: str, into: Traffic, is_over: threading.Event) -> None:
    """Ask as the builder does, and again after two seconds, as it does while other counts are running."""
    token = "x" * 32
    cookies = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={token}"
    headers = {"Cookie": cookies, "X-CSRFToken": token, "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"site": place.site.pk, "rule": rule, "name": "x"})
    host = f"{place.tenant.slug}.{settings.BASE_DOMAIN}"
    while not is_over.is_set():
        status, took = _ask(host, "POST", "/segments/preview/", headers, body)
        into.took.append(took)
        if status != 200:
            into.wrong.append(status)
        is_over.wait(2)
