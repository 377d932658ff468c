"""`.env.example` names every setting with its default, and none that nobody reads (rule 12)."""

import ast
import re
from collections.abc import Iterator

from tests.rules.source import ROOT, Module, is_in, product

# Where the settings are read from, not a setting; and the one word that the README explains for bin/up.
NOT_SETTINGS = {"TRUEPUSH_ENV_FILE", "PORT"}
# Django's own, named for Django.
OF_DJANGO = {"DJANGO_SETTINGS_MODULE"}
NAME = re.compile(r"[A-Z][A-Z0-9_]+")


def example() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def module(name: str) -> Module:
    return next(module for module in product() if module.name == name)


def reads_of_settings() -> Iterator[tuple[str, ast.expr | None]]:
    """Find env.str("NAME", default=...) and the readers of settings.py's own; a reader's second word is a default."""
    for node in ast.walk(module("truepush.settings").tree):
        if not isinstance(node, ast.Call):
            continue
        function = ast.unparse(node.func)
        arguments = node.args[1:] if function in ("read_keys", "read_origin") else node.args
        if not arguments or not isinstance(arguments[0], ast.Constant):
            continue
        name = str(arguments[0].value)
        if function.startswith(("env.", "read_")) and NAME.fullmatch(name):
            given = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
            yield name, [*given, *arguments[1:], None][0]


def reads_of_local_programs() -> set[str]:
    """Find environ["NAME"], environ.get("NAME") and reader(environ, "NAME"), whatever comes before `environ`."""
    found = set()
    for source in product():
        if is_in(source.name, "truepush.local"):
            found |= {str(name.value) for name in names_read(source) if isinstance(name, ast.Constant)}
    return {name for name in found if NAME.fullmatch(name)}


def names_read(source: Module) -> Iterator[ast.expr]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Subscript) and is_environ(node.value):
            yield node.slice
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and is_environ(node.func.value)
        ):
            yield from node.args[:1]
        elif isinstance(node, ast.Call) and node.args and is_environ(node.args[0]):
            yield from node.args[1:2]


def is_environ(node: ast.expr) -> bool:
    return ast.unparse(node).split(".")[-1] in ("environ", "environment")


def shown(default: ast.expr | None) -> str:
    """Write a default as an environment file does."""
    value = ast.literal_eval(default) if default is not None else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_setting_stands_in_the_example_with_its_default() -> None:
    expected = {name: shown(default) for name, default in reads_of_settings()}
    given = example()
    assert {name: given.get(name) for name in expected} == expected


def test_what_the_local_programs_read_stands_there_too() -> None:
    assert reads_of_local_programs() - NOT_SETTINGS - OF_DJANGO - set(example()) == set()


def test_the_example_names_nothing_that_nobody_reads() -> None:
    read = {name for name, _ in reads_of_settings()} | reads_of_local_programs()
    assert set(example()) - read == set()


def test_only_the_settings_and_the_local_programs_read_the_environment() -> None:
    """Nothing is read at import time in apps."""
    readers = {
        source.name
        for source in product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert {name for name in readers if not name.startswith(("truepush.local", "bench."))} == {
        "truepush.settings",
        "truepush.wsgi",
    }
