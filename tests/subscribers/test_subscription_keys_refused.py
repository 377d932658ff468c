"""Keys that cannot encrypt are refused when they come, with the name of the field, never when a campaign is sent."""

import os
from typing import Any

import pytest
from django.test import Client

from subscribers.models import Site
from tests.conftest import Workspace
from tests.subscribers.samples import Browser, base64url, count, new_public_key, subscribe

POINT = new_public_key()
P256DH = {
    "not on the curve": base64url(POINT[:64] + bytes([POINT[64] ^ 1])),
    "zeros": base64url(b"\x04" + bytes(64)),
    "the point at infinity": base64url(bytes(65)),
    "the curve's prime as x": base64url(
        b"\x04" + (2**256 - 2**224 + 2**192 + 2**96 - 1).to_bytes(32, "big") + bytes(32)
    ),
    "compressed": base64url(b"\x02" + POINT[1:33]),
    "hybrid": base64url(b"\x06" + POINT[1:]),
    "64 octets": base64url(POINT[:64]),
    "66 octets": base64url(POINT + b"\x00"),
    "one octet": base64url(b"\x04"),
    "standard base64": "+/" + base64url(POINT)[2:],
    "spaces": " " + base64url(POINT),
    "a line end": base64url(POINT) + "\n",
    "wrong padding": base64url(POINT) + "==",
    "NUL": "\x00" + base64url(POINT)[1:],
    "lone surrogate": "\ud800" + base64url(POINT)[1:],
    "emoji": "\N{GRINNING FACE}" * 20,
    "full-width": "\uff21" * 87,
    "201 characters": "A" * 201,
    "5000 characters": "A" * 5000,
}
AUTH = {
    "15 octets": base64url(os.urandom(15)),
    "17 octets": base64url(os.urandom(17)),
    "one character": "A",
    "standard base64": "+/" + "A" * 20,
    "spare bits": "A" * 21 + "B",
    "NUL": "\x00" * 22,
    "lone surrogate": "\udfff" * 22,
    "101 characters": "A" * 101,
}
WRONG_TYPES: list[Any] = [None, "", 0, 1, -1.5, True, False, [], ["x"], {}, {"x": {"y": []}}]


def refused(sdk: Client, acme: Workspace, shop: Site, body: Any) -> tuple[int, str]:
    answer = subscribe(sdk, shop, body)
    assert count(acme) == 0
    return answer.status_code, answer.json()["error"]["field"]


@pytest.mark.parametrize("value", P256DH.values(), ids=P256DH.keys())
def test_a_p256dh_that_is_no_point_is_refused(sdk: Client, acme: Workspace, shop: Site, value: str) -> None:
    body = Browser().json()
    body["keys"]["p256dh"] = value
    assert refused(sdk, acme, shop, body) == (400, "p256dh")


@pytest.mark.parametrize("value", AUTH.values(), ids=AUTH.keys())
def test_an_auth_that_is_not_16_octets_is_refused(
    sdk: Client, acme: Workspace, shop: Site, value: str
) -> None:
    body = Browser().json()
    body["keys"]["auth"] = value
    assert refused(sdk, acme, shop, body) == (400, "auth")


@pytest.mark.parametrize("field", ["p256dh", "auth", "keys", "endpoint"])
def test_a_wrong_type_is_refused_by_name(sdk: Client, acme: Workspace, shop: Site, field: str) -> None:
    for value in WRONG_TYPES:
        body = Browser().json()
        (body if field in body else body["keys"])[field] = value
        expected = "p256dh" if field == "keys" and isinstance(value, dict) else field
        assert refused(sdk, acme, shop, body) == (400, expected), value


@pytest.mark.parametrize("field", ["p256dh", "auth", "keys", "endpoint"])
def test_a_missing_field_is_refused_by_name(sdk: Client, acme: Workspace, shop: Site, field: str) -> None:
    body = Browser().json()
    del (body if field in body else body["keys"])[field]
    assert refused(sdk, acme, shop, body) == (400, field)
