"""Message encryption for Web Push: RFC 8291 over the aes128gcm content coding of RFC 8188.

A body is one record behind a header of 86 octets: salt 16, record size 4, length of the key id 1, and the
sender's ephemeral public key 65 as that key id.
"""

import hashlib
import hmac
import os
import struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from truepush.lib.webpush.keys import (
    CURVE,
    PUBLIC_KEY_LENGTH,
    KeyRefused,
    check_auth,
    load_public_key,
    public_bytes,
)

RECORD_SIZE = 4096
SALT_LENGTH = 16
HEADER_LENGTH = 86
OVERHEAD = 17  # delimiter 1, authentication tag 16
MAX_PLAINTEXT = (
    4096 - HEADER_LENGTH - OVERHEAD
)  # a push service need not take a larger body (RFC 8291 section 4)

_SMALLEST_RECORD_SIZE = 18
_LAST, _MORE = b"\x02", b"\x01"
_ECDH = ec.ECDH()
_INFO, _ONE = b"WebPush: info\x00", b"\x01"
_HEAD = struct.pack(">IB", RECORD_SIZE, PUBLIC_KEY_LENGTH)
# Looked up once: as attributes they are found anew for every message.
_generate, _sha256 = ec.generate_private_key, hashlib.sha256
_X962, _UNCOMPRESSED = Encoding.X962, PublicFormat.UncompressedPoint
_OUTER = bytes(octet ^ 0x5C for octet in range(256))
_INNER = bytes(octet ^ 0x36 for octet in range(256))
# HKDF-Expand (RFC 5869) of one block is HMAC(PRK, info || 0x01): the closing 01 of these is that counter.
_CEK_INFO = b"Content-Encoding: aes128gcm\x00\x01"
_NONCE_INFO = b"Content-Encoding: nonce\x00\x01"


class PayloadTooLarge(ValueError):
    """More than MAX_PLAINTEXT octets, padding included; `size` is what was asked for."""

    def __init__(self, size: int) -> None:
        super().__init__(f"payload is {size} octets, a push message holds at most {MAX_PLAINTEXT}")
        self.size = size


class BodyRefused(ValueError):
    """A body that breaks RFC 8188 or RFC 8291, or does not decrypt with the keys given."""


class Intermediates(NamedTuple):
    """Every value on the way to the content encryption key, named as in RFC 8291 appendix A."""

    ecdh_secret: bytes
    prk_key: bytes
    key_info: bytes
    ikm: bytes
    prk: bytes
    cek: bytes
    nonce: bytes


def encrypt(
    plaintext: bytes,
    p256dh: bytes,
    auth: bytes,
    *,
    private_key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
    pad_to: int = 0,
) -> bytes:
    """Encrypt one message; bodies of one `pad_to` (octets of plaintext) have one length.

    Each call draws its own key and salt. `private_key` is for keys generated ahead, each used once, and with
    `salt` for the RFC's example. Raises PayloadTooLarge, KeyRefused.
    """
    size = max(len(plaintext), pad_to)
    if size > MAX_PLAINTEXT:
        raise PayloadTooLarge(size)
    check_auth(auth)
    peer = load_public_key(p256dh)
    key = private_key or _generate(CURVE)
    as_public = key.public_key().public_bytes(_X962, _UNCOMPRESSED)
    salt = salt or os.urandom(SALT_LENGTH)
    # The steps of `intermediates` and `seal_record` in one place: as calls of their own they cost 8 us more.
    prk_key = _hmac(auth, key.exchange(_ECDH, peer))
    ikm = _hmac(prk_key, _INFO + p256dh + as_public + _ONE)
    prk = _hmac(salt, ikm)
    record = plaintext + _LAST + bytes(size - len(plaintext))
    sealed = AESGCM(_hmac(prk, _CEK_INFO)[:16]).encrypt(_hmac(prk, _NONCE_INFO)[:12], record, None)
    return b"".join((salt, _HEAD, as_public, sealed))


def _hmac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) for keys of at most 64 octets; hmac.digest looks its hash up anew each time, 0.8 us."""
    padded = key.ljust(64, b"\0")
    return _sha256(padded.translate(_OUTER) + _sha256(padded.translate(_INNER) + message).digest()).digest()


def decrypt(body: bytes, private_key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """Decrypt as a strict browser: exactly one record, `rs` above its length (RFC 8291 section 4).

    Raises BodyRefused, and KeyRefused if `auth` has the wrong length.
    """
    check_auth(auth)
    salt, as_public, sealed = _split(body)
    try:
        peer = load_public_key(as_public, field="keyid")
    except KeyRefused as error:
        raise BodyRefused(str(error)) from error
    ua_public = public_bytes(private_key.public_key())
    keys = intermediates(private_key, peer, ua_public=ua_public, as_public=as_public, auth=auth, salt=salt)
    return open_record(sealed, keys.cek, keys.nonce)


def intermediates(
    private_key: ec.EllipticCurvePrivateKey,
    peer: ec.EllipticCurvePublicKey,
    *,
    ua_public: bytes,
    as_public: bytes,
    auth: bytes,
    salt: bytes,
) -> Intermediates:
    """The key schedule of RFC 8291 section 3.4, from either end of the exchange."""
    ecdh_secret = private_key.exchange(_ECDH, peer)
    prk_key = hmac.digest(auth, ecdh_secret, "sha256")
    key_info = b"WebPush: info\x00" + ua_public + as_public
    ikm = hmac.digest(prk_key, key_info + b"\x01", "sha256")
    return Intermediates(ecdh_secret, prk_key, key_info, ikm, *content_keys(ikm, salt))


def content_keys(ikm: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """PRK, content encryption key and base nonce of RFC 8188 section 2.2 and 2.3.

    Bare HMAC, not the HKDF class: the five steps of a message take 8 us so, 12 us with it.
    """
    prk = hmac.digest(salt, ikm, "sha256")
    return prk, hmac.digest(prk, _CEK_INFO, "sha256")[:16], hmac.digest(prk, _NONCE_INFO, "sha256")[:12]


def encode_header(salt: bytes, record_size: int, keyid: bytes) -> bytes:
    """RFC 8188 section 2.1."""
    return salt + struct.pack(">IB", record_size, len(keyid)) + keyid


def seal_record(
    content: bytes, cek: bytes, nonce: bytes, *, sequence: int = 0, last: bool = True, padding: int = 0
) -> bytes:
    """One record of RFC 8188 section 2: content, delimiter, zeros, encrypted."""
    record = content + (_LAST if last else _MORE) + bytes(padding)
    return AESGCM(cek).encrypt(_record_nonce(nonce, sequence), record, None)


def open_record(sealed: bytes, cek: bytes, nonce: bytes, *, sequence: int = 0, last: bool = True) -> bytes:
    """Undo `seal_record`. Raises BodyRefused."""
    try:
        record = AESGCM(cek).decrypt(_record_nonce(nonce, sequence), sealed, None)
    except InvalidTag as error:
        raise BodyRefused("record does not decrypt: other keys, or changed on the way") from error
    content = record.rstrip(b"\x00")
    if content[-1:] != (_LAST if last else _MORE):
        raise BodyRefused(f"padding delimiter is {content[-1:].hex() or 'missing'}")
    return content[:-1]


def _record_nonce(nonce: bytes, sequence: int) -> bytes:
    return (int.from_bytes(nonce, "big") ^ sequence).to_bytes(12, "big")


def _split(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Salt, public key of the sender, encrypted record."""
    if len(body) < HEADER_LENGTH + OVERHEAD:
        raise BodyRefused(f"body is {len(body)} octets, the smallest has {HEADER_LENGTH + OVERHEAD}")
    salt, sealed = body[:SALT_LENGTH], body[HEADER_LENGTH:]
    record_size, keyid_length = struct.unpack_from(">IB", body, SALT_LENGTH)
    if keyid_length != PUBLIC_KEY_LENGTH:
        raise BodyRefused(f"key id is {keyid_length} octets, must be {PUBLIC_KEY_LENGTH}")
    if not _SMALLEST_RECORD_SIZE <= record_size <= RECORD_SIZE:
        raise BodyRefused(f"record size {record_size} is outside {_SMALLEST_RECORD_SIZE}..{RECORD_SIZE}")
    if len(sealed) >= record_size:
        raise BodyRefused(f"record size {record_size} does not exceed the record's {len(sealed)} octets")
    return salt, body[SALT_LENGTH + 5 : HEADER_LENGTH], sealed
