"""Which scripts and policies a page has, however it is written."""

import time

import pytest

from truepush.lib.page_scan import Script, scan

CSP = '<meta http-equiv="Content-Security-Policy" content="script-src a">'


@pytest.mark.parametrize(
    ("markup", "scripts"),
    [
        ('<script src="/a.js"></script>', [Script({"src": "/a.js"})]),
        ("<SCRIPT SRC='/a.js' ASYNC></SCRIPT >", [Script({"src": "/a.js", "async": ""})]),
        ("<script src=/a.js async></script>", [Script({"src": "/a.js", "async": ""})]),
        ("<script\n\tsrc = /a.js\n>x</script\n>", [Script({"src": "/a.js"}, "x")]),
        ('<script src="/a?b=1&amp;c=2"/>let x = "</b>"</script>', [Script({"src": "/a?b=1&c=2"}, 'let x = "</b>"')]),
        ('<script data-a=">" src="/a.js"></script>', [Script({"data-a": ">", "src": "/a.js"})]),
        ('<script src="/a.js" src="/b.js"></script>', [Script({"src": "/a.js"})]),
        ("<script>if (a < b) { x('<script>') }</script>", [Script({}, "if (a < b) { x('<script>') }")]),
        ("<script>never ended", [Script({}, "never ended")]),
        ("<!-- <script src=/a.js></script> --><script></script>", [Script({})]),
        ("<!-- <script src=/a.js></script>", []),
        ("<style><script src=/a.js></script></style>", []),
        ("<textarea><script></script></textarea><title><script></script></title>", []),
        ("<noscript><script src=/a.js></script></noscript><template><script></script></template>", []),
        ("<scripts src=/a.js></scripts><my-script></my-script>", []),
        ("<script src='/a.js></script>", [Script({"src": "", "a.js": ""})]),
        ("<script async' src=/a.js></script>", [Script({"async": "", "src": "/a.js"})]),
        (f"<meta {'a ' * 9000}><script></script>", [Script({})]),
    ],
)  # fmt: skip
def test_script_elements_are_found_as_a_browser_finds_them(markup: str, scripts: list[Script]) -> None:
    assert scan(f"<!doctype html><html><head>{markup}").scripts == scripts


def test_policies_count_in_the_head_only() -> None:
    assert scan(f"<head>{CSP}</head>{CSP}").policies == ["script-src a"]
    assert scan(f"<head></head><body>{CSP}").policies == []
    assert scan(f"{CSP}<p>").policies == ["script-src a"]
    assert scan(f"<head><noscript>{CSP}</noscript><!-- {CSP} -->").policies == []
    twice = CSP.replace("script-src a", "script-src a, img-src b").replace("Content-", "CONTENT-")
    assert scan(twice).policies == ["script-src a", " img-src b"]
    assert scan(CSP.replace("Policy", "Policy-Report-Only")).policies == []


def test_what_no_browser_runs_is_kept_apart() -> None:
    page = scan("<!-- one --><noscript>two</noscript><template>three</template><textarea>four</textarea>")
    assert [text.strip(" ->") for text in page.inert] == ["one", "two", "three", "four"]


@pytest.mark.parametrize(
    "piece",
    ["<script ", "<script a='", "<!--", "<meta ", "<", "<script>", "</script", "<script a=b ", "=", "<style>", "a='\""],
)  # fmt: skip
def test_two_megabytes_of_anything_are_read_in_time(piece: str) -> None:
    page = piece * (2 * 1024 * 1024 // len(piece))
    began = time.process_time()
    scan(page)
    assert time.process_time() - began < 5
