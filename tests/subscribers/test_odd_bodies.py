"""Bodies that no browser sends: always an answer in the one form of errors, never a 500, never a row."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from subscribers.json_body import MOST_OCTETS
from subscribers.models import Site
from tests.conftest import Workspace
from tests.subscribers.samples import ORIGIN, Browser, base64url, count, post

PATHS = ["subscriptions", "unsubscribe"]
NOT_AN_OBJECT: dict[str, bytes] = {
    "null": b"null",
    "number": b"7",
    "text": b'"x"',
    "list": b"[]",
    "list of objects": b"[{}]",
    "nothing but space": b"  \n",
    "cut short": b'{"endpoint": "https',
    "two values": b"{} {}",
    "trailing comma": b'{"endpoint": "x",}',
    "single quotes": b"{'endpoint': 'x'}",
    "invalid UTF-8": b'{"endpoint": "\xff\xfe"}',
    "overlong UTF-8": b'{"endpoint": "\xc0\xaf"}',
    "UTF-16": json.dumps({"endpoint": "x"}).encode("utf-16"),
    "UTF-32": json.dumps({"endpoint": "x"}).encode("utf-32-le"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "NaN": b'{"endpoint": NaN}',
    "Infinity": b'{"endpoint": -Infinity}',
    "raw NUL": b'{"endpoint": "\x00"}',
    "only NUL": b"\x00",
    "a number of 5000 digits": b'{"endpoint": ' + b"9" * 5000 + b"}",
    "10,000 open brackets": b"[" * 10_000,
    "5,000 lists in each other": b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep objects": b'{"a":' * 2500 + b"1" + b"}" * 2500,
    "form": b"endpoint=x&keys=y",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
}


def refusal(answer: Any) -> tuple[int, str, str | None]:
    """Read an error; it has exactly this form, whatever is wrong."""
    body = answer.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["code", "message", "field"]
    assert body["error"]["message"]
    return answer.status_code, body["error"]["code"], body["error"]["field"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("raw", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT.keys())
def test_what_is_not_a_json_object_is_refused(
    sdk: Client, acme: Workspace, shop: Site, path: str, raw: bytes
) -> None:
    assert refusal(post(sdk, shop.site_key, path, raw)) == (400, "invalid_json", None)
    assert count(acme) == 0


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_body_is_refused_by_its_first_field(
    sdk: Client, acme: Workspace, shop: Site, path: str
) -> None:
    assert refusal(post(sdk, shop.site_key, path, b""))[::2] == (400, "endpoint")
    assert refusal(post(sdk, shop.site_key, path, b"{}"))[::2] == (400, "endpoint")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("octets", [MOST_OCTETS + 1, 1024 * 1024])
def test_a_body_that_is_too_large_is_refused_unread(
    sdk: Client, acme: Workspace, shop: Site, path: str, octets: int
) -> None:
    raw = json.dumps(Browser().json(padding="")).encode()
    raw = raw.replace(b'"padding": ""', b'"padding": "' + b"x" * (octets - len(raw)) + b'"')
    assert len(raw) == octets
    assert refusal(post(sdk, shop.site_key, path, raw)) == (413, "too_large", None)
    assert count(acme) == 0


def test_the_largest_body_is_taken(sdk: Client, acme: Workspace, shop: Site) -> None:
    raw = json.dumps(Browser().json(padding="")).encode()
    raw = raw.replace(b'"padding": ""', b'"padding": "' + b"x" * (MOST_OCTETS - len(raw)) + b'"')
    assert post(sdk, shop.site_key, "subscriptions", raw).status_code == 201


@pytest.mark.parametrize("charset", ["utf-16", "zlib", "bz2", "base64", "rot13", "unicode_escape", "no-such"])
def test_the_charset_that_the_caller_names_decides_nothing(
    sdk: Client, acme: Workspace, shop: Site, charset: str
) -> None:
    """JSON is UTF-8 (RFC 8259 section 8.1); Python's codecs would decompress, too."""
    answer = sdk.generic(
        "POST",
        f"/sdk/v1/{shop.site_key}/subscriptions",
        json.dumps(Browser().json()),
        content_type=f"application/json; charset={charset}",
        headers={"origin": ORIGIN},
    )
    assert answer.status_code == 201


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/plain;application/json",
        "application/xml",
        "application/jsonp",
        "nonsense",
    ],
)
def test_another_content_type_is_refused(
    sdk: Client, acme: Workspace, shop: Site, path: str, content_type: str
) -> None:
    """WB-07: what a form of another website can send without a preflight is not taken."""
    answer = sdk.post(
        f"/sdk/v1/{shop.site_key}/{path}",
        json.dumps(Browser().json()).encode(),
        content_type=content_type,
        headers={"origin": ORIGIN},
    )
    assert refusal(answer)[:2] == (415, "unsupported_media_type")
    assert count(acme) == 0


@pytest.mark.parametrize("path", PATHS)
def test_another_method_is_refused_and_told_what_is_allowed(sdk: Client, shop: Site, path: str) -> None:
    """WB-07, from whatever page."""
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        for headers in ({}, {"origin": ORIGIN}, {"origin": "https://other.example"}):
            answer = sdk.generic(method, f"/sdk/v1/{shop.site_key}/{path}", headers=headers)
            assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS"), (method, headers)


def odd_values(draw: random.Random) -> Iterator[Any]:
    """Values of every kind that JSON has, some nested, some that text columns cannot hold."""
    texts = [
        "",
        "\x00",
        "a\x00b",
        "\ud800",
        "\udfff\ud800",
        "\u2028",
        "x" * 3000,
        "'; --",
        "%s",
        "{}",
        "\uffff",
        "🦊",
    ]
    texts += [base64url(draw.randbytes(draw.randrange(90))) for _ in range(5)]
    simple = [None, True, False, 0, -1, 2**63, 1e308, 10**300, *texts]
    while True:
        value = draw.choice(simple)
        for _ in range(draw.randrange(4)):
            value = draw.choice(
                [[value], {"p256dh": value}, {"auth": value, "p256dh": value}, [value, value]]
            )
        yield value


def test_300_made_bodies_get_an_answer_in_the_one_form(sdk: Client, acme: Workspace, shop: Site) -> None:
    """Every field of a good body is replaced by drawn values, alone and together; nothing becomes a 500."""
    draw = random.Random(20)
    values = odd_values(draw)
    taken = 0
    for number in range(300):
        body = Browser().json(profile={"language": "de"}, subscriber="0" * 40, old_endpoint=None)
        for field in draw.sample(sorted(body), draw.randrange(1, 4)):
            body[field] = next(values)
        if draw.random() < 0.3 and isinstance(body["keys"], dict):
            body["keys"][draw.choice(["p256dh", "auth"])] = next(values)
        answer = post(sdk, shop.site_key, PATHS[number % 2], body)
        if answer.status_code == 201:
            taken += 1
            continue
        status, _, field = refusal(answer)
        assert (status, field) in {(400, "endpoint"), (400, "keys"), (400, "p256dh"), (400, "auth"),
                                   (400, "subscriber"), (404, None), (413, None)}, body  # fmt: skip
    assert count(acme) == taken
    assert 0 < taken < 150
