"""Whether the installation can serve: its database, its migrations, its queue.

Looked at on a connection of its own with time limits, so that a database that hangs is told from one that answers.
"""

import threading
import time

import psycopg

from tenants.finding import Finding
from tenants.own_connection import Ask, asking_within
from tenants.restore_mark import REMEDY, is_marked
from tenants.schema import public_migrations, schemas_behind
from tenants.watchdog import STALLED

DATABASE, MIGRATIONS, QUEUE = "database", "migrations", "queue"
# What a web server needs to answer; the queue is the workers'.
OF_WEB = (DATABASE, MIGRATIONS)
STALLED_SECONDS = 60
PATIENCE_SECONDS = 3
# Anyone may ask, so the database is asked once in so long by each process, and by one of its threads.
KEPT_SECONDS, STALE_SECONDS, FIRST_LOOK_SECONDS = 1.0, 10.0, 1.0
# Schemas that are up to date are looked at again after so long: thousands of them take a second.
MIGRATIONS_KEPT_SECONDS = 30.0

_APPLIED = "SELECT app, name FROM public.django_migrations"
# One that failed is noted on its workspace and shown to staff: it alone is out of order, not the installation.
_SCHEMAS = """
SELECT schema_name FROM public.tenants_tenant
WHERE state NOT IN ('creating', 'failed') AND migration_error = '' ORDER BY id
"""
_OLDEST = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0)
FROM public.tenants_duework WHERE NOT is_held AND due_at <= clock_timestamp()
"""


def look(migrations: Finding | None = None) -> tuple[Finding, ...]:
    """Look at everything, within about PATIENCE_SECONDS for each question; at migrations only if not given."""
    try:
        with asking_within(PATIENCE_SECONDS) as ask:
            if is_marked(ask):
                return (Finding(DATABASE, False, "a restore into it is not finished.", REMEDY),)
            database = Finding(DATABASE, True, "answers.")
            migrations = migrations or _migrations(ask)
            return (database, migrations, *([_queue(ask)] if migrations.is_well else []))
    except psycopg.Error as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        remedy = "Start PostgreSQL, or look at DATABASE_URL."
        return (Finding(DATABASE, False, f"cannot be asked: {said}", remedy),)


def _migrations(ask: Ask) -> Finding:
    is_there = ask("SELECT to_regclass('public.django_migrations') IS NOT NULL", [])[0][0]
    applied = set(ask(_APPLIED, [])) if is_there else set()
    missing = [key for key in public_migrations() if key not in applied]
    if missing:
        text = f"{len(missing)} of the public schema are missing, the first is {'.'.join(missing[0])}."
        return Finding(MIGRATIONS, False, text, "Run manage.py migrate_schemas --shared.")
    schemas = [name for (name,) in ask(_SCHEMAS, [])]
    behind = schemas_behind(schemas, ask)
    if behind:
        text = f"{len(behind)} of {len(schemas)} workspaces are behind, the first is {behind[0]}."
        return Finding(MIGRATIONS, False, text, "Run manage.py migrate_tenants.")
    return Finding(MIGRATIONS, True, f"the public schema and {len(schemas)} workspaces are up to date.")


def _queue(ask: Ask) -> Finding:
    (age,) = ask(_OLDEST, [])[0]
    (is_stalled,) = ask(STALLED % {"while": STALLED_SECONDS}, [])[0]
    text = f"the oldest due work has waited {age:.0f} s" if age else "nothing is due"
    if is_stalled:
        text += f", and nobody has taken anything up for {STALLED_SECONDS} s."
        return Finding(QUEUE, False, text, "Look at the workers' log, and start manage.py worker.")
    return Finding(QUEUE, True, f"{text}.")


class Readiness:
    """Keeps what was found for a moment; while one thread looks, others answer what is known."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = self._migrated_at = float("-inf")
        self._found: tuple[Finding, ...] = ()

    def is_ready(self, subjects: tuple[str, ...]) -> bool:
        """Whether each of the subjects was looked at and found well."""
        well = {finding.subject for finding in self._current() if finding.is_well}
        return well.issuperset(subjects)

    def _current(self) -> tuple[Finding, ...]:
        if _is_younger(self._at, KEPT_SECONDS):
            return self._found
        # A first look is waited for, a later one is not: while a database hangs, callers would take every thread.
        if self._lock.acquire(timeout=0 if self._found else FIRST_LOOK_SECONDS):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._found if _is_younger(self._at, STALE_SECONDS) else ()

    def _look(self) -> None:
        if _is_younger(self._at, KEPT_SECONDS):
            return
        known = [found for found in self._found if found.subject == MIGRATIONS and found.is_well]
        is_kept = known and _is_younger(self._migrated_at, MIGRATIONS_KEPT_SECONDS)
        self._found = look(known[0] if is_kept else None)
        self._at = time.monotonic()
        if not is_kept:
            self._migrated_at = self._at


def _is_younger(at: float, seconds: float) -> bool:
    return time.monotonic() - at < seconds
