"""pywebpush's encoder behind our limits: what the setting PUSH_ENCODER can select, and what ours is compared with.

pywebpush checks neither the size nor the keys (4,080 octets become two records, a point off the curve raises late), so
both are checked here first.
"""

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from pywebpush import WebPusher

from truepush.lib import base64url
from truepush.lib.webpush.encryption import MAX_PLAINTEXT, PayloadTooLarge
from truepush.lib.webpush.keys import check_auth, load_public_key


def encrypt(
    plaintext: bytes,
    p256dh: bytes,
    auth: bytes,
    *,
    private_key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Encrypt one message; key and salt are given for published examples only.

    Raises PayloadTooLarge, KeyRefused, and ValueError for the empty message, which pywebpush refuses.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise PayloadTooLarge(len(plaintext))
    check_auth(auth)
    load_public_key(p256dh)
    if not plaintext:
        raise ValueError("pywebpush cannot encrypt an empty message")
    if private_key is None:
        keys = {"p256dh": base64url.encode(p256dh), "auth": base64url.encode(auth)}
        return bytes(WebPusher({"endpoint": "", "keys": keys}).encode(plaintext)["body"])
    # What pywebpush calls underneath.
    return bytes(
        http_ece.encrypt(
            plaintext, salt=salt, private_key=private_key, dh=p256dh, auth_secret=auth, version="aes128gcm"
        )
    )
