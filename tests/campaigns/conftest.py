import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.delivery.transport import Transport
from tests.campaigns.places import Place, new_transport, open_place
from tests.campaigns.raw_server import DEADLINE, Handler, RawServer, Serve
from tests.conftest import Workspace, make_workspace, remove_workspace
from tests.sandbox.driver import Sandbox
from truepush.local.sandbox.authority import server_context


@pytest.fixture(scope="session")
def started_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path_factory.mktemp("sandbox"))
    made.program.start()
    yield made
    assert made.program.stop() == 0


@pytest.fixture
def sandbox(started_sandbox: Sandbox, settings: Any) -> Sandbox:
    """A sandbox push service that has seen nothing yet, and that the settings name."""
    assert started_sandbox.control("POST", "reset").status_code == 204
    settings.DEMO = True
    settings.SANDBOX_ORIGIN = started_sandbox.origin
    settings.SANDBOX_CA = str(started_sandbox.ca)
    return started_sandbox


@pytest.fixture
def transport(sandbox: Sandbox) -> Iterator[Transport]:
    made = new_transport(sandbox)
    yield made
    made.close()


@pytest.fixture
def place(acme: Workspace, sandbox: Sandbox) -> Place:
    """A website of acme in a test's transaction."""
    return open_place(acme, sandbox)


@pytest.fixture
def lasting(alone: Workspace, sandbox: Sandbox, django_db_blocker: Any) -> Iterator[Place]:
    """A website whose rows are committed, for tests with threads and processes."""
    with django_db_blocker.unblock():
        yield open_place(alone, sandbox)


@pytest.fixture
def beside(sandbox: Sandbox, django_db_setup: None, django_db_blocker: Any) -> Iterator[Place]:
    """A website of another workspace, whose rows are committed too."""
    with django_db_blocker.unblock():
        made = make_workspace("beside")
        try:
            yield open_place(made, sandbox)
        finally:
            remove_workspace(made)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    server_context(path)
    return path


@pytest.fixture
def serve(authority: Path) -> Iterator[Serve]:
    """Start a server with the sandbox's kind of certificate, or another one."""
    running: list[RawServer] = []

    def start(handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> RawServer:
        running.append(RawServer(handler, tls or server_context(authority), host))
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture
def quick(authority: Path) -> Iterator[Transport]:
    made = Transport(concurrency=20, attempt_seconds=DEADLINE, sandbox_ca=str(authority))
    yield made
    made.close()
