"""A PostgreSQL server of the tests' own, set up by the documented commands, with the two roles."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.rules.source import ROOT
from truepush.local.database import Server
from truepush.local.place import choose_place, remove_outside
from truepush.local.secrets import make_secrets, settings_for
from truepush.local.up import DEFAULT_PORT

SUPERUSER_PASSWORD = "only-in-this-test"


@dataclass
class Roles:
    """An installation whose tables belong to truepush_owner; `run` starts Python as one of the roles."""

    server: Server
    settings: dict[str, str]
    passwords: dict[str, str] = field(default_factory=dict)

    def url(self, role: str, database: str = "truepush") -> str:
        place = self.server.url.rpartition("@")[2].partition("/")[0]
        return f"postgres://{role}:{self.passwords[role]}@{place}/{database}"

    def run(self, role: str, *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.settings, "DATABASE_URL": self.url(role), **changes},
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, role: str, *arguments: str, **changes: str) -> str:
        answer = self.run(role, *arguments, **changes)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def execute(self, role: str, *statements: str, database: str = "truepush") -> list[tuple[object, ...]]:
        """Run them one by one, each in a transaction of its own; answer the rows of the last."""
        url = self.url(role, database).replace("postgres://", "postgresql://")
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    folder = tmp_path_factory.mktemp("roles")
    var = folder / "var"
    var.mkdir()
    secrets = make_secrets()
    server = Server(choose_place(var), password=secrets["DATABASE_PASSWORD"], log=folder / "postgres.log")
    let_superuser_in(server)
    process = server.start()
    given = settings_for(DEFAULT_PORT, known=secrets, database_url="", var=var, environment={"DEMO": "false"})
    made = Roles(server, {**given, "DJANGO_SETTINGS_MODULE": "truepush.settings", "STATIC_MANIFEST": "false"})
    made.passwords = {
        "postgres": SUPERUSER_PASSWORD,
        "truepush_owner": "owner-pass",
        "truepush_app": "app-pass",
    }
    try:
        made.execute("postgres", "DROP DATABASE truepush", database="postgres")
        run_script(made, ROOT / "deploy" / "roles.sql")
        for role in ("truepush_owner", "truepush_app"):
            made.execute("postgres", f"ALTER ROLE {role} PASSWORD '{made.passwords[role]}'")
        made.done("truepush_owner", "manage.py", "migrate_schemas", "--shared", "--noinput", "-v0")
        yield made
    finally:
        server.stop(process)
        remove_outside(var)


def let_superuser_in(server: Server) -> None:
    """The server of bin/up lets in its own role alone; a real one has a superuser who makes the roles."""
    process = server.start()
    server.stop(process)
    binaries, data = server.place.binaries, server.place.data
    server._run(
        [str(binaries.postgres), "--single", "-D", str(data), "postgres"],
        f"ALTER ROLE postgres PASSWORD '{SUPERUSER_PASSWORD}';\n",
    )
    (server.place.folder / "hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")


def run_script(roles: Roles, script: Path) -> None:
    """Run it as psql does: a statement a line, from \\connect on in the other database."""
    database = "postgres"
    for line in script.read_text().splitlines():
        if line.startswith("\\connect"):
            database = line.split()[1]
        elif line and not line.startswith("--"):
            roles.execute("postgres", line, database=database)
