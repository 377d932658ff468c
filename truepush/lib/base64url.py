"""Base64url (RFC 4648 section 5) as the web push RFCs use it."""

import base64


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
    padded = bare + b"=" * (-len(bare) % 4)
    if raw not in (bare, padded):
        raise ValueError("wrong base64url padding")
    data = base64.urlsafe_b64decode(padded)
    if base64.urlsafe_b64encode(data) != padded:
        raise ValueError("not base64url: foreign characters or spare bits that are not zero")
    return data
