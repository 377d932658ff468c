"""Ed25519 signatures (RFC 8032) by which one installation knows what another, or it itself, has made.

A key is 32 octets; the public one is written as 64 hexadecimal digits.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def public_of(private: bytes) -> str:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw().hex()


def sign(private: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).sign(message)


def is_signed(public: str, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, message)
    # ValueError: no such key
    except (InvalidSignature, ValueError):
        return False
    return True
