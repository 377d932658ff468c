"""How much processor time processes used, and how much memory they hold, from /proc."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def used_seconds(pids: Iterable[int]) -> dict[int, float]:
    """User and system seconds of each process that is there, with those of its children that have ended."""
    found = {}
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[pid] = sum(map(int, fields[11:15])) / _TICK
    return found


def difference(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Seconds used between two readings; a process that was not there before counts from its start."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def tree(pid: int) -> list[int]:
    """List a process and all that it started."""
    return [pid, *_below(pid)]


def _below(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield int(child)
        yield from _below(int(child))


def resident_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    for line in text.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def print_figures(figures: Mapping[str, float | int | str]) -> None:
    """Print the last line: flat JSON, numbers rounded."""
    short = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    print(json.dumps(short), flush=True)
