"""A private installation for a benchmark: database, push service in C, settings; everything is removed at the end."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from bench.lib.server import Server, push_server
from truepush.local.database import Server as Database
from truepush.local.paths import ROOT
from truepush.local.place import choose_place, remove_outside
from truepush.local.secrets import make_secrets, settings_for
from truepush.local.services import MANAGE
from truepush.local.up import DEFAULT_PORT

VAR = ROOT / "var" / "bench"


def run_installed(module: str, *, pushes: bool = True) -> int:
    """Run the module in an installation of its own, with a push service if it `pushes`; answer its exit code."""
    shutil.rmtree(VAR / "run", ignore_errors=True)
    var = VAR / "run"
    var.mkdir(parents=True)
    place = choose_place(var)
    secrets = make_secrets()
    database = Database(place, password=secrets["DATABASE_PASSWORD"], log=var / "postgres.log")
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        push_server(Path(folder)) if pushes else nullcontext() as server,
    ):
        process = database.start()
        try:
            environment = _environment(var, secrets, database.url, server, process.pid)
            for command in ("migrate_schemas --shared --noinput -v0", "migrate_tenants"):
                subprocess.run([*MANAGE, *command.split()], cwd=ROOT, env=environment, check=True)
            return subprocess.run(
                [sys.executable, "-m", module], cwd=ROOT, env=environment, check=False
            ).returncode
        finally:
            database.stop(process)
            remove_outside(var)
            shutil.rmtree(var, ignore_errors=True)


def _environment(
    var: Path, secrets: dict[str, str], url: str, server: Server | None, postgres: int
) -> dict[str, str]:
    settings = settings_for(
        DEFAULT_PORT, known=secrets, database_url=url, var=var, environment={"DEMO": "true"}
    )
    return {
        **os.environ,
        **settings,
        "DJANGO_SETTINGS_MODULE": "truepush.settings",
        "STATIC_MANIFEST": "false",
        "LOG_LEVEL": "WARNING",
        "BENCH_POSTGRES": str(postgres),
        "BENCH_VAR": str(VAR),
        # The same audience is sent to again and again, which the guard against runaway sends would stop.
        "RUNAWAY_SECONDS": "0.001",
        **(_of_server(server) if server else {}),
    }


def _of_server(server: Server) -> dict[str, str]:
    return {
        "SANDBOX_ORIGIN": server.origin,
        "SANDBOX_CA": str(server.ca),
        "BENCH_FOLDER": str(server.folder),
    }
