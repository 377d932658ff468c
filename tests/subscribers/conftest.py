"""A website of one workspace, from whose pages the calls come; and a customer's server."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from subscribers.models import Site
from tests.conftest import Workspace, make_site
from tests.subscribers.customer import Website
from truepush.lib.guarded import Trust
from truepush.local.sandbox.authority import server_context


@pytest.fixture
def shop(acme: Workspace) -> Site:
    return make_site(acme)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    server_context(path)
    return path


@pytest.fixture
def trust(authority: Path) -> Trust:
    """Take the certificates of `website` and `www`, which lie on this machine."""
    return Trust(ssl.create_default_context(cafile=str(authority)), allow_loopback=True)


@pytest.fixture
def website(authority: Path) -> Iterator[Website]:
    running = Website(server_context(authority))
    yield running
    running.close()


@pytest.fixture
def www(authority: Path) -> Iterator[Website]:
    """Another origin of the same customer."""
    running = Website(server_context(authority))
    yield running
    running.close()
