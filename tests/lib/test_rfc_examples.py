"""RFC 8188 section 3 and RFC 8291 section 5 and appendix A, octet by octet (CR-01, CR-02, CR-03)."""

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from truepush.lib.base64url import decode, encode
from truepush.lib.webpush import encryption, reference
from truepush.lib.webpush.keys import CURVE, load_public_key, public_bytes


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decode(text), "big"), CURVE)


@pytest.fixture
def example(vectors: dict[str, Any]) -> dict[str, Any]:
    return vectors["rfc8291"]


@pytest.fixture
def derived(example: dict[str, Any]) -> encryption.Intermediates:
    return encryption.intermediates(
        private_key(example["as_private"]),
        load_public_key(decode(example["ua_public"])),
        ua_public=decode(example["ua_public"]),
        as_public=decode(example["as_public"]),
        auth=decode(example["auth_secret"]),
        salt=decode(example["salt"]),
    )


@pytest.mark.parametrize("encoder", [encryption, reference], ids=["truepush", "pywebpush"])
def test_cr01_the_example_of_rfc8291_gives_its_144_octets(example: dict[str, Any], encoder: Any) -> None:
    """Both encoders that PUSH_ENCODER can name."""
    body = encoder.encrypt(
        example["plaintext_utf8"].encode(),
        decode(example["ua_public"]),
        decode(example["auth_secret"]),
        private_key=private_key(example["as_private"]),
        salt=decode(example["salt"]),
    )
    assert encode(body) == example["body"]
    assert len(body) == example["body_len"] == 144
    assert hashlib.sha256(body).hexdigest() == example["body_sha256"]
    assert encode(body[:86]) == example["header"]
    assert encode(body[86:]) == example["ciphertext"]


def test_cr01_the_receiver_of_the_example_reads_its_plaintext(example: dict[str, Any]) -> None:
    plaintext = encryption.decrypt(
        decode(example["body"]), private_key(example["ua_private"]), decode(example["auth_secret"])
    )
    assert plaintext == decode(example["plaintext"]) == example["plaintext_utf8"].encode()


@pytest.mark.parametrize("name", ["ecdh_secret", "prk_key", "key_info", "ikm", "prk", "cek", "nonce"])
def test_cr02_each_intermediate_is_the_published_one(
    example: dict[str, Any], derived: encryption.Intermediates, name: str
) -> None:
    assert encode(getattr(derived, name)) == example[name]


def test_cr02_both_ends_derive_the_same_values(
    example: dict[str, Any], derived: encryption.Intermediates
) -> None:
    receiver = encryption.intermediates(
        private_key(example["ua_private"]),
        load_public_key(decode(example["as_public"])),
        ua_public=decode(example["ua_public"]),
        as_public=decode(example["as_public"]),
        auth=decode(example["auth_secret"]),
        salt=decode(example["salt"]),
    )
    assert receiver == derived


@pytest.mark.parametrize(("private", "public"), [("as_private", "as_public"), ("ua_private", "ua_public")])
def test_the_key_pairs_of_the_example_belong_together(
    example: dict[str, Any], private: str, public: str
) -> None:
    assert encode(public_bytes(private_key(example[private]).public_key())) == example[public]


def test_the_info_strings_and_record_size_are_the_published_ones(example: dict[str, Any]) -> None:
    """The constants hold the closing 01 of HKDF-Expand, which the RFC's info strings do not."""
    assert decode(example["cek_info"]) + b"\x01" == encryption._CEK_INFO
    assert decode(example["nonce_info"]) + b"\x01" == encryption._NONCE_INFO
    assert example["record_size"] == encryption.RECORD_SIZE


def test_cr03_rfc8188_section_3_1_gives_its_53_octets(vectors: dict[str, Any]) -> None:
    example = vectors["rfc8188_3_1"]
    salt = decode(example["salt"])
    prk, cek, nonce = encryption.content_keys(decode(example["ikm"]), salt)
    assert [encode(prk), encode(cek), encode(nonce)] == [example["prk"], example["cek"], example["nonce"]]
    header = encryption.encode_header(salt, example["rs"], example["keyid"].encode())
    body = header + encryption.seal_record(example["plaintext_utf8"].encode(), cek, nonce)
    assert encode(body) == example["body"]
    assert len(body) == example["body_len"] == 53


def test_cr03_rfc8188_section_3_2_gives_its_two_records(vectors: dict[str, Any]) -> None:
    """Record size 25: seven octets with one of padding, then eight; read back record by record."""
    example = vectors["rfc8188_3_2"]
    published = decode(example["body"])
    salt = published[:16]
    _, cek, nonce = encryption.content_keys(decode(example["ikm"]), salt)
    header = encryption.encode_header(salt, example["rs"], example["keyid"].encode())
    first = encryption.seal_record(b"I am th", cek, nonce, sequence=0, last=False, padding=1)
    second = encryption.seal_record(b"e walrus", cek, nonce, sequence=1)
    assert header + first + second == published
    assert len(published) == example["body_len"] == 73
    assert [len(first), len(second)] == [example["rs"], example["rs"]]
    opened = encryption.open_record(published[23:48], cek, nonce, sequence=0, last=False)
    opened += encryption.open_record(published[48:], cek, nonce, sequence=1)
    assert opened.decode() == example["plaintext_utf8"]
    assert example["records_plain"] == ["I am th\x01\x00", "e walrus\x02"]
