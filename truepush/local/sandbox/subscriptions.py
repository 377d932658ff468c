"""Stateless subscriptions: everything the service must know about one is in its endpoint, under a MAC.

A token of the sandbox's own subscribers is kind u8=1, index u64, answer u8, waits u8, display share u8,
click share u8, key hash 8 octets, MAC 16 octets; one of a real Firefox is kind u8=2, uaid 16 octets,
channel 16 octets, key hash, MAC. Both as base64url. The receiver's private key and auth secret are derived
from (seed, token), so ten thousand subscribers cost no memory and survive a restart.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from truepush.lib import base64url

ANY_KEY = bytes(8)
MAC_OCTETS = 16
_PLAYED = struct.Struct(">BQBBBB8s")
_FIREFOX = struct.Struct(">B16s16s8s")
_KIND_PLAYED, _KIND_FIREFOX = 1, 2
_SLOW, _OFFLINE = 1, 2
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_DEMO_AUDIENCE_STEP = 37


class Answer(IntEnum):
    """What the service answers for a subscription when the request itself is in order."""

    ACCEPT = 0
    GONE = 1
    MISSING = 2
    THROTTLE = 3
    UNAVAILABLE = 4


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a played browser behaves; the default is silent: messages are accepted and never shown.

    Shares are per cent of the accepted messages, drawn anew for each; whoever clicks has displayed.
    """

    answer: Answer = Answer.ACCEPT
    slow: bool = False
    offline: bool = False
    display_share: int = 0
    click_share: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.click_share <= self.display_share <= 100:
            raise ValueError("shares are per cent: 0 <= click_share <= display_share <= 100")


@dataclass(frozen=True, slots=True)
class PlayedToken:
    text: str
    index: int
    behaviour: Behaviour
    key_hash: bytes


@dataclass(frozen=True, slots=True)
class FirefoxToken:
    text: str
    uaid: UUID
    channel: UUID
    key_hash: bytes


@dataclass(frozen=True, slots=True)
class SandboxSubscription:
    """p256dh is the uncompressed point (65 octets), auth has 16 octets."""

    endpoint: str
    p256dh: bytes
    auth: bytes


@dataclass(frozen=True, slots=True)
class ReceiverKeys:
    private: ec.EllipticCurvePrivateKey
    auth: bytes


def make_subscription(
    seed: bytes, origin: str, index: int, *, application_server_key: bytes | None, behaviour: Behaviour
) -> SandboxSubscription:
    """The same arguments give the same subscription, with or without a running service."""
    token = pack_played(seed, index, behaviour, key_hash(application_server_key))
    keys = receiver_keys(seed, token)
    public = keys.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return SandboxSubscription(endpoint_of(origin, token), public, keys.auth)


def demo_behaviour(index: int) -> Behaviour:
    """The demo audience, exact in every hundred indexes: 92 live, 3 gone, 1 missing, 2 slow, 2 offline."""
    place = index * _DEMO_AUDIENCE_STEP % 100
    if place < 3:
        return Behaviour(answer=Answer.GONE)
    if place < 4:
        return Behaviour(answer=Answer.MISSING)
    return Behaviour(slow=4 <= place < 6, offline=6 <= place < 8, display_share=85, click_share=7)


def endpoint_of(origin: str, token: str) -> str:
    return f"{origin}/push/{token}"


def key_hash(application_server_key: bytes | None) -> bytes:
    """What a token remembers of the VAPID key it is restricted to; zeros where any key may send."""
    return hashlib.sha256(application_server_key).digest()[:8] if application_server_key else ANY_KEY


def pack_played(seed: bytes, index: int, behaviour: Behaviour, restricted_to: bytes) -> str:
    waits = _SLOW * behaviour.slow | _OFFLINE * behaviour.offline
    shares = behaviour.display_share, behaviour.click_share
    return _seal(seed, _PLAYED.pack(_KIND_PLAYED, index, behaviour.answer, waits, *shares, restricted_to))


def pack_firefox(seed: bytes, uaid: UUID, channel: UUID, restricted_to: bytes) -> str:
    return _seal(seed, _FIREFOX.pack(_KIND_FIREFOX, uaid.bytes, channel.bytes, restricted_to))


def read_token(seed: bytes, text: str) -> PlayedToken | FirefoxToken | None:
    """None for whatever this service did not make itself."""
    try:
        raw = base64url.decode(text)
    except ValueError:
        return None
    content, mac = raw[:-MAC_OCTETS], raw[-MAC_OCTETS:]
    if not hmac.compare_digest(mac, _mac(seed, content)):
        return None
    if content[0] == _KIND_FIREFOX:
        _, uaid, channel, restricted_to = _FIREFOX.unpack(content)
        return FirefoxToken(text, UUID(bytes=uaid), UUID(bytes=channel), restricted_to)
    _, index, answer, waits, display_share, click_share, restricted_to = _PLAYED.unpack(content)
    behaviour = Behaviour(
        Answer(answer), bool(waits & _SLOW), bool(waits & _OFFLINE), display_share, click_share
    )
    return PlayedToken(text, index, behaviour, restricted_to)


def receiver_keys(seed: bytes, token: str) -> ReceiverKeys:
    """27 us, so they are derived at each use and never kept."""
    info = b"truepush sandbox receiver" + token.encode()
    material = HKDFExpand(hashes.SHA256(), 64, info).derive(seed)
    # 48 octets reduced to the group order: the bias is below 2^-128.
    scalar = int.from_bytes(material[:48], "big") % (_ORDER - 1) + 1
    return ReceiverKeys(ec.derive_private_key(scalar, ec.SECP256R1()), material[48:])


def _seal(seed: bytes, content: bytes) -> str:
    return base64url.encode(content + _mac(seed, content))


def _mac(seed: bytes, content: bytes) -> bytes:
    return hmac.digest(_mac_key(seed), content, "sha256")[:MAC_OCTETS]


@lru_cache(maxsize=4)
def _mac_key(seed: bytes) -> bytes:
    return HKDFExpand(hashes.SHA256(), 32, b"truepush sandbox endpoint").derive(seed)
