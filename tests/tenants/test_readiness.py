"""Health and readiness: what each probe looks at, with a database that is stopped, hangs, is behind (OB-01)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.db import connection

from tenants.readiness import look
from tests.campaigns.faults import Installation, installation
from tests.campaigns.places import ROOT
from tests.conftest import Workspace
from tests.sandbox.driver import Sandbox, free_port, until

PROBES = ("/healthz", "/readyz", "/readyz/web")
WAITING = (
    "INSERT INTO tenants_duework (tenant_id, schema_name, send_id, priority, due_at, is_held) "
    "VALUES (1, 't_a', 1, 3, now() - interval '61 seconds', false) RETURNING id"
)


@contextmanager
def web(place: Installation) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port)]
    with (place.folder / "web.log").open("wb") as output:
        process = subprocess.Popen(
            [*command, "truepush.wsgi:application"],
            cwd=ROOT,
            env={**os.environ, **place.settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: answers(port)[0] == 200, 30)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int, host: str = "10.0.0.7") -> tuple[int, ...]:
    """The status of each probe, asked as a load balancer does: by an address, not by name."""
    try:
        return tuple(ask(port, path, host).status_code for path in PROBES)
    except requests.ConnectionError:
        return (0,)


def ask(port: int, path: str, host: str = "10.0.0.7") -> requests.Response:
    return requests.get(f"http://127.0.0.1:{port}{path}", headers={"Host": host}, timeout=10)


def details(place: Installation) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "ready"],
        cwd=ROOT,
        env={**os.environ, **place.settings},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_readiness_follows_the_database_and_the_queue(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    with installation(tmp_path, sandbox) as place, web(place) as port:
        # 1. All is well; who asks learns nothing but that.
        assert answers(port) == (200, 200, 200)
        assert (ask(port, "/readyz").text, ask(port, "/readyz").headers.get("Set-Cookie")) == ("ok\n", None)
        assert answers(port, host="nobody.example") == (200, 200, 200)
        assert details(place)[0] == 0
        # 2. Work that nobody takes up: the workers' trouble, not the web server's.
        place.ask(WAITING)
        until(lambda: answers(port) == (200, 503, 200), 5)
        code, text = details(place)
        assert code == 1
        assert "FAILED  queue: the oldest due work has waited 6" in text
        place.ask("DELETE FROM tenants_duework RETURNING id")
        until(lambda: answers(port) == (200, 200, 200), 5)
        # 3. A database that hangs, then one that is gone.
        place.process.send_signal(signal.SIGSTOP)
        check_not_ready(port)
        place.process.send_signal(signal.SIGCONT)
        until(lambda: answers(port) == (200, 200, 200), 10)
        place.kill_database()
        check_not_ready(port)
        assert "FAILED  database: cannot be asked" in details(place)[1]
        place.start_database()
        until(lambda: answers(port) == (200, 200, 200), 10)


def check_not_ready(port: int) -> None:
    """OB-01: within 10 s, without a word about why."""
    started = time.monotonic()
    until(lambda: ask(port, "/readyz").status_code == 503, 10)
    assert time.monotonic() - started < 10
    assert ask(port, "/readyz").text == "not ready\n"
    assert answers(port) == (200, 503, 503)


def found(subject: str) -> tuple[bool, str, str]:
    finding = next(finding for finding in look() if finding.subject == subject)
    return finding.is_well, finding.text, finding.remedy


@pytest.fixture
def committed(alone: Workspace, django_db_blocker: pytest.FixtureRequest) -> Iterator[Workspace]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield alone


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_workspace_that_is_behind_makes_it_not_ready(committed: Workspace) -> None:
    assert found("migrations")[0]
    execute(f"DELETE FROM {committed.schema}.django_migrations WHERE app = 'campaigns'")
    is_well, text, remedy = found("migrations")
    assert (is_well, remedy) == (False, "Run manage.py migrate_tenants.")
    assert text.endswith(f"the first is {committed.schema}.")


def test_one_whose_migration_failed_does_not_stop_the_others(committed: Workspace) -> None:
    """It is noted on the workspace, shown to staff, and its own pages answer with errors; all others go on."""
    execute(f"DELETE FROM {committed.schema}.django_migrations WHERE app = 'campaigns'")
    type(committed.tenant).objects.filter(pk=committed.tenant.pk).update(migration_error="lock timeout")
    assert found("migrations")[0]


def test_a_missing_migration_of_the_public_schema_is_named(committed: Workspace) -> None:
    execute("UPDATE django_migrations SET name = 'x' WHERE app = 'tenants' AND name = '0001_initial'")
    try:
        assert found("migrations") == (
            False,
            "1 of the public schema are missing, the first is tenants.0001_initial.",
            "Run manage.py migrate_schemas --shared.",
        )
    finally:
        execute("UPDATE django_migrations SET name = '0001_initial' WHERE app = 'tenants' AND name = 'x'")
