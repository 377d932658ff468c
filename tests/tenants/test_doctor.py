"""`manage.py doctor`: each fault is made for real, found, and said with what to do about it (OP-06)."""

import os
import resource
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from time import time

import psycopg
import pytest

from tenants import doctor
from tenants.doctor_network import egress
from tenants.own_connection import connection_parameters
from tests.campaigns.faults import Installation, installation
from tests.campaigns.places import ROOT
from tests.sandbox.driver import Sandbox, free_port, until
from truepush.lib.guarded import Trust
from truepush.local.sandbox.authority import server_context

GOOD = {"VAPID_CONTACT": "mailto:push@truepush-customer.at", "SANDBOX_ORIGIN": "", "DEMO": "false"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("doctor")
    with installation(folder, Sandbox(folder)) as made:
        made.settings.update(GOOD)
        yield made


def faults(
    place: Installation, limit: Callable[[], None] | None = None, **changes: str
) -> tuple[int, list[str]]:
    """The code, and the lines of what is wrong."""
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--no-network"],
        cwd=ROOT,
        env={**os.environ, **place.settings, **changes},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith("FAILED")]


NO_WORKER = (
    "FAILED  workers: no clock and no delivery process has said anything for 10 s. "
    "Start manage.py worker, or look at its log."
)


def test_only_the_worker_is_missing_and_then_nothing(place: Installation) -> None:
    assert faults(place) == (1, [NO_WORKER])
    with place.worker():
        until(lambda: place.ask("SELECT FROM tenants_workerprocess WHERE role = 'delivery'"), 30)
        assert faults(place) == (0, [])
    place.ask("DELETE FROM tenants_workerprocess RETURNING id")


def test_faults_of_machine_and_settings(place: Installation, tmp_path: Path) -> None:
    """One start for all of them; each has a line of its own."""
    file = tmp_path / "file"
    file.touch()

    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120))

    code, lines = faults(
        place,
        few_files,
        SECRET_KEY="x" * 50,
        VAPID_CONTACT="mailto:ops@example.com",
        PUSH_DRAIN_SECONDS="80",
        FILES_DIR=str(file),
        FIELD_KEYS=f"k1:{'A' * 43}",
    )
    assert code == 1
    assert lines == [
        "FAILED  settings: truepush.E007: Q_CLUSTER timeout must exceed PUSH_DRAIN_SECONDS + PUSH_ATTEMPT_SECONDS. "
        "Change it in the environment.",
        "FAILED  secrets: SECRET_KEY is short or made of few characters; "
        "a key of FIELD_KEYS or RECEIPT_KEYS is not random. Make new ones as .env.example says.",
        "FAILED  contact: mailto:ops@example.com reaches nobody. "
        "Set VAPID_CONTACT to where push services reach you when something goes wrong.",
        "FAILED  open files: 120 open files a process: only 60 of 300 requests fit. "
        "Raise it to 360 (ulimit -n, LimitNOFILE in systemd), or lower PUSH_CONCURRENCY.",
        f"FAILED  disk: {file} cannot be written: File exists. Mend FILES_DIR.",
        NO_WORKER,
    ]


def test_a_disk_with_little_room(place: Installation) -> None:
    (disk, _) = faults(place, DISK_LEAST_MB=str(10**9))[1]
    assert disk.startswith("FAILED  disk: ")
    assert disk.endswith("less than DISK_LEAST_MB (1,000,000,000). Make room, or move FILES_DIR.")


def test_a_workspace_that_could_not_be_migrated(place: Installation) -> None:
    place.ask(
        "INSERT INTO tenants_tenant (schema_name, name, slug, state, state_detail, migration_error, is_demo)"
        " VALUES ('t_x', 'X', 'x', 'active', '', 'lock timeout', false) RETURNING id"
    )
    assert faults(place)[1] == [
        "FAILED  workspaces: 1 could not be migrated, the first is x: lock timeout. "
        "Mend the cause, then run manage.py migrate_tenants.",
        NO_WORKER,
    ]
    place.ask("DELETE FROM tenants_tenant RETURNING id")


def test_a_stopped_database_is_one_line(place: Installation) -> None:
    place.kill_database()
    try:
        code, lines = faults(place)
    finally:
        place.start_database()
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith("FAILED  database: cannot be asked: ")
    assert lines[0].endswith("Start PostgreSQL, or look at DATABASE_URL.")


def test_a_connection_that_came_through_a_pooler(db: None) -> None:
    """A pooler drops the start-up option; here is a real connection without it."""
    with psycopg.connect(**{**connection_parameters(), "options": ""}) as database:
        finding = doctor._pooler(lambda statement, values: database.execute(statement.encode()).fetchall())
    assert str(finding) == (
        "FAILED  pooler: a pooler stands in between: rows would land in other tenants' schemas. "
        "Point DATABASE_URL at PostgreSQL itself."
    )


class Service:
    """Answers one head over TLS on this machine."""

    def __init__(self, authority: Path, date: float) -> None:
        self._head = (
            f"HTTP/1.1 404 Not Found\r\nDate: {formatdate(date, usegmt=True)}\r\nContent-Length: 0\r\n\r\n"
        )
        self._tls = server_context(authority)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"https://localhost:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self.listener.accept()
                with suppress(OSError), self._tls.wrap_socket(plain, server_side=True) as channel:
                    channel.recv(65_536)
                    channel.sendall(self._head.encode())


def test_push_services_are_asked_over_tls_and_their_clock_is_compared(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    late = Service(authority, time() - 900)
    trust = Trust(ssl.create_default_context(cafile=str(authority)), allow_loopback=True)
    reached, clock = egress([late.address], trust)
    assert reached.is_well
    assert (clock.subject, clock.is_well) == ("clock", False)
    assert "behind: it will refuse our tokens." in clock.text
    # Whose certificate is not trusted, who is not there, and who lies on a private address.
    (untrusted,) = egress([late.address], Trust(allow_loopback=True))
    (gone,) = egress([f"https://localhost:{free_port()}/"], trust)
    (private,) = egress(["https://127.0.0.1/"])
    assert [finding.is_well for finding in (untrusted, gone, private)] == [False] * 3
    assert untrusted.text.endswith("cannot be asked (certificate).")
    assert gone.text.endswith("cannot be asked (connection).")
    assert private.text == "127.0.0.1 cannot be asked (private)."
