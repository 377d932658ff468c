"""The token by which a browser reports on one notification. It needs no row: it says itself where to count.

43 octets, big endian, written as 58 characters of base64url:

    version u8 = 1, key id u8, tenant u32, send u64, batch u64, ordinal u32, variant u8, HMAC-SHA256 cut to 16

Tokens live up to 28 days inside shown notifications: a key leaves the settings no earlier than that after it
stopped signing.
"""

import hmac
import struct
from collections.abc import Mapping
from typing import NamedTuple

from truepush.lib import base64url

VERSION = 1
LENGTH = 58

_LAYOUT = struct.Struct(">BBIQQIB")
_DOMAIN = b"truepush receipt"
_MAC_LENGTH = 16


class ReceiptToken(NamedTuple):
    tenant_id: int
    send_id: int
    batch_id: int
    ordinal: int
    variant: int


def pack(keys: Mapping[int, bytes], token: ReceiptToken) -> str:
    """Sign with the first of `keys` (key id -> secret). Raises ValueError if a number does not fit."""
    key_id, key = next(iter(keys.items()))
    try:
        fields = _LAYOUT.pack(VERSION, key_id, *token)
    except struct.error as error:
        raise ValueError(f"{token} with key id {key_id} does not fit a receipt token: {error}") from error
    return base64url.encode(fields + _mac(key, fields))


def unpack(keys: Mapping[int, bytes], text: str) -> ReceiptToken | None:
    """The token, or None for anything that one of `keys` did not sign."""
    if len(text) != LENGTH:
        return None
    try:
        raw = base64url.decode(text)
    except ValueError:
        return None
    fields, mac = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
    version, key_id, *numbers = _LAYOUT.unpack(fields)
    key = keys.get(key_id)
    if version != VERSION or key is None or not hmac.compare_digest(mac, _mac(key, fields)):
        return None
    return ReceiptToken(*numbers)


def _mac(key: bytes, fields: bytes) -> bytes:
    return hmac.digest(key, _DOMAIN + fields, "sha256")[:_MAC_LENGTH]
