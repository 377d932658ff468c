"""The two keys of a subscription: p256dh (a point on P-256) and auth (RFC 8291 section 2)."""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from truepush.lib import base64url

CURVE = ec.SECP256R1()
PUBLIC_KEY_LENGTH = 65
AUTH_LENGTH = 16
_UNCOMPRESSED = 4
# P-256 (FIPS 186-4 D.1.2.3): y^2 = x^3 - 3x + b mod p.
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


class KeyRefused(ValueError):
    """`field` is the name of the key, `reason` a sentence that can be shown; neither holds the key itself."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def load_public_key(raw: bytes, *, field: str = "p256dh") -> ec.EllipticCurvePublicKey:
    """Read an uncompressed point (65 octets) and check that it is on P-256. Raises KeyRefused."""
    if len(raw) != PUBLIC_KEY_LENGTH:
        raise KeyRefused(
            field, f"is {len(raw)} octets long, an uncompressed P-256 point has {PUBLIC_KEY_LENGTH}"
        )
    if raw[0] != _UNCOMPRESSED:
        raise KeyRefused(field, f"starts with octet {raw[0]}, an uncompressed P-256 point starts with 4")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, raw)
    except ValueError as error:
        raise KeyRefused(field, "is not a point on the curve P-256") from error


def public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """The uncompressed point, 65 octets."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def check_auth(raw: bytes) -> None:
    if len(raw) != AUTH_LENGTH:
        raise KeyRefused("auth", f"is {len(raw)} octets long, the authentication secret has {AUTH_LENGTH}")


def parse_subscription_keys(p256dh: str, auth: str) -> tuple[bytes, bytes]:
    """Decode and check the keys of a browser's PushSubscription. Raises KeyRefused."""
    point, secret = _decode("p256dh", p256dh), _decode("auth", auth)
    if not is_on_curve(point):
        load_public_key(point)  # says what is wrong with it
    check_auth(secret)
    return point, secret


def is_on_curve(raw: bytes) -> bool:
    """Tell an uncompressed point of P-256 (SEC 1 section 3.2.2.1) without making a key of it: 1 us, not 10."""
    if len(raw) != PUBLIC_KEY_LENGTH or raw[0] != _UNCOMPRESSED:
        return False
    x, y = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    return x < _P and y < _P and (y * y - (x * x * x - 3 * x + _B)) % _P == 0


def _decode(field: str, text: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError as error:
        raise KeyRefused(field, "is not base64url") from error
