"""What the SDK costs a page: octets as they travel from our web server, long tasks in a Chromium 4 times slower."""

import statistics
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.lib.campaign import make_place
from bench.lib.cpu import print_figures
from bench.lib.receipts_work import GRANIAN, PORT, serving
from subscribers.actions.site import add_site
from tenants.doorway import in_tenant
from tests.e2e.browsers.chromium import chromium

SLOWER = 4
ROUNDS = 7
LISTEN = """window.tasks = [];
new PerformanceObserver((list) => list.getEntries().forEach((one) => tasks.push(one.duration)))
  .observe({type: "longtask", buffered: true});"""
SDK = f"http://sdk.localhost:{PORT}"


@contextmanager
def website(body: list[str]) -> Iterator[str]:
    """A page of a customer with whatever `body` says by then; its address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = f"<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1>{''.join(body)}</html>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def size(path: str, coding: str) -> int:
    headers = {"Accept-Encoding": coding, "Host": SDK.removeprefix("http://")}
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", headers=headers)  # ours
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return len(answer.read())


def longest_task(browser: Any, address: str) -> tuple[float, int, int]:
    """Milliseconds of the longest task over 50, how many requests went to the SDK's host, and their octets."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(LISTEN)
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    asked: dict[str, bool] = {}
    octets = 0

    def begun(event: dict[str, Any]) -> None:
        asked[event["requestId"]] = event["request"]["url"].startswith(SDK)

    def ended(event: dict[str, Any]) -> None:
        nonlocal octets
        octets += int(event["encodedDataLength"]) if asked.get(event["requestId"]) else 0

    devtools.on("Network.requestWillBeSent", begun)
    devtools.on("Network.loadingFinished", ended)
    page.goto(address)
    page.wait_for_timeout(2500)
    tasks = page.evaluate("tasks")
    context.close()
    return max(tasks, default=0.0), sum(asked.values()), octets


def main() -> None:
    place = make_place("sdk")
    figures: dict[str, float] = {}
    snippet: list[str] = []
    with (
        website([]) as bare,
        website(snippet) as bell,
        serving([*GRANIAN, "truepush.wsgi:application"], SDK_URL=SDK, BASE_URL=f"http://localhost:{PORT}"),
    ):
        with in_tenant(place.tenant.schema_name):
            contact = "mailto:ops@example.com"
            site = add_site(
                actor=place.owner, tenant=place.tenant, name="Bench", origin=bell, contact=contact
            )
        base = f"/sdk/v1/{site.site_key}"
        snippet.append(f'<script src="{SDK}{base}/truepush.js" async></script>')
        for coding, name in (("gzip", "gzip"), ("br", "brotli")):
            loader, worker = size(f"{base}/truepush.js", coding), size(f"/w/{site.site_key}.js", coding)
            figures |= {
                f"loader_{name}": loader,
                f"worker_{name}": worker,
                f"together_{name}": loader + worker,
            }
            print(f"{name}: loader {loader:,} + worker {worker:,} = {loader + worker:,} octets", flush=True)
        with chromium() as browser:
            for name, address in (("without", bare), ("bell", bell)):
                found = [longest_task(browser, address) for _ in range(ROUNDS)]
                tasks = [one[0] for one in found]
                figures |= {
                    f"{name}_longest_task_ms_median": statistics.median(tasks),
                    f"{name}_longest_task_ms_worst": max(tasks),
                    f"{name}_requests": found[0][1],
                    f"{name}_octets": found[0][2],
                }
                print(
                    f"{name}: {found[0][1]} requests, {found[0][2]:,} octets; longest tasks {tasks} ms",
                    flush=True,
                )
    print_figures(figures)


if __name__ == "__main__":
    main()
