"""The private PostgreSQL: made, started, stopped and recovered (design section 2)."""

import os
import signal
import socket
import subprocess
import sys
import time

import psycopg
import pytest

from truepush.local import processes
from truepush.local.database import Server, is_free

PASSWORD = "correct-horse"  # as in conftest.py
as_root = pytest.mark.skipif(os.getuid() != 0, reason="about running as root")


def ask(server: Server, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url) as connection:
        return connection.execute(question).fetchall()


def test_role_of_the_application_owns_its_database_and_is_no_superuser(server: Server) -> None:
    """OP-04."""
    process = server.start()
    try:
        role = "SELECT rolname, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        assert ask(server, role) == [("truepush", False, True)]
        owner = "SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()"
        assert ask(server, owner) == [("truepush",)]
        options = "SELECT current_setting('max_locks_per_transaction'), current_setting('TimeZone')"
        assert ask(server, options) == [("1024", "UTC")]
    finally:
        server.stop(process)


def test_nobody_signs_in_without_the_password_or_as_superuser(server: Server) -> None:
    process = server.start()
    try:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace(PASSWORD, "battery-staple"))
        with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
            psycopg.connect(server.url.replace("truepush:", "postgres:", 1))
    finally:
        server.stop(process)


def test_stop_leaves_no_process(server: Server) -> None:
    process = server.start()
    assert process.pid in processes.working_in(server.place.data)
    server.stop(process)
    assert processes.working_in(server.place.data) == []
    assert process.returncode == 0


@as_root
def test_root_runs_the_server_as_another_user(server: Server) -> None:
    process = server.start()
    try:
        assert server.place.data.stat().st_uid == server.place.account.uid  # type: ignore[union-attr]
        status = (processes.PROCESSES / str(process.pid) / "status").read_text()
        uids = next(line for line in status.splitlines() if line.startswith("Uid:"))
        assert uids.split()[1:] == ["65534"] * 4
        assert "\nGroups:\t \n" in status
    finally:
        server.stop(process)


def test_data_outlives_a_kill_of_the_server(server: Server) -> None:
    process = server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    process.kill()
    process.wait()
    again = server.start()
    try:
        assert ask(server, "SELECT number FROM kept") == [(7,)]
    finally:
        server.stop(again)


def test_server_left_over_by_a_killed_start_is_stopped_first(server: Server) -> None:
    left_over = server.start()
    process = server.start()
    try:
        assert left_over.wait(timeout=5) == 0
        assert ask(server, "SELECT 1") == [(1,)]
    finally:
        server.stop(process)


def test_lock_file_that_names_a_strange_process_does_not_stop_the_start(server: Server) -> None:
    """After a restart of the machine it may be anybody's number, here that of a process of the same user."""
    stranger = processes.spawn(
        ["/bin/sleep", "30"], environment={}, output=subprocess.DEVNULL, account=server.place.account
    )
    lock = server.place.data / "postmaster.pid"
    lock.write_text(f"{stranger.pid}\n{server.place.data}\n1\n1\n\n127.0.0.1\n1 1\nready   \n")
    if server.place.account is not None:
        os.chown(lock, server.place.account.uid, server.place.account.gid)
    process = server.start()
    try:
        assert ask(server, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        server.stop(process)
        processes.end(stranger, politely=signal.SIGTERM, patience=5.0)


def test_port_of_the_last_start_is_used_again_unless_it_is_taken(server: Server) -> None:
    server.stop(server.start())
    first = server.url
    server.stop(server.start())
    assert server.url == first
    port = int((server.place.folder / "port").read_text())
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        process = server.start()
        try:
            assert server.url != first
            assert ask(server, "SELECT 1") == [(1,)]
        finally:
            server.stop(process)


def test_server_dies_with_the_process_that_started_it(server: Server) -> None:
    """As after kill -9 of bin/up."""
    shared = server.place.folder.parent
    program = (
        "import sys, time; from pathlib import Path; from truepush.local.database import Server;"
        "from truepush.local.place import choose_place; var = Path(sys.argv[1]);"
        f"Server(choose_place(var), password='{PASSWORD}', log=var / 'log' / 'postgres.log').start();"
        "print('started', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, shared], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
        assert processes.working_in(server.place.data) != []
        starter.kill()
    deadline = time.monotonic() + 10
    while processes.working_in(server.place.data) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes.working_in(server.place.data) == []
