"""Encryption of single database fields: AES-256-GCM under keys that are not in the database."""

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from truepush.lib import base64url

KEY_LENGTH = 32
_NONCE_LENGTH = 12
_TAG_LENGTH = 16


class FieldCryptError(Exception):
    """A field cannot be read. The message never holds the field or a key."""


class UnknownKey(FieldCryptError):
    """The field was encrypted with a key that is not configured."""


class FieldDamaged(FieldCryptError):
    """Wrong key under a known id, changed text, or text that belongs to another place."""


def key_id_of(text: str) -> str:
    """Answer under which key a text is, "" if it has not the form of one that `FieldCrypt` made."""
    key_id, _, payload = text.partition(":")
    try:
        return key_id if len(base64url.decode(payload)) >= _NONCE_LENGTH + _TAG_LENGTH else ""
    except ValueError:
        return ""


class FieldCrypt:
    """`keys`: key id -> 32 octets; the first one encrypts, all decrypt.

    The text is `<key id>:<base64url of nonce 12, ciphertext, tag 16>`. `context` says which field of which
    row it is ("site 5 vapid private key"). It is authenticated: text copied to another row does not decrypt.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("no field key is configured")
        for key_id, key in keys.items():
            if not key_id or ":" in key_id:
                raise ValueError(f"field key id {key_id!r} is empty or has a colon")
            if len(key) != KEY_LENGTH:
                raise ValueError(f"field key {key_id!r} is {len(key)} octets long, must be {KEY_LENGTH}")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = next(iter(keys))

    def encrypt(self, plaintext: bytes, *, context: str) -> str:
        nonce = os.urandom(_NONCE_LENGTH)
        sealed = self._ciphers[self._current].encrypt(nonce, plaintext, context.encode())
        return f"{self._current}:{base64url.encode(nonce + sealed)}"

    def decrypt(self, text: str, *, context: str) -> bytes:
        """Raises UnknownKey, FieldDamaged."""
        key_id, _, payload = text.partition(":")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            known = ", ".join(self._ciphers)
            raise UnknownKey(f"{context}: its key is not configured (configured: {known})")
        try:
            raw = base64url.decode(payload)
            return cipher.decrypt(raw[:_NONCE_LENGTH], raw[_NONCE_LENGTH:], context.encode())
        # ValueError: text that is not base64url, or too short to hold a nonce
        except (InvalidTag, ValueError) as error:
            raise FieldDamaged(f"{context}: not what key {key_id} encrypted for this field") from error
