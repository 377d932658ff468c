"""Starting and ending processes so that none of them outlives us, however we end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# Every process we start, and every one that those start, carries this variable with our var/ folder in it.
MARK = "TRUEPUSH_RUN"
PROCESSES = Path("/proc")
LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Account:
    """A user of the system to run a process as."""

    name: str
    uid: int
    gid: int


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    output: IO[bytes] | int,
    death_signal: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
    folder: Path | None = None,
    errors: IO[bytes] | int = subprocess.STDOUT,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own (so a Ctrl-C at the terminal reaches us alone).

    It gets `death_signal` when we die, even of SIGKILL (see launch.py).
    """
    whose = f"{account.uid}:{account.gid}" if account else ""
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(death_signal)), whose]
    return subprocess.Popen(
        [*launch, *command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        cwd=folder,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes], *, politely: signal.Signals, patience: float) -> None:
    """Ask the process to end, not its children; wait; kill it and what is left of its group."""
    if process.poll() is None:
        process.send_signal(politely)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            process.wait()
    kill_group(process.pid)


def kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left in it


def marked_with(mark: str) -> list[int]:
    """Find every other process that carries the mark: ours of now or left over from an earlier run."""
    entry = f"{MARK}={mark}".encode()
    return [pid for pid in _other_processes() if entry in _read(pid, "environ").split(b"\0")]


def working_in(folder: Path) -> list[int]:
    """Find every process whose current directory is the folder, as the data directory is PostgreSQL's."""
    return [pid for pid in _other_processes() if _link(pid, "cwd") == str(folder.resolve())]


def end_all(pids: Iterable[int], *, politely: signal.Signals, patience: float) -> None:
    """End processes that are not our children: ask, wait, kill, wait."""
    remaining = set(pids)
    for sign, seconds in ((politely, patience), (signal.SIGKILL, 5.0)):
        for pid in remaining:
            _send(pid, sign)
        deadline = time.monotonic() + seconds
        while remaining and time.monotonic() < deadline:
            remaining = {pid for pid in remaining if is_alive(pid)}
            time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Say whether the process runs; one that has ended and waits for its parent to notice does not."""
    return _read(pid, "stat").rpartition(b") ")[2][:1] not in {b"", b"Z", b"X"}


def _other_processes() -> list[int]:
    if not PROCESSES.exists():  # a system without /proc: what is left over cannot be found
        return []
    pids = (int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdigit())
    return [pid for pid in pids if pid != os.getpid()]


# A process can end between the look and the reading, and belong to somebody else: it then is none of ours.
def _read(pid: int, name: str) -> bytes:
    try:
        return (PROCESSES / str(pid) / name).read_bytes()
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return b""


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(PROCESSES / str(pid) / name)
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return ""


def _send(pid: int, sign: signal.Signals) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return
