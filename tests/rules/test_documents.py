"""The documents that the README promises exist, their links lead somewhere, and the change log knows the version."""

import re
import tomllib

import pytest

from tests.rules.source import ROOT, tracked

DOCUMENTS = ["architecture", "sending", "errors", "glossary", "operating", "decisions"]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
WORDS = (
    "tenant", "site", "subscriber", "push service", "campaign", "send", "batch", "grant", "ledger", "receipt",
    "accepted", "displayed", "clicked", "hand-over", "workspace",
)  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_document_exists_and_says_something(name: str) -> None:
    text = (ROOT / "docs" / f"{name}.md").read_text()
    assert text.startswith("# ")
    assert len(text.split()) > 100


def test_the_readme_names_the_two_commands_and_what_to_read_next() -> None:
    text = (ROOT / "README.md").read_text()
    assert re.search(r"^bin/up\b", text, re.MULTILINE)
    assert re.search(r"^bin/test\b", text, re.MULTILINE)
    for name in [*(f"docs/{name}.md" for name in DOCUMENTS), "CHANGELOG.md", "CONTRIBUTING.md"]:
        assert f"]({name})" in text


@pytest.mark.parametrize("name", [name for name in tracked() if name.endswith(".md")])
def test_every_link_to_a_file_leads_to_one(name: str) -> None:
    here = (ROOT / name).parent
    links = [
        link for link in LINK.findall((ROOT / name).read_text()) if "://" not in link and ":" not in link
    ]
    assert [link for link in links if not (here / link).exists()] == []


def test_the_change_log_knows_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    heads = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] == project["version"]


def test_the_glossary_explains_every_word_of_the_design() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text().lower()
    assert [word for word in WORDS if word not in text] == []
