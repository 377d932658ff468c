"""What is wrong with this installation, and what to do about it: the part that asks nobody else."""

import math
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.checks import run_checks

from tenants.finding import Finding
from tenants.limits import needed_files, raise_file_limit, requests_that_fit
from tenants.own_connection import Ask, asking_within
from tenants.readiness import PATIENCE_SECONDS, look

# Leases, due times and tokens are compared across machines.
MOST_SKEW_SECONDS = 2.0
# They say something every second.
WORKERS_SILENT_SECONDS = 10
OLDEST_POSTGRESQL = 14
LEAST_LOCKS = 1024
LEAST_SECRET_LENGTH, LEAST_CHARACTERS = 50, 5
# Names that lead to nobody (RFC 2606, 6761).
NOBODY = ("localhost", "example", "example.com", "example.net", "example.org", "test", "invalid", "local")


def examine() -> Iterator[Finding]:
    """Look at the settings, this machine and the database, one after the other."""
    yield from _settings()
    yield _secrets()
    yield _contact()
    yield _files()
    yield from _disk()
    yield from _database()


def _settings() -> Iterator[Finding]:
    problems = [problem for problem in run_checks() if problem.is_serious()]
    for problem in problems:
        yield Finding(
            "settings", False, f"{problem.id}: {problem.msg}", problem.hint or "Change it in the environment."
        )
    if not problems:
        yield Finding("settings", True, "every check passes, the queue's retry and timeout among them.")


def _secrets() -> Finding:
    weak = []
    if len(settings.SECRET_KEY) < LEAST_SECRET_LENGTH or len(set(settings.SECRET_KEY)) < LEAST_CHARACTERS:
        weak.append("SECRET_KEY is short or made of few characters")
    keys = [*settings.FIELD_KEYS.values(), *settings.RECEIPT_KEYS.values()]
    weak += ["a key of FIELD_KEYS or RECEIPT_KEYS is not random" for key in keys if _entropy(key) < 3.0][:1]
    if len(set(keys)) < len(keys):
        weak.append("FIELD_KEYS and RECEIPT_KEYS share a key")
    if weak:
        return Finding("secrets", False, f"{'; '.join(weak)}.", "Make new ones as .env.example says.")
    return Finding("secrets", True, "look random.")


def _entropy(key: bytes) -> float:
    """Bits an octet; 32 random octets have 4.9 of the 5 they could have at most."""
    shares = [key.count(octet) / len(key) for octet in set(key)]
    return -sum(share * math.log2(share) for share in shares)


def _contact() -> Finding:
    host = (
        settings.VAPID_CONTACT.partition("@")[2]
        or settings.VAPID_CONTACT.partition("//")[2].partition("/")[0]
    )
    if any(host == name or host.endswith(f".{name}") for name in NOBODY):
        remedy = "Set VAPID_CONTACT to where push services reach you when something goes wrong."
        return Finding("contact", False, f"{settings.VAPID_CONTACT} reaches nobody.", remedy)
    return Finding("contact", True, f"{settings.VAPID_CONTACT}.")


def _files() -> Finding:
    asked, files = 3 * settings.PUSH_CONCURRENCY, raise_file_limit()
    fit = requests_that_fit(asked, files)
    text = f"{files} open files a process"
    if fit < asked:
        remedy = f"Raise it to {needed_files(asked)} (ulimit -n, LimitNOFILE in systemd), or lower PUSH_CONCURRENCY."
        return Finding("open files", False, f"{text}: only {fit} of {asked} requests fit.", remedy)
    return Finding("open files", True, f"{text}, {needed_files(asked)} are needed.")


def _disk() -> Iterator[Finding]:
    """Whether FILES_DIR can be written, and has room."""
    folder = Path(settings.FILES_DIR)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x" * 65_536)
        free_mb = shutil.disk_usage(folder).free // 2**20
    except OSError as error:
        yield Finding("disk", False, f"{folder} cannot be written: {error.strerror}.", "Mend FILES_DIR.")
        return
    if free_mb < settings.DISK_LEAST_MB:
        text = f"{folder} has {free_mb:,} MB left, less than DISK_LEAST_MB ({settings.DISK_LEAST_MB:,})."
        yield Finding("disk", False, text, "Make room, or move FILES_DIR.")
    else:
        yield Finding("disk", True, f"{folder} has {free_mb:,} MB left.")


def _database() -> Iterator[Finding]:
    found = look()
    yield from found
    if not all(finding.is_well for finding in found if finding.subject != "queue"):
        return
    try:
        with asking_within(PATIENCE_SECONDS) as ask:
            yield from (_server(ask), _pooler(ask), _role(ask), _clock(ask), _workspaces(ask), _workers(ask))
    except psycopg.Error as error:
        text = f"did not answer: {type(error).__name__}."
        yield Finding("database", False, text, "Look at PostgreSQL's log.")


def _server(ask: Ask) -> Finding:
    statement = (
        "SELECT current_setting('server_version_num')::int, current_setting('max_locks_per_transaction')::int"
    )
    version, locks = ask(statement, [])[0]
    if version // 10_000 < OLDEST_POSTGRESQL:
        return Finding(
            "postgresql", False, f"it is version {version // 10_000}.", f"Use {OLDEST_POSTGRESQL} or newer."
        )
    if locks < LEAST_LOCKS:
        remedy = f"Set it to {LEAST_LOCKS} in postgresql.conf and restart."
        return Finding("postgresql", False, f"max_locks_per_transaction is {locks}.", remedy)
    return Finding("postgresql", True, f"version {version // 10_000}, {locks} locks a transaction.")


def _pooler(ask: Ask) -> Finding:
    if ask("SELECT coalesce(current_setting('truepush.direct', true), '')", [])[0][0] == "on":
        return Finding("pooler", True, "none stands in between.")
    text = "a pooler stands in between: rows would land in other tenants' schemas."
    return Finding("pooler", False, text, "Point DATABASE_URL at PostgreSQL itself.")


def _role(ask: Ask) -> Finding:
    name, is_super = ask("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user", [])[0]
    if is_super:
        return Finding(
            "role", False, f"{name} is a superuser.", "Use a role that is none (docs/operating.md)."
        )
    return Finding("role", True, f"{name} is no superuser.")


def _clock(ask: Ask) -> Finding:
    """The database's time was taken between two readings of ours: half a round trip is forgiven."""
    before = time.time()
    (theirs,) = ask("SELECT extract(epoch FROM clock_timestamp())::float8", [])[0]
    after = time.time()
    skew = theirs - (before + after) / 2
    if abs(skew) - (after - before) / 2 > MOST_SKEW_SECONDS:
        text = f"the database is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}."
        return Finding("clock", False, text, "Let NTP set the clocks of all machines.")
    return Finding("clock", True, f"{abs(skew):.1f} s from the database's.")


def _workspaces(ask: Ask) -> Finding:
    rows = ask("SELECT slug, migration_error FROM tenants_tenant WHERE migration_error <> '' ORDER BY id", [])
    if rows:
        text = f"{len(rows)} could not be migrated, the first is {rows[0][0]}: {rows[0][1]}."
        return Finding("workspaces", False, text, "Mend the cause, then run manage.py migrate_tenants.")
    return Finding("workspaces", True, "each could be migrated.")


def _workers(ask: Ask) -> Finding:
    statement = (
        "SELECT role, count(*) FROM tenants_workerprocess"
        " WHERE seen_at > clock_timestamp() - make_interval(secs => %s) GROUP BY role"
    )
    alive: dict[str, int] = dict(ask(statement, [WORKERS_SILENT_SECONDS]))
    missing = [role for role in ("clock", "delivery") if role not in alive]
    if missing:
        text = f"no {' and no '.join(missing)} process has said anything for {WORKERS_SILENT_SECONDS} s."
        return Finding("workers", False, text, "Start manage.py worker, or look at its log.")
    return Finding("workers", True, f"{alive['clock']} hosts, {alive['delivery']} delivery processes.")
