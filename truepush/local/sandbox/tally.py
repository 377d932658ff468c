"""What the service has seen, so that a report's figures can be compared with the other end's own count."""

import json
import struct
from collections import Counter
from dataclasses import dataclass

from truepush.lib import base64url
from truepush.local.sandbox.fingerprints import FingerprintSet
from truepush.local.sandbox.rules import ephemeral_key_of, salt_of

# The signed part of truepush.lib.receipt_token; its MAC is the web application's business.
_RECEIPT = struct.Struct(">BBIQQIB")
_RECEIPT_VERSION = 1
_LARGEST_ORDINAL = 10_000_000
_COUNT_LIMIT = 255


@dataclass(frozen=True, slots=True)
class MessageId:
    tenant: int
    send: int
    batch: int
    ordinal: int


def receipt_token_in(payload: bytes) -> str | None:
    """The text at tp.t of a payload of ours, or None."""
    try:
        document = json.loads(payload)
    # RecursionError: the JSON parser's answer to a thousand brackets
    except (ValueError, RecursionError):
        return None
    ours = document.get("tp") if isinstance(document, dict) else None
    token = ours.get("t") if isinstance(ours, dict) else None
    return token if isinstance(token, str) else None


def read_message_id(receipt_token: str | None) -> MessageId | None:
    try:
        raw = base64url.decode(receipt_token or "")
    except ValueError:
        return None
    if len(raw) < _RECEIPT.size or raw[0] != _RECEIPT_VERSION:
        return None
    _, _, tenant, send, batch, ordinal, _ = _RECEIPT.unpack_from(raw)
    return MessageId(tenant, send, batch, ordinal) if ordinal < _LARGEST_ORDINAL else None


class Tally:
    def __init__(self) -> None:
        self.requests = 0
        self.connections = 0
        self.accepted = 0
        self.undecryptable = 0
        self.bodies = 0
        self.statuses: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        self._salts = FingerprintSet()
        self._keys = FingerprintSet()
        self._untracked = 0
        # One octet per recipient: how often its message was accepted, at (tenant, send) and batch.
        self._messages: dict[tuple[int, int], dict[int, bytearray]] = {}

    def count_body(self, body: bytes) -> None:
        self.bodies += 1
        self._salts.add(salt_of(body))
        self._keys.add(ephemeral_key_of(body))

    def count_accepted(self, message: MessageId | None) -> None:
        self.accepted += 1
        if message is None:
            self._untracked += 1
            return
        batches = self._messages.setdefault((message.tenant, message.send), {})
        counts = batches.setdefault(message.batch, bytearray())
        if message.ordinal >= len(counts):
            counts.extend(bytes(message.ordinal + 1 - len(counts)))
        counts[message.ordinal] = min(counts[message.ordinal] + 1, _COUNT_LIMIT)

    def document(self) -> dict[str, object]:
        sends = [
            {"tenant": tenant, "send": send, **_summary(list(batches.values()))}
            for (tenant, send), batches in sorted(self._messages.items())
        ]
        every = [counts for batches in self._messages.values() for counts in batches.values()]
        return {
            "requests": self.requests,
            "connections": self.connections,
            "accepted": self.accepted,
            "answers": {str(status): count for status, count in sorted(self.statuses.items())},
            "faults": dict(self.faults),
            "undecryptable": self.undecryptable,
            "bodies": self.bodies,
            "distinct_salts": self._salts.distinct,
            "distinct_keys": self._keys.distinct,
            "messages": _summary(every),
            "untracked": self._untracked,
            "sends": sends,
        }


def _summary(batches: list[bytearray]) -> dict[str, int]:
    """accepted counts each acceptance, distinct each message once, repeated those accepted more than once."""
    zeros = sum(counts.count(0) for counts in batches)
    ones = sum(counts.count(1) for counts in batches)
    distinct = sum(map(len, batches)) - zeros
    return {"accepted": sum(map(sum, batches)), "distinct": distinct, "repeated": distinct - ones}
