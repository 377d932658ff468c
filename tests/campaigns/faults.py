"""What the fault tests share: windows by scale, figures for bench/faults, a database of their own to restart."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.campaigns.places import ROOT, Place
from tests.sandbox.driver import SEED, TOKEN, Sandbox
from truepush.lib import base64url
from truepush.local.database import Server
from truepush.local.place import choose_place, remove_outside
from truepush.local.secrets import make_secrets, settings_for
from truepush.local.up import DEFAULT_PORT

# bench/faults sets 1: windows at full length. In bin/test they are a tenth.
SCALE = float(os.environ.get("FAULT_SCALE", "0.1"))
WINDOWS: dict[str, object] = {
    "PUSH_LEASE_SECONDS": max(20 * SCALE, 4),
    "PUSH_ATTEMPT_SECONDS": max(15 * SCALE, 1.5),
    "PUSH_BREAKER_SECONDS": 10 * SCALE,
    "PUSH_PROBE_SECONDS": 5 * SCALE,
    "PUSH_RETRY_BASE_SECONDS": 2 * SCALE,
    "WATCHDOG_SECONDS": max(10 * SCALE, 2),
}


def outage(minutes: float, short: float) -> float:
    """How many seconds a fault lasts: as the fault table says at full length, else so short as still shows it."""
    return minutes * 60 if SCALE >= 1 else short


def note(name: str, value: float) -> None:
    """Add a figure to what bench/faults prints; in bin/test nobody asks for it."""
    file = os.environ.get("FAULT_FIGURES")
    if file:
        path = Path(file)
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, name: round(value, 3)}))


def accepted(place: Place) -> int:
    return int(str(place.sandbox.counts()["accepted"]))


@dataclass
class Installation:
    """A database server of the test's own, for the faults that stop it; rows are read by plain SQL."""

    folder: Path
    sandbox: Sandbox
    server: Server
    process: "subprocess.Popen[bytes]"
    settings: dict[str, str] = field(default_factory=dict)

    def kill_database(self) -> None:
        """As `pg_ctl stop -m immediate`: no checkpoint, sessions cut off."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)

    def start_database(self) -> None:
        self.process = self.server.start()

    def count_knocks(self, seconds: float) -> int:
        """Stand in the stopped server's place and answer nobody; how many asked for it."""
        knocks, until = 0, time.monotonic() + seconds
        with socket.create_server(("127.0.0.1", urlsplit(self.server.url).port or 0)) as door:
            while (left := until - time.monotonic()) > 0:
                door.settimeout(left)
                try:
                    door.accept()[0].close()
                except TimeoutError:
                    break
                knocks += 1
        return knocks

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(
            self.server.url.replace("postgres://", "postgresql://"), connect_timeout=5
        ) as database:
            return database.execute(statement.encode()).fetchall()

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env={**os.environ, **self.settings}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def worker(self, **changes: object) -> Iterator["subprocess.Popen[bytes]"]:
        given = {name: str(value) for name, value in {**WINDOWS, **changes}.items()}
        with (self.folder / "worker.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=ROOT,
                env={**os.environ, **self.settings, **given},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


@contextmanager
def installation(folder: Path, sandbox: Sandbox) -> Iterator[Installation]:
    """Make one with its tables; everything is removed at the end."""
    var = folder / "var"
    var.mkdir()
    secrets = make_secrets()
    server = Server(choose_place(var), password=secrets["DATABASE_PASSWORD"], log=folder / "postgres.log")
    made = Installation(folder, sandbox, server, server.start())
    made.settings = {
        **settings_for(DEFAULT_PORT, known=secrets, database_url=server.url, var=var, environment={"DEMO": "true"}),
        "DJANGO_SETTINGS_MODULE": "truepush.settings",
        "SANDBOX_ORIGIN": sandbox.origin,
        "SANDBOX_CA": str(sandbox.ca),
        "SANDBOX_SEED": base64url.encode(SEED),
        "SANDBOX_TOKEN": TOKEN,
        "STATIC_MANIFEST": "false",
    }  # fmt: skip
    try:
        made.run("manage.py", "migrate_schemas", "--shared", "--noinput", "-v0")
        yield made
    finally:
        made.server.stop(made.process)
        remove_outside(var)


def seconds_until(look: Callable[[], object], most: float) -> float:
    """Wait for it and answer how long that took; an AssertionError if it does not come."""
    started = time.monotonic()
    while not look():
        assert time.monotonic() - started < most, f"not within {most} s"
        time.sleep(0.05)
    return time.monotonic() - started
