import gzip
import re

import pytest

from tenants.sdk_rings import sources
from tests.sdk.server import RELEASE
from truepush.lib.sdk_release import LOADER, WORKER

LINES = 400
SOURCES = sources()
KEPT = {"1.3.0": "3c64c76946670eea123d519b9d7c61de"}


def test_loader_and_worker_together_stay_under_ten_kilobytes() -> None:
    """As they travel (design section 6), by gzip: Brotli is smaller. The ceiling here only tightens."""
    sizes = {name: len(gzip.compress(RELEASE.files[name].encode(), 9)) for name in (LOADER, WORKER)}
    assert sum(sizes.values()) < 6_600, sizes


@pytest.mark.parametrize(("name", "ceiling"), [("ask.js", 2_800), ("prompt.js", 5_600)])
def test_what_asks_stays_small_too(name: str, ceiling: int) -> None:
    """Loaded where a website asks at all, and where something is shown."""
    assert len(gzip.compress(RELEASE.files[name].encode(), 9)) < ceiling


def test_other_files_have_another_version() -> None:
    """With rings a version is kept with its files: others under its name would never be served."""
    made = {RELEASE.version: RELEASE.digest}
    assert made == KEPT, (
        f"The SDK's files changed. Raise VERSION in static/sdk/truepush.js, if {RELEASE.version} was merged before, "
        f"and write here: KEPT = {made}"
    )


def test_no_comment_travels() -> None:
    for name, text in RELEASE.files.items():
        assert re.findall(r"^\s*/[/*]", text, re.MULTILINE) == [], name


def test_a_module_has_at_most_four_hundred_lines() -> None:
    for name, text in SOURCES.items():
        assert len(text.splitlines()) <= LINES, name


def test_a_module_of_the_loader_imports_no_other() -> None:
    """Their addresses are made of their own content: what one would import lies elsewhere."""
    for name in RELEASE.parts:
        found = re.findall(r"(?:^|[;}])import\b|\bimport\([\"'`]", RELEASE.files[f"{name}.js"], re.MULTILINE)
        assert found == [], name


def test_what_the_sdk_never_does() -> None:
    """No parsing of markup, no code from text, no cookies, no navigation of somebody's tab, no open door."""
    for name, text in SOURCES.items():
        code = re.sub(r"/\*.*?\*/|^\s*//[^\n]*|\s// [^\n]*", "", text, flags=re.DOTALL | re.MULTILINE)
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|document\.cookie"
            r"|\.navigate\(|[\"']message[\"']|credentials: \"(?!omit)",
            code,
        )
        assert found == [], name
