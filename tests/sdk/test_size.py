import gzip
import re

from tenants.sdk_rings import sources
from tests.sdk.server import RELEASE
from truepush.lib.sdk_release import LOADER, WORKER

LINES = 400
SOURCES = sources()


def test_loader_and_worker_together_stay_under_ten_kilobytes() -> None:
    """As they travel (design section 6), by gzip: Brotli is smaller. The ceiling here only tightens."""
    sizes = {name: len(gzip.compress(RELEASE.files[name].encode(), 9)) for name in (LOADER, WORKER)}
    assert sum(sizes.values()) < 6_600, sizes


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
