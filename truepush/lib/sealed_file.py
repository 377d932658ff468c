"""Files that only a passphrase opens, written and read as streams: AES-256-GCM under a key that scrypt derives.

    nonce of 12 octets, ciphertext, tag of 16

The name of a file is authenticated with it, so one cannot take another's place. What a reader hands out is only known
to be whole after `finish()`: check a signature first, and keep nothing of it before.
"""

import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SALT_LENGTH = 16
# 128 MB and 0.3 s for each guess.
_COST = {"n": 2**17, "r": 8, "p": 1}
_NONCE_LENGTH, _TAG_LENGTH = 12, 16
# What GCM may encrypt under one nonce (NIST SP 800-38D), and some room.
MOST_OCTETS = (1 << 36) - (1 << 20)


class WrongPassphrase(Exception):
    """Another passphrase, or a file that was changed or is another one's."""


class TooLarge(Exception):
    """More than one file can hold."""


def derive_key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **_COST).derive(passphrase.encode())


class SealedWriter:
    """A file to write to; nothing of it can be read until `close()`, which does not close what it writes into."""

    def __init__(self, target: BinaryIO, key: bytes, name: str) -> None:
        nonce = os.urandom(_NONCE_LENGTH)
        self._target, self._left = target, MOST_OCTETS
        self._encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
        self._encryptor.authenticate_additional_data(name.encode())
        target.write(nonce)

    def write(self, octets: bytes) -> int:
        self._left -= len(octets)
        if self._left < 0:
            raise TooLarge("A file of a bundle cannot hold more than 64 GB.")
        self._target.write(self._encryptor.update(octets))
        return len(octets)

    def flush(self) -> None:
        """Nothing to do: what is not written yet is the target's."""

    def close(self) -> None:
        self._target.write(self._encryptor.finalize() + self._encryptor.tag)


class SealedReader:
    """The same file to read from."""

    def __init__(self, source: BinaryIO, key: bytes, name: str) -> None:
        nonce = source.read(_NONCE_LENGTH)
        if len(nonce) < _NONCE_LENGTH:
            raise WrongPassphrase
        self._source, self._held, self._is_whole = source, b"", False
        self._decryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).decryptor()
        self._decryptor.authenticate_additional_data(name.encode())

    def read(self, size: int = -1) -> bytes:
        """As files do. Raises WrongPassphrase at the end; the last 16 octets, the tag, are none of its content."""
        if self._is_whole:
            return b""
        while True:
            came = self._source.read(size)
            self._held += came
            ready, self._held = self._held[:-_TAG_LENGTH], self._held[-_TAG_LENGTH:]
            if not came or size < 0:
                return self._decryptor.update(ready) + self._end()
            if ready:
                return self._decryptor.update(ready)

    def finish(self) -> None:
        """Read what is left; raises WrongPassphrase unless all that came out of it was what had gone in."""
        while self.read(1 << 20):
            pass

    def _end(self) -> bytes:
        self._is_whole = True
        try:
            return self._decryptor.finalize_with_tag(self._held)
        # ValueError: fewer octets than a tag has
        except (InvalidTag, ValueError):
            raise WrongPassphrase from None
