"""Every package has an exact pin, and above it the reason why it is here (issue 2, item 1)."""

import re

import pytest

from tests.rules.source import ROOT

PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[a-z0-9,-]+\])?==[0-9][0-9a-z.]*(; .+)?")
FILES = ["requirements.txt", "requirements-dev.txt"]


def lines(name: str) -> list[str]:
    return (ROOT / name).read_text().splitlines()


def is_pin(line: str) -> bool:
    return bool(line) and not line.startswith(("#", "-r "))


@pytest.mark.parametrize("name", FILES)
def test_every_pin_is_exact(name: str) -> None:
    assert [line for line in lines(name) if is_pin(line) and not PIN.fullmatch(line)] == []


@pytest.mark.parametrize("name", FILES)
def test_every_pin_says_why_it_is_here(name: str) -> None:
    file = lines(name)
    unexplained = [
        line
        for before, line in zip(["", *file], file, strict=False)
        if is_pin(line) and not re.fullmatch(r"# \S+( \S+)+[.]", before)
    ]
    assert unexplained == []


def test_no_package_is_pinned_twice() -> None:
    names = [re.split(r"[\[=]", line)[0].lower() for name in FILES for line in lines(name) if is_pin(line)]
    assert sorted(names) == sorted(set(names))


def test_the_tests_run_on_what_the_product_runs_on() -> None:
    assert "-r requirements.txt" in lines("requirements-dev.txt")
