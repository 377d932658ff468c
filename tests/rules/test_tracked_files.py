"""What is in the repository holds anywhere: no path of one machine, no package registry's host, no secret."""

import re
from collections.abc import Iterator

import pytest

from tests.rules.source import ROOT, tracked

# Put together here, so that this file does not hold what it looks for.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pypi", "python", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"),
        ("npmjs", "com"), ("registry", "yarnpkg", "com"), ("deb", "debian", "org"), ("security", "debian", "org"),
        ("archive", "ubuntu", "com"), ("proxy", "golang", "org"), ("crates", "io"), ("ghcr", "io"),
    )
]  # fmt: skip
HOMES = "|".join(["work", "root", "home/[a-z]\\w*", "Users/\\w+", "tmp/w"])
# A folder of one machine: an absolute path that begins in a home folder or a workplace, not a part of a web address.
OF_ONE_MACHINE = re.compile(rf"(?<![\w.\-~/}}])/(?:{HOMES})/\w")
PRIVATE_KEY = re.compile("-----BEGIN " + "[A-Z ]*PRIVATE KEY-----")
# Other people's files, as they gave them.
VENDORED = "static/vendor/"


def texts() -> Iterator[tuple[str, str]]:
    for name in tracked():
        content = (ROOT / name).read_bytes()
        if not name.startswith(VENDORED) and b"\0" not in content:
            yield name, content.decode("utf-8")


@pytest.mark.parametrize("home", ["work", "root", "home/ann", "Users/ann", "tmp/w"])
@pytest.mark.parametrize("line", ["cd /{}/x", '"/{}/x"', "(/{}/x)", "PATH=/{}/x"])
def test_a_folder_of_one_machine_is_found(home: str, line: str) -> None:
    assert OF_ONE_MACHINE.search(line.format(home))


@pytest.mark.parametrize("home", ["work", "root", "home/ann"])
@pytest.mark.parametrize(
    "line", ["https://a.example/{}/x", "static/{}/x", "{{{{ base }}}}/{}/x", "~/{}/x", "/{}", "/home{}/x"]
)
def test_other_paths_are_not(home: str, line: str) -> None:
    assert not OF_ONE_MACHINE.search(line.format(home))


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = [f"{name}: {match.group()}" for name, text in texts() for match in OF_ONE_MACHINE.finditer(text)]
    assert found == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert [f"{name}: {host}" for name, text in texts() for host in REGISTRIES if host in text] == []


def test_no_private_key_is_kept_here() -> None:
    assert [name for name, text in texts() if PRIVATE_KEY.search(text)] == []


def test_no_file_of_settings_or_of_a_run_is_tracked() -> None:
    ours = set(tracked())
    assert not ours & {".env", "secrets.json"}
    assert [
        name for name in ours if name.startswith(("var/", ".venv/")) or name.endswith((".pyc", ".log"))
    ] == []


def test_programs_in_bin_can_be_started() -> None:
    programs = [
        ROOT / name for name in tracked() if name.startswith("bin/") or name in ("manage.py", ".ci/run")
    ]
    assert [path.name for path in programs if not path.stat().st_mode & 0o100] == []


def test_vendored_files_come_with_their_licence() -> None:
    folders = {name.split("/")[2] for name in tracked() if name.startswith(VENDORED)}
    assert folders
    assert {f for f in folders if f"{VENDORED}{f}/LICENSE" not in tracked()} == set()
