"""VAPID tokens and keys: RFC 8292 section 2 (CR-05, CR-10) and what py_vapid and pywebpush make of ours."""

import json
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from py_vapid import Vapid02

from truepush.lib.base64url import decode, encode
from truepush.lib.webpush.keys import CURVE, KeyRefused, public_bytes
from truepush.lib.webpush.vapid import KeyPair, authorization_header, generate_key_pair, sign, verify

PAIR = generate_key_pair()
TOKEN = sign(PAIR.private, aud="https://push.example.net", sub="mailto:ops@example.com", exp=1_800_000_000)
CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def flip(text: str, part: int) -> str:
    """Flip the lowest bit of the middle octet of one part: 0 header, 1 claims, 2 signature."""
    parts = text.split(".")
    raw = bytearray(decode(parts[part]))
    raw[len(raw) // 2] ^= 1
    parts[part] = encode(bytes(raw))
    return ".".join(parts)


def signed(header: bytes, claims: bytes) -> str:
    """A token with any content under a good signature."""
    signing_input = f"{encode(header)}.{encode(claims)}"
    key = ec.derive_private_key(int.from_bytes(PAIR.private, "big"), CURVE)
    r, s = decode_dss_signature(key.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signing_input}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def test_cr10_the_example_of_rfc8292_verifies(vectors: dict[str, Any]) -> None:
    example = vectors["rfc8292"]
    assert verify(example["jwt"], decode(example["k"])) == example["claims"]
    assert decode(example["k"]) == b"\x04" + decode(example["jwk_x"]) + decode(example["jwk_y"])


@pytest.mark.parametrize("part", [0, 1, 2])
def test_cr10_one_flipped_bit_is_false_without_an_exception(vectors: dict[str, Any], part: int) -> None:
    example = vectors["rfc8292"]
    assert verify(flip(example["jwt"], part), decode(example["k"])) is None


def test_cr10_the_claims_of_the_example_give_its_signing_input(vectors: dict[str, Any]) -> None:
    """Only the input can be identical: the example's private key is not published."""
    token = sign(PAIR.private, **vectors["rfc8292"]["claims"])
    assert token.rpartition(".")[0] == vectors["rfc8292"]["jwt"].rpartition(".")[0]


def test_our_token_verifies_with_our_key_and_no_other() -> None:
    claims = {"aud": "https://push.example.net", "exp": 1_800_000_000, "sub": "mailto:ops@example.com"}
    assert verify(TOKEN, PAIR.public) == claims
    assert verify(TOKEN, generate_key_pair().public) is None
    assert list(json.loads(decode(TOKEN.split(".")[1]))) == ["aud", "exp", "sub"]


@pytest.mark.parametrize("bit", range(0, 512, 7))
def test_cr10_a_signature_with_any_bit_flipped_is_false(bit: int) -> None:
    signing_input, _, signature = TOKEN.rpartition(".")
    raw = bytearray(decode(signature))
    raw[bit // 8] ^= 1 << bit % 8
    assert verify(f"{signing_input}.{encode(bytes(raw))}", PAIR.public) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "\u00e9.\u00e9.\u00e9",
        TOKEN[:-1],
        TOKEN + "A",
        TOKEN.rpartition(".")[0],
        TOKEN.rpartition(".")[0] + ".",
        f"{TOKEN.rpartition('.')[0]}.{encode(bytes(64))}",
        f"{TOKEN.rpartition('.')[0]}.{encode(b'x' * 63)}",
        f"x.{TOKEN}",
    ],
    ids=map(str, count()),
)
def test_text_that_is_no_token_is_false_without_an_exception(token: str) -> None:
    assert verify(token, PAIR.public) is None


@pytest.mark.parametrize(
    "public", [b"", b"\x00", bytes(65), b"\x04" + bytes(64), PAIR.public[:64]], ids=map(str, count())
)
def test_a_key_that_is_no_point_is_false_without_an_exception(public: bytes) -> None:
    assert verify(TOKEN, public) is None


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (b'{"alg":"none"}', b"{}"),
        (b'{"alg":"HS256"}', b"{}"),
        (b"{}", b"{}"),
        (b'["ES256"]', b"{}"),
        (b'{"alg":"ES256"}', b"[]"),
        (b'{"alg":"ES256"}', b"null"),
        (b'{"alg":"ES256"}', b"\xff"),
        (b'{"alg":"ES256"}', b"[" * 100_000),
        (b'{"alg":"ES256"}', b'{"exp":' + b"9" * 10_000 + b"}"),
    ],
)
def test_a_signed_token_of_another_kind_is_false_without_an_exception(header: bytes, claims: bytes) -> None:
    assert verify(signed(header, claims), PAIR.public) is None


def test_the_order_of_keys_in_the_jwt_header_is_free() -> None:
    assert verify(signed(b'{"alg":"ES256","typ":"JWT"}', b'{"exp":1}'), PAIR.public) == {"exp": 1}


def test_equal_arguments_give_the_equal_token() -> None:
    again = sign(
        PAIR.private, aud="https://push.example.net", sub="mailto:ops@example.com", exp=1_800_000_000
    )
    assert again == TOKEN


def test_py_vapid_accepts_our_header_and_refuses_a_changed_one() -> None:
    """Its verifier splits at the last space, so it gets the header without the one after the comma."""
    header = authorization_header(TOKEN, PAIR.public)
    assert header == f"vapid t={TOKEN}, k={encode(PAIR.public)}"
    assert Vapid02.verify(header.replace(", ", ","))
    assert not Vapid02.verify(authorization_header(flip(TOKEN, 2), PAIR.public).replace(", ", ","))


def test_py_vapid_signs_with_our_private_key_for_our_public_key() -> None:
    """pywebpush reads a raw private key by the same `from_string`."""
    vapid = Vapid02.from_string(encode(PAIR.private))
    assert public_bytes(vapid.public_key) == PAIR.public
    claims = {"aud": "https://push.example.net", "exp": 1_800_000_000, "sub": "mailto:ops@example.com"}
    scheme, _, parameters = vapid.sign(claims)["Authorization"].partition(" ")
    token, key = (parameter.partition("=")[2] for parameter in parameters.split(","))
    assert scheme == "vapid"
    assert decode(key) == PAIR.public
    assert verify(token, PAIR.public) == claims


def test_a_key_pair_is_raw_and_does_not_show_its_private_half() -> None:
    assert (len(PAIR.private), len(PAIR.public), PAIR.public[0]) == (32, 65, 4)
    derived = ec.derive_private_key(int.from_bytes(PAIR.private, "big"), CURVE)
    assert public_bytes(derived.public_key()) == PAIR.public
    assert repr(KeyPair(private=b"secret", public=b"open")) == "KeyPair(public=b'open')"
    assert len({generate_key_pair().private for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("private", "reason"),
    [
        (b"", "is 0 octets long"),
        (bytes(31), "is 31 octets long"),
        (bytes(33), "is 33 octets long"),
        (bytes(32), "is not a scalar of P-256"),
        (CURVE_ORDER.to_bytes(32, "big"), "is not a scalar of P-256"),
        (b"\xff" * 32, "is not a scalar of P-256"),
    ],
)
def test_a_private_key_that_is_no_scalar_is_refused_and_not_repeated(private: bytes, reason: str) -> None:
    with pytest.raises(KeyRefused) as refusal:
        sign(private, aud="https://push.example.net", sub="mailto:ops@example.com", exp=1)
    assert refusal.value.field == "private"
    assert refusal.value.reason.startswith(reason)
