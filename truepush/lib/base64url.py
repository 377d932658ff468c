"""Base64url (RFC 4648 section 5) as the web push RFCs use it."""

import base64
import binascii

# To the usual alphabet, whose own two signs become one that is in neither.
USUAL = bytes.maketrans(b"-_+/", b"+/!!")


def encode(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str | bytes) -> bytes:
    """Decode; padding may be left out but not be wrong. Raises ValueError.

    One value has one spelling. The standard library skips foreign characters and ignores the spare bits of
    the last one, so what was decoded is encoded again and compared.
    """
    raw = text.encode("ascii") if isinstance(text, str) else text
    bare = raw.rstrip(b"=")
    padding = b"=" * (-len(bare) % 4)
    if len(raw) != len(bare) and raw != bare + padding:
        raise ValueError("wrong base64url padding")
    usual = bare.translate(USUAL) + padding
    data = binascii.a2b_base64(usual)
    if binascii.b2a_base64(data, newline=False) != usual:
        raise ValueError("not base64url: foreign characters or spare bits that are not zero")
    return data
