"""The web server that production runs, on the test database, spoken to octet by octet."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.db import connection

ROOT = Path(__file__).parents[2]
START_SECONDS = 20.0


@dataclass(frozen=True)
class Reply:
    """`text` is head and body as they came."""

    status: int
    text: str

    @property
    def location(self) -> str:
        found = re.search(r"^location: (.*?)\r?$", self.text, re.I | re.M)
        return found[1] if found else ""


@dataclass(frozen=True)
class Server:
    port: int

    def ask(self, *lines: str) -> Reply:
        """Send these lines as a request's head, as they are, and read until the server closes."""
        head = "\r\n".join([*lines, "Connection: close", "", ""])
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plug:
            plug.sendall(head.encode("latin-1"))
            parts = []
            while part := plug.recv(65536):
                parts.append(part)
        text = b"".join(parts).decode()
        return Reply(int(text.split(" ", 2)[1]), text)


def database_url() -> str:
    """Name the test database that this process uses."""
    at = connection.settings_dict
    return f"postgres://{quote(at['USER'])}:{quote(at['PASSWORD'])}@{at['HOST']}:{at['PORT']}/{at['NAME']}"


@contextmanager
def granian() -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    process = subprocess.Popen(
        [*command, "--no-ws", "truepush.wsgi:application"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url(), "STATIC_MANIFEST": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield Server(port)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"granian did not listen on {port}")
