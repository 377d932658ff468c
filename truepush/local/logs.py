"""The log files under var/log/, one for each program."""

from pathlib import Path
from typing import BinaryIO

KEEP_BYTES = 10_000_000


def open_log(log: Path) -> BinaryIO:
    """Open for appending; a log that has grown large is first put aside as `<name>.1`."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > KEEP_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    return log.open("ab")


def tail(log: Path, lines: int = 15) -> str:
    if not log.exists():
        return "(nothing was written)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) or "(nothing was written)"
