"""OP-05: what is installed is locked by version and hash, all of it and nothing else (bin/lock writes it)."""

import importlib.metadata
import re

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.rules.source import ROOT, tracked
from truepush.local.lock import locked
from truepush.local.sbom import normal


def pins(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r "))]


def versions(lock: str) -> dict[str, str]:
    return {package.name: package.version for package in locked(ROOT / lock)}


def may_be_needed(marker: Marker | None, extras: set[str]) -> bool:
    """Tell whether some CPython that we run on needs what has this marker: the oldest or a newer one."""
    pythons = [{"python_version": one, "python_full_version": f"{one}.0"} for one in ("3.11", "3.13")]
    return marker is None or any(
        marker.evaluate({**python, "extra": extra}) for python in pythons for extra in extras | {""}
    )


def needed(name: str) -> set[str]:
    """Follow what the installed packages say that they need, from the pins on."""
    seen: set[tuple[str, str]] = set()
    ahead = pins(name)
    while ahead:
        one = ahead.pop()
        for extra in one.extras | {""}:
            if (normal(one.name), extra) in seen:
                continue
            seen.add((normal(one.name), extra))
            wants = [Requirement(text) for text in importlib.metadata.requires(one.name) or []]
            ahead += [want for want in wants if may_be_needed(want.marker, {extra})]
    return {package for package, _ in seen}


def test_every_pin_is_locked_in_its_version() -> None:
    product, dev = versions("requirements.lock"), versions("requirements-dev.lock")
    for locked_ones, source in ((product, "requirements.txt"), (product | dev, "requirements-dev.txt")):
        pinned = {normal(pin.name): str(pin.specifier).removeprefix("==") for pin in pins(source)}
        assert {name: locked_ones.get(name) for name in pinned} == pinned


def test_all_that_is_needed_is_locked_and_nothing_else() -> None:
    product, dev = versions("requirements.lock"), versions("requirements-dev.lock")
    assert set(product) == needed("requirements.txt")
    assert set(dev) == needed("requirements-dev.txt") - set(product)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_line_is_read_and_every_package_has_hashes(lock: str) -> None:
    packages = locked(ROOT / lock)
    rest = (ROOT / lock).read_text()
    for package in packages:
        rest = rest.replace(package.text, "")
        assert len(package.hashes) == package.text.count("\n") - 1 > 0
    assert [line for line in rest.splitlines() if not line.startswith("# ")] == (
        [] if lock == "requirements.lock" else ["-r requirements.lock"]
    )


def test_whatever_installs_packages_installs_locked_ones() -> None:
    places = [name for name in tracked() if name.startswith(("bin/", "bench/", "deploy/", ".ci/"))]
    texts = {name: (ROOT / name).read_text() for name in [*places, "docs/operating.md"]}
    lines = [line for text in texts.values() for line in text.splitlines() if "requirements" in line]
    installs = [line for line in lines if re.search(r"install\.py|pip install", line)]
    assert [line for line in installs if not re.search(r"requirements(-dev)?\.lock", line)] == []
    assert [line for line in installs if "pip install" in line and "--require-hashes" not in line] == []
