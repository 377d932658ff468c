"""OP-05: which licence each package has that we run on, in docs/licences.md, and none that asks for ours in return."""

import importlib.metadata
import re

from tests.rules.source import ROOT
from truepush.local.lock import locked
from truepush.local.sbom import ROW, normal

# What may be used in a product under any licence, the last three as they are, unchanged.
KNOWN = re.compile(r"MIT|BSD|Apache|HPND|PSF|Python Software Foundation|MPL|LGPL")
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==", re.MULTILINE)


def licence_of(package: str) -> str:
    """Read what a package says of itself: an expression, else its classifiers, else a word."""
    said = importlib.metadata.metadata(package)
    classes = [
        one.rpartition(":: ")[2] for one in said.get_all("Classifier") or [] if one.startswith("License ::")
    ]
    word = said.get("License") or ""
    return str(said.get("License-Expression") or ", ".join(classes) or " ".join(word.split())[:40])


def tables() -> list[dict[str, str]]:
    """Read both tables: what we name, what that needs in turn."""
    first, _, second = (ROOT / "docs" / "licences.md").read_text().partition("| needed by those |")
    return [dict(ROW.findall(table.partition("|---|")[2])) for table in (first, second)]


def test_the_list_names_every_package_and_what_it_says_of_itself() -> None:
    pins = PIN.findall((ROOT / "requirements.txt").read_text())
    assert tables()[0] == {name: licence_of(name) for name in pins}


def test_it_names_what_they_need_in_turn() -> None:
    pinned = {normal(name) for name in PIN.findall((ROOT / "requirements.txt").read_text())}
    needed = {package.name for package in locked(ROOT / "requirements.lock")} - pinned
    assert tables()[1] == {name: licence_of(name) for name in needed}


def test_each_is_one_that_lets_us_choose_ours() -> None:
    rows = [row for table in tables() for row in table.items()]
    assert [
        name for name, licence in rows if not KNOWN.search(licence) or re.search(r"(?<!L)GPL", licence)
    ] == []
