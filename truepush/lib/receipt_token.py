"""The token by which a browser reports on one notification. It needs no row: it says itself where to count.

43 octets, big endian, written as 58 characters of base64url:

    version u8 = 1, key id u8, tenant u32, send u64, batch u64, ordinal u32, variant u8, HMAC-SHA256 cut to 16

Tokens live up to 28 days inside shown notifications: a key leaves the settings no earlier than that after it
stopped signing.
"""

import hmac
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from truepush.lib import base64url

VERSION = 1
LENGTH = 58

_LAYOUT = struct.Struct(">BBIQQIB")
# The end of the layout: what differs within a batch.
_PLACE = struct.Struct(">IB")
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
    fields = _pack_fields(key_id, token)
    return base64url.encode(fields + _mac(key, fields))


class TokenMaker:
    """Makes the tokens of one root batch; what they share is packed and hashed once."""

    def __init__(self, keys: Mapping[int, bytes], tenant_id: int, send_id: int, batch_id: int) -> None:
        key_id, key = next(iter(keys.items()))
        whole = _pack_fields(key_id, ReceiptToken(tenant_id, send_id, batch_id, 0, 0))
        self._start = whole[: -_PLACE.size]
        self._mac = hmac.new(key, _DOMAIN + self._start, "sha256")

    def token(self, ordinal: int, variant: int) -> str:
        """The same text as `pack` makes. Raises struct.error if a number does not fit."""
        place = _PLACE.pack(ordinal, variant)
        mac = self._mac.copy()
        mac.update(place)
        return base64url.encode(self._start + place + mac.digest()[:_MAC_LENGTH])


def _pack_fields(key_id: int, token: ReceiptToken) -> bytes:
    try:
        return _LAYOUT.pack(VERSION, key_id, *token)
    except struct.error as error:
        raise ValueError(f"{token} with key id {key_id} does not fit a receipt token: {error}") from error


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
    mac = _begun(key).copy()
    mac.update(fields)
    return mac.digest()[:_MAC_LENGTH]


@lru_cache(maxsize=255)
def _begun(key: bytes) -> hmac.HMAC:
    """What all tokens of a key share. hmac.digest also lets go of the interpreter, which the intake then waits for."""
    return hmac.new(key, _DOMAIN, "sha256")
