"""Keys of a PushSubscription as the browser sends them (finding L5)."""

import os
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from truepush.lib.base64url import encode
from truepush.lib.webpush.keys import CURVE, KeyRefused, parse_subscription_keys, public_bytes

PUBLIC_KEY = ec.generate_private_key(CURVE).public_key()
POINT = public_bytes(PUBLIC_KEY)
AUTH = os.urandom(16)
FIELD_PRIME = (2**256 - 2**224 + 2**192 + 2**96 - 1).to_bytes(32, "big")


@pytest.mark.parametrize("padding", [("", ""), ("=", "=="), ("=", ""), ("", "==")])
def test_keys_are_read_with_and_without_padding(padding: tuple[str, str]) -> None:
    assert parse_subscription_keys(encode(POINT) + padding[0], encode(AUTH) + padding[1]) == (POINT, AUTH)


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        (b"", "is 0 octets long"),
        (b"\x00", "is 1 octets long"),  # the point at infinity
        (POINT[:64], "is 64 octets long"),
        (POINT + b"\x00", "is 66 octets long"),
        (PUBLIC_KEY.public_bytes(Encoding.X962, PublicFormat.CompressedPoint), "is 33 octets long"),
        (bytes(65), "starts with octet 0"),
        (b"\x06" + POINT[1:], "starts with octet 6"),
        (b"\x04" + bytes(64), "is not a point on the curve P-256"),
        (POINT[:-1] + bytes([POINT[-1] ^ 1]), "is not a point on the curve P-256"),
        (b"\x04" + FIELD_PRIME + POINT[33:], "is not a point on the curve P-256"),
        (b"\x04" + b"\xff" * 64, "is not a point on the curve P-256"),
    ],
    ids=map(str, count()),
)
def test_a_p256dh_that_is_no_point_is_refused_with_the_reason(point: bytes, reason: str) -> None:
    with pytest.raises(KeyRefused) as refusal:
        parse_subscription_keys(encode(point), encode(AUTH))
    assert refusal.value.field == "p256dh"
    assert refusal.value.reason.startswith(reason)


@pytest.mark.parametrize("length", [0, 8, 15, 17, 32])
def test_an_auth_of_another_length_is_refused_with_the_reason(length: int) -> None:
    with pytest.raises(KeyRefused) as refusal:
        parse_subscription_keys(encode(POINT), encode(bytes(length)))
    assert refusal.value.field == "auth"
    assert refusal.value.reason == f"is {length} octets long, the authentication secret has 16"


@pytest.mark.parametrize("text", ["not base64!", "\u00e9" * 87, "A" * 5, "AA=", "A A", "+/+/", "\x00"])
@pytest.mark.parametrize("field", ["p256dh", "auth"])
def test_text_that_is_not_base64url_is_refused_and_not_repeated(field: str, text: str) -> None:
    keys = {"p256dh": encode(POINT), "auth": encode(AUTH)} | {field: text}
    with pytest.raises(KeyRefused) as refusal:
        parse_subscription_keys(**keys)
    assert str(refusal.value) == f"{field}: is not base64url"
