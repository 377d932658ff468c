"""What RFC 8030 and RFC 8291 ask of a push request, before anything about the subscription is looked at."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from truepush.lib.webpush.encryption import HEADER_LENGTH, OVERHEAD, SALT_LENGTH
from truepush.local.sandbox.refusal import Fault, Refused

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

MAX_BODY = 4096
# Mozilla keeps a message for 30 days at most and answers the TTL it will honour.
LONGEST_TTL = 30 * 24 * 3600
# RFC 8030 section 5.2: a larger value counts as 2^31.
_TTL_OVERFLOW = 2**31
_URGENCIES = frozenset({"very-low", "low", "normal", "high"})
_DIGITS = re.compile(r"[0-9]+")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
# The header of a body (RFC 8188 section 2.1) is salt 16, record size 4, key length 1, key 65.
_KEY_LENGTH_AT, _KEY_AT = 20, 21


@dataclass(frozen=True, slots=True)
class Delivery:
    """How long the service keeps the message (seconds, already capped), what it replaces, and the sender's own id."""

    ttl: int
    urgency: str
    topic: str
    request_id: str = ""


def read_delivery(headers: "CIMultiDictProxy[str]") -> Delivery:
    """Raises Refused."""
    ttls = headers.getall("TTL", [])
    if not ttls:
        raise Refused(Fault.TTL_MISSING)
    if len(ttls) > 1 or not _DIGITS.fullmatch(ttls[0]):
        raise Refused(Fault.TTL_INVALID)
    # More than ten digits overflow in any case; int() of a header of thousands of digits would raise.
    asked = int(ttls[0]) if len(ttls[0]) <= 10 else _TTL_OVERFLOW
    urgencies = headers.getall("Urgency", ["normal"])
    if len(urgencies) > 1 or urgencies[0] not in _URGENCIES:
        raise Refused(Fault.URGENCY_INVALID)
    topics = headers.getall("Topic", [])
    if len(topics) > 1 or (topics and not _TOPIC.fullmatch(topics[0])):
        raise Refused(Fault.TOPIC_INVALID)
    if (
        headers.getall("Content-Encoding", []) != ["aes128gcm"]
        or "Encryption" in headers
        or "Crypto-Key" in headers
    ):
        raise Refused(Fault.ENCODING_INVALID)
    request_id = headers.get("X-Request-ID", "")[:64]
    return Delivery(min(asked, LONGEST_TTL), urgencies[0], topics[0] if topics else "", request_id)


def check_body(body: bytes) -> None:
    """Size and RFC 8188 header: all that can be said of a body without its keys. Raises Refused."""
    if len(body) > MAX_BODY:
        raise Refused(Fault.BODY_TOO_LARGE)
    if len(body) < HEADER_LENGTH + OVERHEAD or body[_KEY_LENGTH_AT] != 65 or body[_KEY_AT] != 4:
        raise Refused(Fault.BODY_MALFORMED)
    # RFC 8291 section 4: one record only, so rs is above the length of plaintext, delimiter, padding and tag.
    record_size = int.from_bytes(body[SALT_LENGTH:_KEY_LENGTH_AT], "big")
    if not len(body) - HEADER_LENGTH < record_size <= MAX_BODY:
        raise Refused(Fault.BODY_MALFORMED)


def salt_of(body: bytes) -> bytes:
    return body[:SALT_LENGTH]


def ephemeral_key_of(body: bytes) -> bytes:
    return body[_KEY_AT:HEADER_LENGTH]
