"""A fresh copy of the tree, started by bin/up as a new user would, on ports of its own."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NOT_IN_A_CLONE = shutil.ignore_patterns("var", ".venv", ".git", "__pycache__", "*.pyc", ".*_cache")
READY_SECONDS = 120.0
STOP_SECONDS = 45.0
PORTS = 4


@dataclass
class Installation:
    """`base` is the public host; consoles are on `<workspace>.localhost` at the same port."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def base(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def shop(self) -> str:
        return f"http://localhost:{self.port + 1}"

    @property
    def sandbox(self) -> str:
        return f"https://localhost:{self.port + 2}"

    @property
    def push_socket(self) -> str:
        return f"ws://127.0.0.1:{self.port + 3}/"

    def console(self, slug: str) -> str:
        return f"http://{slug}.localhost:{self.port}"

    def sign_in(self) -> tuple[str, str]:
        email, password = (self.folder / "var" / "demo-sign-in.txt").read_text().split()[:2]
        return email, password

    def settings(self) -> dict[str, str]:
        lines = (self.folder / "var" / "local.env").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
        return {name: value.strip("'\"") for name, _, value in pairs}

    def ask_sandbox(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call a route of the sandbox push service, by its own certificate authority."""
        request = urllib.request.Request(
            f"{self.sandbox}{path}",
            data=json.dumps(body).encode() if body is not None else None,
            headers={
                "Authorization": f"Bearer {self.settings()['SANDBOX_TOKEN']}",
                "Content-Type": "application/json",
            },
        )
        trusted = ssl.create_default_context(cafile=str(self.folder / "var" / "sandbox" / "ca.pem"))
        with urllib.request.urlopen(request, context=trusted, timeout=10) as answer:
            return json.load(answer)

    def stop(self) -> int:
        """Press Ctrl-C and answer the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def processes(self) -> list[str]:
        """Name what still runs of this installation, by the mark that bin/up puts in its children's environment."""
        mark = f"TRUEPUSH_RUN={self.folder / 'var'}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(
                        (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    )
            except OSError:
                continue  # it has ended since
        return found


def free_ports() -> int:
    """Find the first of enough free ports in a row."""
    # Two runs on one machine begin to look at different places.
    for first in range(18000 + os.getpid() % 200 * PORTS, 20000, PORTS):
        if all(is_free(port) for port in range(first, first + PORTS)):
            return first
    raise AssertionError("no free ports between 18000 and 20000")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def installation(parent: Path) -> Iterator[Installation]:
    """Copy the tree as a clone has it, give it this environment's packages, and run bin/up in it."""
    folder = parent / "a clone"
    shutil.copytree(ROOT, folder, ignore=NOT_IN_A_CLONE)
    (folder / ".venv").symlink_to(sys.prefix)
    port = free_ports()
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment |= {"HOME": str(parent / "home"), "PORT": str(port), "SEND_UNDO_SECONDS": "1"}
    log = parent / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [folder / "bin" / "up"],
            cwd=parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    made = Installation(folder, port, process)
    try:
        _wait_until_ready(process, log)
        yield made
    finally:
        if process.poll() is None:
            made.stop()
        # For whoever looks into a failure: --reset takes the logs away with the rest.
        shutil.copytree(folder / "var" / "log", parent / "log", dirs_exist_ok=True)
        subprocess.run([folder / "bin" / "up", "--reset"], env=environment, check=False, capture_output=True)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while "Truepush is ready" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"bin/up did not become ready:\n{log.read_text()}")
        time.sleep(0.1)
