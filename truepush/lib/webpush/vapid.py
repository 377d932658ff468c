"""Voluntary application server identification (RFC 8292): key pairs, tokens, cached Authorization headers."""

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from truepush.lib import base64url
from truepush.lib.webpush.keys import CURVE, KeyRefused, load_public_key, public_bytes

# A token is good for one window of the clock. With these figures a token that is sent has 5 to 18 hours to
# live: RFC 8292 allows 24, so a clock that is wrong by 5 hours either way still sends tokens that are taken.
WINDOW = 12 * 3600
LIFETIME = 18 * 3600  # from the start of the window
KEEP = 3600  # Apple wants a token to be used for an hour at least, also one made just before its window ended

_SCALAR_LENGTH = 32
_JWT_HEADER = b'{"typ":"JWT","alg":"ES256"}'
# RFC 6979 signatures: all processes make the same token in one window, so a push service that caches verified
# tokens sees one per key, not one per process, and a restart does not count as a refresh.
_SIGNING = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_VERIFYING = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`private` is the raw scalar (32 octets), `public` the uncompressed point (65 octets)."""

    private: bytes = field(repr=False)
    public: bytes


def generate_key_pair() -> KeyPair:
    key = ec.generate_private_key(CURVE)
    scalar = key.private_numbers().private_value.to_bytes(_SCALAR_LENGTH, "big")
    return KeyPair(private=scalar, public=public_bytes(key.public_key()))


def sign(private: bytes, *, aud: str, sub: str, exp: int) -> str:
    """An ES256 JSON Web Token; equal arguments give the equal token. Raises KeyRefused."""
    claims = json.dumps({"aud": aud, "exp": exp, "sub": sub}, separators=(",", ":"))
    signing_input = f"{base64url.encode(_JWT_HEADER)}.{base64url.encode(claims.encode())}"
    r, s = decode_dss_signature(_load_private_key(private).sign(signing_input.encode(), _SIGNING))
    return f"{signing_input}.{base64url.encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def authorization_header(token: str, public: bytes) -> str:
    """RFC 8292 section 3."""
    return f"vapid t={token}, k={base64url.encode(public)}"


def verify(token: str, public: bytes) -> dict[str, object] | None:
    """The claims of a token that `public` signed, else None. Does not judge them: `exp` may be long past."""
    signing_input, _, signature = token.rpartition(".")
    head, _, claims = signing_input.partition(".")
    try:
        _check_signature(signing_input, base64url.decode(signature), public)
        if _json_object(head).get("alg") != "ES256":
            return None
        return _json_object(claims)
    # RecursionError: the JSON parser's answer to a thousand brackets
    except (ValueError, InvalidSignature, RecursionError):
        return None


def _check_signature(signing_input: str, signature: bytes, public: bytes) -> None:
    if len(signature) != 64:
        raise ValueError("an ES256 signature has 64 octets")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    load_public_key(public, field="k").verify(encode_dss_signature(r, s), signing_input.encode(), _VERIFYING)


def _json_object(part: str) -> dict[str, object]:
    value = json.loads(base64url.decode(part).decode())
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def read_private_key(text: str) -> KeyPair:
    """Read a private key as people have it: 32 octets in base64 or base64url, PEM, or JSON with `private`/`privateKey`.

    Raises KeyRefused, whose words hold nothing of the text.
    """
    text = text.strip()
    if text.startswith("{"):
        try:
            given = json.loads(text)
            text = str(
                given.get("private") or given.get("privateKey") or given.get("private_key") or ""
            ).strip()
        except (ValueError, AttributeError, RecursionError):
            raise KeyRefused("private", "is not JSON with a text called private") from None
    if text.startswith("-----BEGIN"):
        return _read_pem(text)
    try:
        scalar = base64url.decode(text.replace("+", "-").replace("/", "_"))
    except (ValueError, UnicodeEncodeError):
        raise KeyRefused("private", "is neither base64url, PEM nor JSON") from None
    key = _load_private_key(scalar)
    return KeyPair(private=scalar, public=public_bytes(key.public_key()))


def _read_pem(text: str) -> KeyPair:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyRefused("private", "is PEM that cannot be read; give it without a passphrase") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyRefused("private", "is a key of another kind; VAPID keys are on the curve P-256")
    scalar = key.private_numbers().private_value.to_bytes(_SCALAR_LENGTH, "big")
    return KeyPair(private=scalar, public=public_bytes(key.public_key()))


def _load_private_key(private: bytes) -> ec.EllipticCurvePrivateKey:
    if len(private) != _SCALAR_LENGTH:
        raise KeyRefused("private", f"is {len(private)} octets long, a P-256 scalar has {_SCALAR_LENGTH}")
    try:
        return ec.derive_private_key(int.from_bytes(private, "big"), CURVE)
    except ValueError as error:
        raise KeyRefused("private", "is not a scalar of P-256") from error


class _Entry(NamedTuple):
    window: int
    made: float
    header: str


class HeaderCache:
    """Authorization headers per (key, origin, contact); safe to share between threads.

    At most `max_entries` are kept; the longest unused goes first, and made again in its
    window it is the same text.
    """

    def __init__(self, max_entries: int = 4096) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[tuple[bytes, str, str], _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def header(self, private: bytes, public: bytes, origin: str, sub: str, now: float) -> str:
        """The header for a request sent at `now` (seconds since the epoch) to `origin`. Raises KeyRefused."""
        key = (public, origin, sub)
        window = int(now // WINDOW)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not (entry.window == window or 0 <= now - entry.made <= KEEP):
                token = sign(private, aud=origin, sub=sub, exp=window * WINDOW + LIFETIME)
                entry = self._entries[key] = _Entry(window, now, authorization_header(token, public))
            self._entries.move_to_end(key)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)
        return entry.header
