"""Put a backup into an empty database. Cut off anywhere, the next run begins anew and completes."""

import json
import tarfile
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from tenants.backup import DUMP, FILES, FORMAT, MANIFEST, BackupFailed, describe, run_program
from tenants.own_connection import ask_here
from tenants.restore_mark import MARK, is_marked
from tenants.schema import all_migrations, public_migrations
from truepush.lib.version import VERSION

JOBS = 2
# Connections that are just being closed are waited for.
PATIENCE_SECONDS = 5.0


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read it and check that all of it is here, unchanged, and for us; raises BackupFailed."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise BackupFailed(f"{folder} is no whole backup: {MANIFEST} cannot be read.") from error
    if manifest.get("format") != FORMAT:
        raise BackupFailed(f"{folder} has format {manifest.get('format')}; this version reads {FORMAT}.")
    for name, described in manifest["files"].items():
        path = folder / Path(name).name
        if not path.is_file() or describe(path) != described:
            raise BackupFailed(f"{path} is missing or not what was written. Take another backup.")
    for setting, known in (("FIELD_KEYS", settings.FIELD_KEYS), ("RECEIPT_KEYS", settings.RECEIPT_KEYS)):
        missing = [str(key) for key in manifest[setting.lower()] if key not in known]
        if missing:
            text = f"{setting} lacks {', '.join(missing)}, with which this backup was made."
            raise BackupFailed(f"{text} Put the key's own backup there.")
    check_version(manifest)
    return manifest


def check_version(manifest: dict[str, Any]) -> None:
    """Refuse what a newer version has made; raises BackupFailed."""
    ours = {".".join(key) for key in (*public_migrations(), *all_migrations())}
    if unknown := sorted(set(manifest["migrations"]) - ours):
        text = f"The backup is of version {manifest['version']}, which has {unknown[0]}; this is {VERSION}."
        raise BackupFailed(f"{text} Install that one.")


def restore(folder: Path, manifest: dict[str, Any]) -> None:
    """Bring back database and files; raises BackupFailed, and touches no database that is in use.

    The mark stays until `finish()`: until then the next run begins anew.
    """
    _refuse_company()
    with connection.cursor() as cursor:
        if not is_marked():
            if in_use := _schemas_in_use():
                raise BackupFailed(
                    f"The database is not empty: it has {in_use[0]}. Make an empty one, and name it in DATABASE_URL."
                )
            cursor.execute(f"CREATE SCHEMA {MARK}")
        _end_left_over()
        for schema in _schemas_in_use():
            cursor.execute(f"DROP SCHEMA {connection.ops.quote_name(schema)} CASCADE")
        cursor.execute("CREATE SCHEMA IF NOT EXISTS public")
    connection.close()
    # 1. The database, several tables at once; owners and rights are those of who restores.
    options = ["--no-owner", "--no-privileges", "--no-password", "--exit-on-error", f"--jobs={JOBS}"]
    run_program("pg_restore", manifest["postgresql"], [*options, str(folder / DUMP)])
    # 2. The files; what is there already is written over.
    target = Path(settings.FILES_DIR)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tarfile.open(folder / FILES) as archive:
        archive.extractall(target, filter="data")


_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
AND application_name <> 'pg_restore' AND coalesce(backend_type, 'client backend') = 'client backend'
"""


def _refuse_company() -> None:
    """Raise BackupFailed while anything else is connected: a worker would send what has just come back."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while number := ask_here(_OTHERS, [])[0][0]:
        if time.monotonic() > deadline:
            raise BackupFailed(
                f"{number} other connections to this database are open. Stop whatever uses it, workers first."
            )
        time.sleep(0.1)


# pg_restore's processes of a run that was killed; each ends when its connection does.
_END = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'pg_restore'
"""


def _end_left_over() -> None:
    while ask_here(_END, [])[0][0]:
        time.sleep(0.1)


def finish() -> None:
    """Say that everything after the restore is done too."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {MARK}")


def _schemas_in_use() -> list[str]:
    """Schemas but the system's own and the mark; public too, where anything is in it."""
    rows = ask_here(
        "SELECT nspname FROM pg_namespace"
        " WHERE nspname NOT IN ('information_schema', %s) AND nspname NOT LIKE 'pg\\_%%'"
        " AND (nspname <> 'public' OR EXISTS (SELECT FROM pg_class WHERE relnamespace = pg_namespace.oid)"
        " OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = pg_namespace.oid)) ORDER BY 1",
        [MARK],
    )
    return [name for (name,) in rows]
