"""The programs that bin/up starts beside the database."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from truepush.local.errors import CannotStartError
from truepush.local.logs import open_log, tail
from truepush.local.paths import ROOT
from truepush.local.processes import MARK, end, spawn
from truepush.local.supervise import Service, ended_how

MODULE = [sys.executable, "-m"]
MANAGE = [sys.executable, "manage.py"]
WEB_PROCESSES = 2
WEB_THREADS = 8
# It finishes what it has in hand: an attempt takes up to 15 s, then what it learned is written down.
WORKER_PATIENCE = 30.0


@dataclass(frozen=True)
class Programs:
    """Starts programs with the settings, their output going to a log file each."""

    settings: Mapping[str, str]
    mark: str
    logs: Path

    def sandbox(self) -> Service:
        return self._service("sandbox", [*MODULE, "truepush.local.sandbox"])

    def shop(self) -> Service:
        return self._service("shop", [*MODULE, "truepush.local.shop"])

    def worker(self) -> Service:
        return self._service("worker", [*MANAGE, "worker"], patience=WORKER_PATIENCE)

    def web(self, port: int) -> Service:
        """Listen on 127.0.0.1 alone: Chromium and Firefox try ::1 for localhost too, and fall back to it."""
        command = [*MODULE, "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workers", str(WEB_PROCESSES), "--blocking-threads", str(WEB_THREADS)]
        command += ["--respawn-failed-workers", "--workers-kill-timeout", "5", "--no-ws"]
        return self._service("web", [*command, "truepush.wsgi:application"])

    def run(self, name: str, command: list[str]) -> str:
        """Run a program to its end and answer what it printed; raises CannotStartError if it fails."""
        log = self.logs / f"{name}.log"
        with open_log(log) as errors:
            process = spawn(
                command,
                environment=self._environment(),
                output=subprocess.PIPE,
                errors=errors,
                folder=ROOT,
            )
        try:
            printed, _ = process.communicate()
        finally:
            end(process, politely=signal.SIGTERM, patience=5.0)
        text = printed.decode(errors="replace")
        if process.returncode != 0:
            shown = " ".join(command[1:])
            raise CannotStartError(f"{shown} {ended_how(process.returncode)} and says:\n{text}{tail(log)}")
        return text

    def _service(self, name: str, command: list[str], *, patience: float = 10.0) -> Service:
        log = self.logs / f"{name}.log"
        return Service(name, self._starter(command, log), log, patience=patience)

    def _starter(self, command: list[str], log: Path) -> Callable[[], subprocess.Popen[bytes]]:
        def start() -> subprocess.Popen[bytes]:
            with open_log(log) as output:
                return spawn(command, environment=self._environment(), output=output, folder=ROOT)

        return start

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.settings, MARK: self.mark, "PYTHONUNBUFFERED": "1"}
