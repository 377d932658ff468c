"""A backup of the whole installation: a dump of the database, the files, and a manifest that tells whether it is whole.

The keys of FIELD_KEYS and RECEIPT_KEYS are not in it: who steals a backup must not be able to read what they seal. The
manifest names their ids, so that a restore can say which are missing.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from tenants.own_connection import ask_here
from tenants.schema import all_migrations, public_migrations
from tenants.stop import die_with_parent
from truepush.lib.pg_programs import find_program
from truepush.lib.version import VERSION

FORMAT = 1
DUMP, FILES, MANIFEST = "database.dump", "files.tar", "manifest.json"
_PIECE = 1 << 20


class BackupFailed(Exception):
    """Nothing was made, or nothing was restored; the text says why and what to do."""


def back_up(into: Path) -> Path:
    """Make a backup in a folder of its own below `into`, and answer it; raises BackupFailed, ProgramMissing.

    The folder has its name when it is whole: one that ends in .new is of a run that was cut off, and the next goes
    over it.
    """
    (major,) = ask_here("SELECT current_setting('server_version_num')::int / 10000", [])[0]
    started = datetime.now(UTC)
    whole = into / f"truepush-{started:%Y%m%dT%H%M%S}Z"
    unfinished = into / "truepush.new"
    into.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    # 1. The database first: a picture that is not in it yet does no harm, one that is missing would.
    run_program("pg_dump", major, ["--format=custom", "--no-password", f"--file={unfinished / DUMP}"])
    # 2. The files.
    with tarfile.open(unfinished / FILES, "w") as archive:
        if Path(settings.FILES_DIR).is_dir():
            archive.add(settings.FILES_DIR, arcname=".")
    # 3. What it is, last, and on the disk before the name says that it is whole.
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "made_at": started.isoformat(timespec="seconds"),
        "postgresql": major,
        "migrations": sorted(".".join(key) for key in (*public_migrations(), *all_migrations())),
        "field_keys": list(settings.FIELD_KEYS),
        "receipt_keys": list(settings.RECEIPT_KEYS),
        "files": {name: describe(unfinished / name) for name in (DUMP, FILES)},
    }
    (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    for path in (*unfinished.iterdir(), unfinished):
        sync(path)
    unfinished.rename(whole)
    return whole


def describe(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return {"octets": path.stat().st_size, "sha256": digest.hexdigest()}


def run_program(name: str, major: int, arguments: list[str]) -> None:
    """Run a program of PostgreSQL on our database; its password goes by the environment, which only we can read."""
    database = connection.get_connection_params()
    known = {
        name: f"PG{name.upper()}" for name in ("host", "port", "user", "password", "sslmode", "sslrootcert")
    }
    given = {variable: str(database[name]) for name, variable in known.items() if database.get(name)}
    done = subprocess.run(
        [find_program(name, major), f"--dbname={database['dbname']}", *arguments],
        env={"LC_ALL": "C.UTF-8", **given},
        preexec_fn=die_with_parent,  # commands have one thread
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupFailed(f"{name} failed: {' '.join(done.stderr.split())[:500]}")


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
