"""What the minifier leaves out is comments and blanks alone: read by a lexer of its own, both are the same code."""

import re
from collections.abc import Iterator

import pytest

from tenants.sdk_rings import sources
from tests.sdk.server import RELEASE
from truepush.lib.sdk_release import LOADER, PARTS, make_release

_TOKEN = re.compile(
    r"(?P<blank>\s+|//[^\n]*|/\*.*?\*/)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<template>[`}](?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{))"
    r"|(?P<word>[\w$]+)"
    r"|(?P<sign>=>|\?\.|\?\?=?|\.\.\.|[=!]==?|&&|\|\||\+\+|--|[-+*%&|^<>/]=|<<|>>>?|\*\*|[^\w\s])",
    re.DOTALL,
)
_EXPRESSION = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
# After these a slash divides.
_VALUE = re.compile(r"[\w$)\]\"'`]$")
_WORDS = ("return", "typeof", "case", "in", "of", "await", "yield", "else", "do")


def tokens(code: str) -> Iterator[str]:
    """Give the tokens of JavaScript; a brace that closes `${` begins the rest of its template."""
    at, before, open_braces = 0, "", list[str]()
    while at < len(code):
        is_value = bool(_VALUE.search(before)) and before not in _WORDS
        found = None if is_value or code[at] != "/" else _EXPRESSION.match(code, at)
        found = found or _token(code, at, open_braces)
        at = found.end()
        if found.re is _EXPRESSION or found.lastgroup != "blank":
            before = found[0]
            yield before
            if found.re is _TOKEN and found.lastgroup == "template" and before.startswith("}"):
                open_braces.pop()
            if before == "{" or (before.endswith("${") and before[0] in "`}"):
                open_braces.append(before)
            elif before == "}":
                open_braces.pop()


def _token(code: str, at: int, open_braces: list[str]) -> re.Match[str]:
    found = _TOKEN.match(code, at)
    assert found, code[at : at + 40]
    if code[at] == "}" and (not open_braces or not open_braces[-1].endswith("${")):
        found = re.compile(r"(?P<sign>\})").match(code, at)
        assert found
    return found


@pytest.mark.parametrize("name", sorted(RELEASE.files))
def test_the_code_that_travels_is_the_code_in_the_source(name: str) -> None:
    source = sources()[name]
    if name == LOADER:
        told = re.search(r"PARTS=(\{.*?\});", RELEASE.files[LOADER])
        assert told
        source = source.replace(PARTS, f"const PARTS = {told[1]};")
    assert list(tokens(RELEASE.files[name])) == list(tokens(source))
    assert len(RELEASE.files[name]) < len(source)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a = b / c / d; // e", ["a", "=", "b", "/", "c", "/", "d", ";"]),
        ("x(/[/ ]  \\/ /g)", ["x", "(", "/[/ ]  \\/ /g", ")"]),
        ("`a  ${ {b: 1} } c  ${d}`;", ["`a  ${", "{", "b", ":", "1", "}", "} c  ${", "d", "}`", ";"]),
        ("`  ${`  ${a}  `}  `", ["`  ${", "`  ${", "a", "}  `", "}  `"]),
        ("'//  ' + \"/*  \"", ["'//  '", "+", '"/*  "']),
    ],
)
def test_the_lexer_reads_what_is_hard_to_read(code: str, expected: list[str]) -> None:
    assert list(tokens(code)) == expected


@pytest.mark.parametrize("bad", ["const a = `  ${`x  // y`}  `;", "const b = (c) => /a  b/.test(c);"])
def test_what_the_minifier_cannot_read_is_noticed(bad: str) -> None:
    """It knows no template inside a template, and no expression after an arrow: this test would fail for such code."""
    sources = {LOADER: f'const VERSION = "9.9.9"; {PARTS}', "worker.js": bad}
    assert list(tokens(make_release(sources).files["worker.js"])) != list(tokens(bad))
