"""Receipts as fast as they come, against a plain view that inserts a row; durable before they are acknowledged."""

import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from django.conf import settings
from django.db import connection
from django.utils import timezone

from bench.lib.campaign import CONTENT, Place, make_place
from bench.lib.cpu import difference, print_figures, tree, used_seconds
from campaigns.actions.campaign import save_draft
from campaigns.models import Batch, Receipt, Send
from tenants.doorway import in_tenant
from truepush.lib.receipt_token import TokenMaker
from truepush.local.paths import ROOT

BATCH, BATCHES = 5_000, 100
PORT = 18_970
SECONDS, CONNECTIONS, IDLE = 8.0, 256, 10_000
GRANIAN = [
    sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(PORT), "--workers",
    "2", "--blocking-threads", "8", "--no-ws", "--log-level", "error",
]  # fmt: skip


class Run(NamedTuple):
    per_second: float
    p50_ms: float
    p99_ms: float
    answers: dict[str, int]
    taken: list[int]
    server_us: float


class Bench:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.requests = self._requests(place)
        self.used = 0

    def _requests(self, place: Place) -> list[bytes]:
        """One for each recipient of a send, each said once."""
        made = []
        with in_tenant(place.tenant.schema_name):
            campaign = save_draft(actor=place.owner, tenant=place.tenant, site=place.site, content=CONTENT)
            send = Send.objects.create(
                campaign=campaign, site=place.site, kind="campaign", content=[CONTENT], rule={}, seed=1, ttl=60,
                tag="t", state="running", audience=BATCH * BATCHES, due_at=timezone.now(),
            )  # fmt: skip
            for number in range(BATCHES):
                batch = Batch.objects.create(
                    send=send, number=number, ids=list(range(BATCH)), size=BATCH, first_id=0, last_id=BATCH,
                    due_at=timezone.now(),
                )  # fmt: skip
                maker = TokenMaker(settings.RECEIPT_KEYS, place.tenant.pk, send.pk, batch.pk)
                made += [_request(maker.token(ordinal, 0)) for ordinal in range(BATCH)]
        return made

    def load(self, pid: int, *, seconds: float = SECONDS, rate: float = 0.0, idle: int = 0) -> Run:
        """Ask for so long; requests that were used are not used again."""
        fresh = [(number, self.requests[number]) for number in range(self.used, len(self.requests))]
        if rate:
            fresh = fresh[: round(rate * seconds)]
        before = used_seconds(tree(pid))
        answer = subprocess.run(
            [sys.executable, "-m", "bench.lib.receipt_load"],
            input=pickle.dumps((PORT, fresh, CONNECTIONS, seconds, rate, idle)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        )
        cpu = difference(before, used_seconds(tree(pid)))
        found = json.loads(answer.stdout)
        self.used = max(found["taken"], default=self.used) + CONNECTIONS * 2
        return Run(**found, server_us=1e6 * cpu / max(len(found["taken"]), 1))

    def stored(self) -> int:
        with in_tenant(self.place.tenant.schema_name):
            return Receipt.objects.count()


def _request(token: str) -> bytes:
    body = json.dumps({"receipts": [{"token": token, "kind": "displayed"}]}).encode()
    head = (
        f"POST /sdk/v1/receipts HTTP/1.1\r\nHost: {settings.SDK_HOST}\r\nContent-Type: text/plain;charset=UTF-8\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextlib.contextmanager
def serving(command: list[str], **changes: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **changes}, start_new_session=True)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
                break
            time.sleep(0.1)
        time.sleep(1)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # Its children listen for a moment longer: the next one must not be taken for ready because of them.
        while is_open():
            time.sleep(0.1)


def is_open() -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
        return True
    return False


INTAKE = [sys.executable, "manage.py", "receipts", "--bind", f"127.0.0.1:{PORT}"]


def main() -> None:
    bench = Bench(make_place("receipts"))
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_plain (id bigserial PRIMARY KEY, body text, at timestamptz DEFAULT now())"
        )
    figures: dict[str, float] = {}
    runs: dict[str, list[Run]] = {"plain": [], "web": [], "intake": []}
    for _ in range(2):
        for name, command in (
            ("plain", [*GRANIAN, "bench.lib.plain_view:application"]),
            ("web", [*GRANIAN, "truepush.wsgi:application"]),
            ("intake", INTAKE),
        ):
            with serving(command) as process:
                bench.load(process.pid, seconds=1.0)
                run = bench.load(process.pid)
                runs[name].append(run)
                say(name, run)
    for name, found in runs.items():
        best = max(found, key=lambda run: run.per_second)
        figures |= {f"{name}_per_second": best.per_second, f"{name}_server_us": best.server_us}
    figures["ratio_intake"] = figures["intake_per_second"] / figures["plain_per_second"]
    figures["ratio_web"] = figures["web_per_second"] / figures["plain_per_second"]
    with serving(INTAKE) as process:
        half = bench.load(process.pid, rate=figures["intake_per_second"] / 2)
        say("intake at half of that", half)
        idle = bench.load(process.pid, idle=IDLE)
        say(f"intake with {IDLE:,} idle connections", idle)
    figures |= {"half_p50_ms": half.p50_ms, "half_p99_ms": half.p99_ms}
    figures["ratio_idle"] = idle.per_second / figures["intake_per_second"]
    figures |= killed(bench)
    print_figures(figures)


def killed(bench: Bench) -> dict[str, float]:
    """Kill it under load: what was answered 204 is in the database."""
    before = bench.stored()
    with serving(INTAKE) as process:
        killer = subprocess.Popen(["sh", "-c", f"sleep 4; kill -9 {process.pid}"])
        run = bench.load(process.pid, seconds=8.0)
        killer.wait()
    stored = bench.stored() - before
    lost = max(len(run.taken) - stored, 0)
    if not run.taken:
        sys.exit("The requests ran out before the kill: there are too few for this machine (BATCHES).")
    print(f"Killed: {len(run.taken):,} acknowledged, {stored:,} stored, {lost} lost.", flush=True)
    if lost:
        sys.exit("Receipts that were acknowledged are not in the database.")
    return {"killed_acknowledged": len(run.taken), "killed_lost": lost}


def say(name: str, run: Run) -> None:
    print(
        f"{name:32s} {run.per_second:7,.0f} a second, p50 {run.p50_ms:6.1f} ms, p99 {run.p99_ms:6.1f} ms, "
        f"{run.server_us:5.0f} us of the server's processor each, {run.answers}",
        flush=True,
    )


if __name__ == "__main__":
    main()
