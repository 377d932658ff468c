"""What bin/up says, in one sentence each, when it cannot start; nothing is started then."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from truepush.local import install, paths
from truepush.local.paths import ROOT
from truepush.local.up import read_port


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with nothing but what bin/up itself consists of."""
    ignored = shutil.ignore_patterns("__pycache__", "sandbox", "shop")
    shutil.copytree(ROOT / "truepush" / "local", tmp_path / "truepush" / "local", ignore=ignored)
    shutil.copytree(ROOT / "bin", tmp_path / "bin")
    return tmp_path


def up(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "truepush.local.up", *arguments],
        cwd=clone,
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_port_in_use_is_named_before_anything_is_started(clone: Path) -> None:
    first = free_port()
    with socket.create_server(("127.0.0.1", first + 1)):
        answer = up(clone, PORT=str(first))
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith(
        f"bin/up: Port {first + 1} is in use by another program: stop that one, or "
    )
    assert sorted(entry.name for entry in (clone / "var").iterdir()) == ["up.lock"]


def test_port_of_the_other_loopback_address_counts_as_in_use(clone: Path) -> None:
    first = free_port()
    try:
        listener = socket.create_server(("::1", first), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert f"Port {first} is in use by another program" in up(clone, PORT=str(first)).stderr


@pytest.mark.parametrize("text", ["0", "65534", "-1", "http", "8000.5"])
def test_port_that_is_none_is_refused(clone: Path, text: str) -> None:
    answer = up(clone, PORT=text)
    assert answer.stderr == f"bin/up: PORT is {text!r}: give a number from 1 to 65532.\n"
    assert answer.returncode == 1


def test_port_is_8000_unless_told() -> None:
    assert (read_port(""), read_port("9000")) == (8000, 9000)


def test_second_start_in_the_same_folder_says_who_runs(clone: Path) -> None:
    (clone / "var").mkdir()
    with paths.held(clone / "var" / "up.lock"):
        answer = up(clone)
    assert answer.stderr == (
        f"bin/up: Truepush already runs in this folder (process {os.getpid()}): "
        f"stop it with Ctrl-C there, or with kill {os.getpid()}\n"
    )
    assert answer.returncode == 1


@pytest.mark.skipif(os.getuid() != 0, reason="about running as root")
def test_folder_of_another_user_is_refused(clone: Path) -> None:
    (clone / "var").mkdir()
    os.chown(clone / "var", 65534, 65534)
    answer = up(clone)
    assert answer.stderr == (
        f"bin/up: {clone}/var belongs to nobody and this is root: "
        "start Truepush as the user who started it here first.\n"
    )


def test_old_python_is_refused_before_anything_is_made(
    clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bin")
    python = folder / "python3"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    python.chmod(0o755)
    (folder / "dirname").symlink_to("/usr/bin/dirname")
    answer = subprocess.run(
        [clone / "bin" / "up"], env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )
    assert answer.stderr == (
        "Truepush needs Python 3.11 or newer, and found Python 3.9.2. "
        f"Install one, or name it: PYTHON=/path/to/python3 {clone}/bin/up\n"
    )
    assert answer.returncode == 1
    assert not (clone / "var").exists()


def test_reset_removes_all_that_was_made(clone: Path) -> None:
    (clone / "var" / "log").mkdir(parents=True)
    (clone / "var" / "secrets.json").write_text("{}")
    answer = up(clone, "--reset")
    assert (answer.returncode, answer.stdout) == (0, "All data is removed: bin/up starts anew.\n")
    assert list((clone / "var").iterdir()) == []


def test_packages_are_installed_again_when_an_included_file_changes(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("one==1\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\ntwo==2\n")
    before = install.fingerprint(tmp_path / "requirements-dev.txt")
    assert install.included_files(tmp_path / "requirements-dev.txt") == [
        tmp_path / "requirements.txt",
        tmp_path / "requirements-dev.txt",
    ]
    (tmp_path / "requirements.txt").write_text("one==1.1\n")
    assert install.fingerprint(tmp_path / "requirements-dev.txt") != before
