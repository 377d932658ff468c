import gzip
import re

from subscribers.sdk import PARTS
from tests.sdk.server import STATIC

ALWAYS = "truepush.js", "worker.js"
FILES = *ALWAYS, *(f"{part}.js" for part in PARTS), "doctor.js"
LINES = 400


def test_loader_and_worker_together_stay_under_ten_kilobytes() -> None:
    """As they travel (design section 6); the ceiling here only tightens."""
    sizes = {name: len(gzip.compress((STATIC / "sdk" / name).read_bytes(), 9)) for name in ALWAYS}
    assert sum(sizes.values()) < 9_000, sizes


def test_a_module_has_at_most_four_hundred_lines() -> None:
    for name in FILES:
        assert len((STATIC / "sdk" / name).read_text().splitlines()) <= LINES, name


def test_what_the_sdk_never_does() -> None:
    """No parsing of markup, no code from text, no cookies, no navigation of somebody's tab, no open door."""
    for name in FILES:
        text = (STATIC / "sdk" / name).read_text()
        code = re.sub(r"/\*.*?\*/|^\s*//[^\n]*|\s// [^\n]*", "", text, flags=re.DOTALL | re.MULTILINE)
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|document\.cookie"
            r"|\.navigate\(|[\"']message[\"']|credentials: \"(?!omit)",
            code,
        )
        assert found == [], name
