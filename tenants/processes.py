"""Signs of life of worker processes, written by each of them about once a second."""

import os
import resource
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from truepush.lib.version import VERSION

Execute = Callable[[str, Sequence[Any]], Any]


class Beat(NamedTuple):
    """What a process says of itself: messages resolved per second, requests in flight, open connections."""

    role: str
    rate: float = 0.0
    in_flight: int = 0
    connections: int = 0
    is_stopping: bool = False


_BEAT = """
INSERT INTO public.tenants_workerprocess (host, pid, role, version, started_at, seen_at, rate, in_flight, connections,
    open_files, most_files, memory_mb, is_stopping)
VALUES (%s, %s, %s, %s, clock_timestamp(), clock_timestamp(), %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (host, pid) DO UPDATE SET role = excluded.role, version = excluded.version,
    started_at = CASE WHEN tenants_workerprocess.seen_at < clock_timestamp() - interval '1 minute'
                      THEN excluded.started_at ELSE tenants_workerprocess.started_at END,
    seen_at = excluded.seen_at, rate = excluded.rate, in_flight = excluded.in_flight,
    connections = excluded.connections, open_files = excluded.open_files, most_files = excluded.most_files,
    memory_mb = excluded.memory_mb, is_stopping = excluded.is_stopping
"""

_LEAVE = "DELETE FROM public.tenants_workerprocess WHERE host = %s AND pid = %s"
_OLD = "DELETE FROM public.tenants_workerprocess WHERE seen_at < clock_timestamp() - interval '1 hour'"
_OF_HOST = "SELECT pid FROM public.tenants_workerprocess WHERE host = %s"


def sign_of_life(execute: Execute, beat: Beat) -> None:
    """Write this process's row; `execute` runs a statement on whatever connection the caller has."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    execute(
        _BEAT,
        [
            host_name(), os.getpid(), beat.role, VERSION, round(beat.rate, 1), beat.in_flight, beat.connections,
            open_files(), min(soft, 2**31 - 1), round(memory_mb(), 1), beat.is_stopping,
        ],
    )  # fmt: skip


def farewell(execute: Execute) -> None:
    """Take this process's row away: it ends well."""
    execute(_LEAVE, [host_name(), os.getpid()])


def forget_the_dead(execute: Execute, rows: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]) -> int:
    """Delete rows of this host's processes that are no longer there, and of all that were silent for an hour."""
    execute(_OLD, [])
    dead = [pid for (pid,) in rows(_OF_HOST, [host_name()]) if not Path(f"/proc/{pid}").exists()]
    for pid in dead if Path("/proc/self").exists() else ():
        execute(_LEAVE, [host_name(), pid])
    return len(dead)


def host_name() -> str:
    return socket.gethostname()[:120]


def open_files() -> int:
    """Count this process's open files; 0 where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


def memory_mb() -> float:
    """Resident memory of this process in megabytes; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
