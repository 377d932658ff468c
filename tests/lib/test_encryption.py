"""What every body we send looks like, who can read it, and which input is refused."""

import os

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pywebpush import WebPusher

from truepush.lib import base64url
from truepush.lib.webpush import reference
from truepush.lib.webpush.encryption import (
    MAX_PLAINTEXT,
    BodyRefused,
    PayloadTooLarge,
    content_keys,
    decrypt,
    encode_header,
    encrypt,
    intermediates,
    seal_record,
)
from truepush.lib.webpush.keys import CURVE, KeyRefused, load_public_key, public_bytes
from truepush.lib.webpush.vapid import generate_key_pair

RECEIVER = ec.generate_private_key(CURVE)
P256DH = public_bytes(RECEIVER.public_key())
AUTH = os.urandom(16)
MESSAGE = b'{"web_push":8030}'


def body_of(record: bytes, *, rs: int = 4096, sender: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """A body around any decrypted record, delimiter and padding included, with right keys."""
    sender = sender or ec.generate_private_key(CURVE)
    as_public, salt = public_bytes(sender.public_key()), os.urandom(16)
    keys = intermediates(
        sender, RECEIVER.public_key(), ua_public=P256DH, as_public=as_public, auth=AUTH, salt=salt
    )
    return encode_header(salt, rs, as_public) + AESGCM(keys.cek).encrypt(keys.nonce, record, None)


def test_cr04_cr05_ten_thousand_sends_share_no_salt_and_no_key_with_each_other_or_vapid() -> None:
    """CR-04 and CR-05: 10,000 distinct salts and ephemeral keys, none of them the VAPID key."""
    bodies = [encrypt(MESSAGE, P256DH, AUTH) for _ in range(10_000)]
    assert len({body[:16] for body in bodies}) == 10_000
    ephemeral_keys = {body[21:86] for body in bodies}
    assert len(ephemeral_keys) == 10_000
    assert generate_key_pair().public not in ephemeral_keys
    assert P256DH not in ephemeral_keys


@pytest.mark.parametrize("length", [0, 1, 200, 2641, MAX_PLAINTEXT])
@pytest.mark.parametrize("pad_to", [0, 1000])
def test_cr06_every_body_is_one_record_behind_an_86_octet_header(length: int, pad_to: int) -> None:
    plaintext = os.urandom(length)
    body = encrypt(plaintext, P256DH, AUTH, pad_to=pad_to)
    record_size = int.from_bytes(body[16:20], "big")
    assert body[20] == 65
    assert body[21] == 4
    assert 18 <= record_size <= 4096
    assert len(body) - 86 < record_size, "rs exceeds plaintext, delimiter, padding and tag: one record"
    assert len(body) == 86 + max(length, pad_to) + 17 <= 4096
    keys = intermediates(
        RECEIVER,
        load_public_key(body[21:86]),
        ua_public=P256DH,
        as_public=body[21:86],
        auth=AUTH,
        salt=body[:16],
    )
    record = AESGCM(keys.cek).decrypt(keys.nonce, body[86:], None)
    assert record == plaintext + b"\x02" + bytes(max(0, pad_to - length))


def test_cr09_padded_bodies_of_10_and_300_octets_have_one_length() -> None:
    short, long = (encrypt(b"x" * length, P256DH, AUTH, pad_to=512) for length in (10, 300))
    assert len(short) == len(long) == 86 + 512 + 17
    assert decrypt(short, RECEIVER, AUTH) == b"x" * 10


def test_a_payload_of_zeros_survives_padding() -> None:
    assert (
        decrypt(encrypt(b"\x00\x02\x00\x00", P256DH, AUTH, pad_to=64), RECEIVER, AUTH) == b"\x00\x02\x00\x00"
    )


def test_3993_octets_fill_a_body_of_4096() -> None:
    body = encrypt(b"x" * 3993, P256DH, AUTH)
    assert MAX_PLAINTEXT == 3993
    assert len(body) == 4096
    assert decrypt(body, RECEIVER, AUTH) == b"x" * 3993


@pytest.mark.parametrize(("length", "pad_to"), [(3994, 0), (10, 3994), (1_000_000, 0)])
def test_more_than_3993_octets_are_refused_padding_included(length: int, pad_to: int) -> None:
    with pytest.raises(PayloadTooLarge, match=f"payload is {max(length, pad_to)} octets.* at most 3993"):
        encrypt(b"x" * length, P256DH, AUTH, pad_to=pad_to)


@pytest.mark.parametrize("plaintext", [b"", MESSAGE, os.urandom(MAX_PLAINTEXT)])
def test_the_independent_http_ece_reads_what_we_encrypt(plaintext: bytes) -> None:
    body = encrypt(plaintext, P256DH, AUTH, pad_to=len(plaintext))
    assert http_ece.decrypt(body, private_key=RECEIVER, auth_secret=AUTH) == plaintext


def test_the_independent_http_ece_reads_a_padded_body() -> None:
    assert (
        http_ece.decrypt(encrypt(MESSAGE, P256DH, AUTH, pad_to=900), private_key=RECEIVER, auth_secret=AUTH)
        == MESSAGE
    )


def test_we_read_what_pywebpush_encrypts() -> None:
    keys = {"p256dh": base64url.encode(P256DH), "auth": base64url.encode(AUTH)}
    pusher = WebPusher({"endpoint": "https://fcm.googleapis.com/fcm/send/x", "keys": keys})
    assert decrypt(pusher.encode(MESSAGE)["body"], RECEIVER, AUTH) == MESSAGE


def test_a_key_made_ahead_is_the_one_in_the_body() -> None:
    key = ec.generate_private_key(CURVE)
    body = encrypt(MESSAGE, P256DH, AUTH, private_key=key)
    assert body[21:86] == public_bytes(key.public_key())
    assert decrypt(body, RECEIVER, AUTH) == MESSAGE


@pytest.mark.parametrize("auth", [b"", bytes(8), bytes(15), bytes(17), bytes(32)])
def test_an_auth_secret_of_another_length_is_refused_on_both_ends(auth: bytes) -> None:
    with pytest.raises(KeyRefused, match=f"auth: is {len(auth)} octets long"):
        encrypt(MESSAGE, P256DH, auth)
    with pytest.raises(KeyRefused, match=f"auth: is {len(auth)} octets long"):
        decrypt(encrypt(MESSAGE, P256DH, AUTH), RECEIVER, auth)


def test_a_receiver_key_off_the_curve_is_refused_before_any_exchange() -> None:
    with pytest.raises(KeyRefused, match="p256dh: is not a point on the curve"):
        encrypt(MESSAGE, P256DH[:-1] + bytes([P256DH[-1] ^ 1]), AUTH)


@pytest.mark.parametrize("position", [0, 15, 16, 17, 18, 19, 20, 21, 22, 85, 86, 100, -1])
def test_a_bit_flipped_anywhere_is_refused(position: int) -> None:
    """The record size too: the lowest bit of its last octet leaves 4097, above what one body may hold."""
    body = bytearray(encrypt(MESSAGE, P256DH, AUTH))
    body[position] ^= 1
    with pytest.raises(BodyRefused):
        decrypt(bytes(body), RECEIVER, AUTH)


@pytest.mark.parametrize("length", [0, 1, 85, 86, 102])
def test_a_body_cut_short_is_refused(length: int) -> None:
    with pytest.raises(BodyRefused, match=f"body is {length} octets, the smallest has 103"):
        decrypt(encrypt(MESSAGE, P256DH, AUTH)[:length], RECEIVER, AUTH)


@pytest.mark.parametrize(
    ("rs", "reason"),
    [
        (0, "record size 0 is outside 18..4096"),
        (17, "record size 17 is outside 18..4096"),
        (4097, "record size 4097 is outside 18..4096"),
        (27, "record size 27 does not exceed the record's 27 octets"),
    ],
)
def test_a_record_size_that_allows_a_second_record_or_too_large_a_body_is_refused(
    rs: int, reason: str
) -> None:
    with pytest.raises(BodyRefused, match=reason):
        decrypt(body_of(b"ten octets\x02", rs=rs), RECEIVER, AUTH)


def test_the_smallest_record_size_that_holds_the_record_is_taken() -> None:
    assert decrypt(body_of(b"ten octets\x02", rs=28), RECEIVER, AUTH) == b"ten octets"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"text\x01", "padding delimiter is 01"),
        (b"text", "padding delimiter is 74"),
        (bytes(9), "padding delimiter is missing"),
    ],
)
def test_a_record_without_the_last_record_delimiter_is_refused(record: bytes, reason: str) -> None:
    with pytest.raises(BodyRefused, match=reason):
        decrypt(body_of(record), RECEIVER, AUTH)


def test_a_body_of_two_records_is_refused() -> None:
    sender, salt = ec.generate_private_key(CURVE), os.urandom(16)
    as_public = public_bytes(sender.public_key())
    keys = intermediates(
        sender, RECEIVER.public_key(), ua_public=P256DH, as_public=as_public, auth=AUTH, salt=salt
    )
    first = seal_record(b"x" * 8, keys.cek, keys.nonce, last=False)
    second = seal_record(b"y" * 8, keys.cek, keys.nonce, sequence=1)
    with pytest.raises(BodyRefused, match="does not exceed"):
        decrypt(encode_header(salt, 25, as_public) + first + second, RECEIVER, AUTH)


def test_a_key_id_of_another_length_is_refused() -> None:
    salt = os.urandom(16)
    _, cek, nonce = content_keys(bytes(32), salt)
    body = encode_header(salt, 4096, b"a1") + seal_record(bytes(100), cek, nonce)
    with pytest.raises(BodyRefused, match="key id is 2 octets, must be 65"):
        decrypt(body, RECEIVER, AUTH)


def test_another_browser_cannot_read_a_body() -> None:
    with pytest.raises(BodyRefused, match="does not decrypt"):
        decrypt(encrypt(MESSAGE, P256DH, AUTH), ec.generate_private_key(CURVE), AUTH)
    with pytest.raises(BodyRefused, match="does not decrypt"):
        decrypt(encrypt(MESSAGE, P256DH, AUTH), RECEIVER, bytes(16))


@pytest.mark.parametrize("length", [1, 200, MAX_PLAINTEXT])
def test_cr06_bodies_of_the_reference_encoder_are_read_by_a_strict_browser(length: int) -> None:
    browser, auth = ec.generate_private_key(CURVE), os.urandom(16)
    plaintext = os.urandom(length)
    body = reference.encrypt(plaintext, public_bytes(browser.public_key()), auth)
    assert decrypt(body, browser, auth) == plaintext


def test_the_reference_encoder_keeps_our_limits() -> None:
    """L4, L5: pywebpush alone would make two records, or raise late."""
    good = public_bytes(ec.generate_private_key(CURVE).public_key())
    with pytest.raises(PayloadTooLarge):
        reference.encrypt(bytes(MAX_PLAINTEXT + 1), good, bytes(16))
    with pytest.raises(KeyRefused, match="auth"):
        reference.encrypt(b"x", good, bytes(8))
    with pytest.raises(ValueError, match="empty"):
        reference.encrypt(b"", good, bytes(16))
    with pytest.raises(KeyRefused, match="not a point"):
        reference.encrypt(b"x", good[:-1] + bytes([good[-1] ^ 1]), bytes(16))


@pytest.mark.parametrize("pad_to", [0, 500])
def test_cr02_the_body_is_what_the_spelled_out_steps_make(pad_to: int) -> None:
    """The one place that is written for speed holds the same key schedule as the functions by RFC section."""
    for length in (0, 1, 16, 200, 3000):
        browser, own, auth, salt = (
            ec.generate_private_key(CURVE), ec.generate_private_key(CURVE), os.urandom(16), os.urandom(16),
        )  # fmt: skip
        ua_public, as_public = public_bytes(browser.public_key()), public_bytes(own.public_key())
        plaintext = os.urandom(length)
        keys = intermediates(
            own, browser.public_key(), ua_public=ua_public, as_public=as_public, auth=auth, salt=salt
        )
        padding = max(pad_to - length, 0)
        expected = encode_header(salt, 4096, as_public) + seal_record(
            plaintext, keys.cek, keys.nonce, padding=padding
        )
        assert encrypt(plaintext, ua_public, auth, private_key=own, salt=salt, pad_to=pad_to) == expected
