"""A PostgreSQL server of our own: made on the first start, stopped with us, recovered after a kill.

It listens on the loopback address alone, on a port of its own choosing, and lets in one role by password: no
socket file, hence no limit on the length of our path. Its superuser cannot sign in at all; the role is made
in PostgreSQL's single-user mode. Everything it is told, it is told on its command line, so that we never
write in its data directory.
"""

import errno
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from truepush.local import processes
from truepush.local.errors import CannotStartError
from truepush.local.logs import open_log, tail
from truepush.local.place import Place

ROLE = DATABASE = "truepush"
HOST = "127.0.0.1"
OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    # Dropping 24 tenants in one transaction ran out of the default 64.
    "max_locks_per_transaction": "1024",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # With the default of 1 GB an import of a million is met by a checkpoint every 400,000 rows, after each of which the
    # pages of the indexes go into the log once more, whole: 1,400-1,800 octets of log a row, and 1,140 with this.
    "max_wal_size": "2GB",
}
# The default of 128 MB reads an audience of a million from the operating system each time: 2 to 3 times slower.
LEAST_BUFFERS_MB, MOST_BUFFERS_MB = 128, 2048
# For tests: nothing needs to survive a power cut.
FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
START_SECONDS = 120.0  # crash recovery reads up to two gigabytes of log
STOP_SECONDS = 30.0
PORT_TRIES = 5
LOCK = "postmaster.pid"


def buffers_mb() -> int:
    """An eighth of the memory that we may use, between LEAST_BUFFERS_MB and MOST_BUFFERS_MB."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()).isdecimal():
        whole = min(whole, int(text))
    return min(max(whole // 8 // 1024**2, LEAST_BUFFERS_MB), MOST_BUFFERS_MB)


class Server:
    """Raises CannotStartError from `start` if it cannot; `url` is right once `start` has answered."""

    def __init__(self, place: Place, *, password: str, log: Path, forgetful: bool = False) -> None:
        self.place = place
        self.log = log
        self._password = password
        self._options = {**OPTIONS, "shared_buffers": f"{buffers_mb()}MB", **(FORGETFUL if forgetful else {})}
        self._initdb_options = ["--no-sync"] if forgetful else []
        self._port = 0

    @property
    def url(self) -> str:
        return f"postgres://{ROLE}:{self._password}@{HOST}:{self._port}/{DATABASE}"

    def exists(self) -> bool:
        return self.place.data.exists()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server and wait until it takes connections."""
        if not self.exists():
            self._make()
        end_left_over(self.place.data)
        for port in self._ports():
            process = self._spawn(port)
            if self._becomes_ready(process):
                self._port = port
                (self.place.folder / "port").write_text(str(port))
                return process
            if is_free(port):
                break  # it was not the port
        raise CannotStartError(f"PostgreSQL does not start. The end of {self.log}:\n{tail(self.log)}")

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Stop in PostgreSQL's fast way: open transactions are rolled back, everything is on disk."""
        processes.end(process, politely=signal.SIGINT, patience=STOP_SECONDS)

    def _make(self) -> None:
        """Make the data directory, whole or not at all: a start that was interrupted begins again."""
        place = self.place
        unfinished = place.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if place.account is not None:
            os.chown(unfinished, place.account.uid, place.account.gid)
        # 1. The cluster, with no way in over the network but for our role.
        (place.folder / "hba.conf").write_text(f"host all {ROLE} {HOST}/32 scram-sha-256\n")
        (place.folder / "hba.conf").chmod(0o644)
        new = ["-D", str(unfinished), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=reject"]
        self._run([str(place.binaries.initdb), *new, *self._initdb_options, "--no-instructions"], "")
        # 2. The role of the application: no superuser, but its database is its own, and tests make databases.
        statements = (
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self._password}';\n"
            f"CREATE DATABASE {DATABASE} OWNER {ROLE};\n"
        )
        # Or else a statement that fails is logged, with the password in it.
        alone = _as_arguments({"exit_on_error": "on", "log_min_error_statement": "panic"})
        self._run(
            [str(place.binaries.postgres), "--single", "-D", str(unfinished), *alone, "postgres"], statements
        )
        # 3. The name says that it is whole.
        unfinished.rename(place.data)

    def _run(self, command: list[str], text: str) -> None:
        account = self.place.account
        answer = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env=self._environment(),
            cwd=self.place.folder,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            check=False,
        )
        if answer.returncode != 0:
            raise CannotStartError(f"{command[0]} failed and says:\n{answer.stderr.strip()}")

    def _ports(self) -> Iterator[int]:
        """Propose the port of the last start, then free ones."""
        noted = self.place.folder / "port"
        if noted.exists() and is_free(port := int(noted.read_text())):
            yield port
        for _ in range(PORT_TRIES):
            with socket.create_server((HOST, 0)) as listener:
                port = listener.getsockname()[1]
            yield port

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        options = {**self._options, "port": str(port), "hba_file": str(self.place.folder / "hba.conf")}
        with open_log(self.log) as output:
            return processes.spawn(
                [self.place.binaries.postgres, "-D", self.place.data, *_as_arguments(options)],
                environment=self._environment(),
                output=output,
                death_signal=signal.SIGINT,
                account=self.place.account,
                folder=self.place.folder,
            )

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the last line of its lock file to say so; answer False if it ends first."""
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None:
            lines = _lock_lines(self.place.data)
            if lines and lines[0] == str(process.pid) and lines[-1].strip() == "ready":
                return True
            if time.monotonic() > deadline:
                self.stop(process)
                return False
            time.sleep(0.02)
        return False

    def _environment(self) -> dict[str, str]:
        """Nothing of ours: a PGDATA, PGOPTIONS or LC_MESSAGES of the shell would change what it does."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


def end_left_over(data: Path) -> None:
    """End the server of an earlier start that was killed, and forget its lock file.

    The file must go because its process number may by now be somebody else's, for which PostgreSQL refuses to
    start; and it may go because no process works in the data directory any more.
    """
    server = [pid for pid in processes.working_in(data) if [str(pid)] == _lock_lines(data)[:1]]
    processes.end_all(server, politely=signal.SIGINT, patience=STOP_SECONDS)
    processes.end_all(processes.working_in(data), politely=signal.SIGQUIT, patience=5.0)
    if processes.PROCESSES.exists() and not processes.working_in(data):
        (data / LOCK).unlink(missing_ok=True)


def _lock_lines(data: Path) -> list[str]:
    try:
        return (data / LOCK).read_text().splitlines()
    except FileNotFoundError:
        return []


def is_free(port: int, host: str = HOST) -> bool:
    """Say whether nobody listens there. Raises PermissionError for a port that needs root."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return True
    except PermissionError:
        raise
    except OSError as error:  # a machine without IPv6 has no ::1
        return error.errno != errno.EADDRINUSE


def _as_arguments(options: dict[str, str]) -> list[str]:
    return [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
