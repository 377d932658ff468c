"""Folders for servers, and a server that most tests here share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from truepush.local.database import Server
from truepush.local.place import choose_place, remove_outside

PASSWORD = "correct-horse"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder every user can get into (pytest's own are 0700), with a space in its name."""
    yield from _open_folder()


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    yield from _open_folder()


@pytest.fixture(scope="module")
def server(shared_folder: Path) -> Server:
    """A server that has been made; each test starts and stops it."""
    place = choose_place(shared_folder)
    server = Server(place, password=PASSWORD, log=shared_folder / "log" / "postgres.log")
    server.stop(server.start())
    return server


def _open_folder() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="truepush tests "))
    parent.chmod(0o755)
    folder = parent / "var"
    folder.mkdir(mode=0o755)
    yield folder
    remove_outside(folder)
    shutil.rmtree(parent)
