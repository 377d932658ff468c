"""Budgets of the house, which only tighten: a function has 40 lines, a module 400 (rule 13)."""

import ast
from collections.abc import Iterator

from tests.rules.source import Module, modules_of_tests, product

MOST_OF_A_FUNCTION = 40
MOST_OF_A_MODULE = 400
# What is longer, with its length: no entry may grow, none may be added, and one that is not needed goes.
LONG_FUNCTIONS: dict[str, int] = {}
LONG_MODULES: dict[str, int] = {}


def functions(module: Module) -> Iterator[tuple[str, int]]:
    """Measure each function from its `def` to its end; decorators do not count."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{module.path}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_keep_their_budget() -> None:
    long = {name: size for m in product() for name, size in functions(m) if size > MOST_OF_A_FUNCTION}
    assert long == LONG_FUNCTIONS


def test_modules_keep_their_budget() -> None:
    long = {m.path: size for m in product() if (size := len(m.text.splitlines())) > MOST_OF_A_MODULE}
    assert long == LONG_MODULES


def test_modules_of_tests_keep_it_too() -> None:
    long = {m.path: size for m in modules_of_tests() if (size := len(m.text.splitlines())) > MOST_OF_A_MODULE}
    assert long == {}


def test_nothing_prints_but_what_speaks_to_a_terminal() -> None:
    """Commands, bin/up and its programs, benchmarks; everything else logs."""
    speaks = ("truepush/local/", "bench/")
    prints = [
        f"{module.path}:{node.lineno}"
        for module in product()
        if not module.path.startswith(speaks) and "/management/commands/" not in module.path
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []
