"""The database dies in the middle of an import whose pieces are not all on disk: rows and place go back together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns.faults import Installation, installation, seconds_until
from tests.campaigns.places import ROOT
from tests.sandbox.driver import Sandbox

SIZE = 20_000
WORKER = "tests/subscribers/import_worker.py"


@pytest.fixture
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Named in the settings and not started: nothing is sent here."""
    return Sandbox(tmp_path_factory.mktemp("sandbox"))


def rows_and_place(place: Installation, schema: str, job: str) -> tuple[int, int]:
    """How many rows there are, and how many the job says that it brought."""
    counted = (
        f"SELECT count(*), (SELECT (result->>'new')::int FROM {schema}.subscribers_job WHERE id = {job})"
    )
    [(rows, said)] = place.ask(f"{counted} FROM {schema}.subscribers_subscriber")
    return rows, said or 0


def test_an_import_goes_on_where_its_rows_end(sandbox: Sandbox, tmp_path: Path) -> None:
    with installation(tmp_path, sandbox) as place:
        place.settings["FILES_DIR"] = str(tmp_path / "files")
        schema, job = place.run("tests/subscribers/import_place.py", str(SIZE)).split()
        with subprocess.Popen(
            [sys.executable, WORKER, schema, job], cwd=ROOT, env={**os.environ, **place.settings},
            stderr=subprocess.DEVNULL,
        ) as worker:  # fmt: skip
            seconds_until(lambda: rows_and_place(place, schema, job)[1] >= SIZE // 8, 60)
            place.kill_database()
            assert worker.wait(30) != 0
        place.start_database()
        rows, said = rows_and_place(place, schema, job)
        assert rows == said < SIZE
        place.ask(f"UPDATE {schema}.subscribers_job SET lease_until = '2026-01-01' RETURNING 1")
        place.run(WORKER, schema, job)
        assert rows_and_place(place, schema, job) == (SIZE, SIZE)
        [(ids,)] = place.ask(f"SELECT count(DISTINCT external_id) FROM {schema}.subscribers_subscriber")
        assert ids == SIZE
