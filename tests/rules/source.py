"""The project's own files as the rules read them: parsed once, named by their dotted module names."""

import ast
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PRODUCT = ("truepush", "tenants", "subscribers", "campaigns", "bench")


class Module(NamedTuple):
    """One Python file; `name` is dotted ("tenants.actions.audit"), `tree` is its syntax."""

    path: str
    name: str
    text: str
    tree: ast.Module


@lru_cache(maxsize=1)
def product() -> tuple[Module, ...]:
    """Read every module of the product except migrations, which Django writes."""
    return tuple(
        _read(path) for folder in PRODUCT for path in _files(folder) if "migrations" not in path.parts
    )


@lru_cache(maxsize=1)
def modules_of_tests() -> tuple[Module, ...]:
    return tuple(_read(path) for path in _files("tests"))


def _files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def _read(path: Path) -> Module:
    inside = path.relative_to(ROOT)
    name = ".".join(inside.with_suffix("").parts).removesuffix(".__init__")
    text = path.read_text(encoding="utf-8")
    return Module(str(inside), name, text, ast.parse(text, str(inside)))


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """List what a module imports as (line, dotted name); `from a import b` gives a.b, which may be a module or not."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.name.split(".")[: -node.level or None]
                base = ".".join([*package, *([base] if base else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def is_in(name: str, *packages: str) -> bool:
    """Tell whether a dotted name is one of the packages or something inside of one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@lru_cache(maxsize=1)
def tracked() -> tuple[str, ...]:
    """List the files that git knows, in the order it says them."""
    # The folder may belong to somebody else than whoever runs the tests.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())
