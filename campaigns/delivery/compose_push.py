"""From a recipient's row to the request that is posted: payload, encryption, headers."""

import base64
import hashlib
import time
from datetime import datetime
from functools import lru_cache

from django.conf import settings

from campaigns.delivery.payload import Template, template_of
from campaigns.delivery.transport import Post, header_lines
from campaigns.models import Send
from subscribers.keyring import unseal
from subscribers.models import Subscriber, VapidKey
from tenants.doorway import current_schema
from truepush.lib.receipt_token import ReceiptToken
from truepush.lib.receipt_token import pack as pack_token
from truepush.lib.webpush.encryption import encrypt
from truepush.lib.webpush.endpoints import PushService, parse_endpoint
from truepush.lib.webpush.vapid import HeaderCache, KeyPair

TOPIC_LENGTH = 24  # of base64url; Apple refuses lengths of 1 mod 4

# Apple shows repeats stacked, and Mozilla resets a client that stores more than 150: they get a Topic always. FCM was
# said to keep four collapse keys per device that is offline, so there the notification's tag alone collapses.
TOPIC_SERVICES = frozenset({PushService.APPLE, PushService.MOZILLA, PushService.SANDBOX})

_headers = HeaderCache()


@lru_cache(maxsize=1024)
def _key_pair(schema_name: str, key_id: int) -> KeyPair:
    key = VapidKey.objects.get(pk=key_id)
    public = bytes(key.public)
    return KeyPair(private=unseal(key.private_encrypted, public), public=public)


def key_pair(key_id: int) -> KeyPair:
    """Read a VAPID key pair of the current tenant, decrypted; kept in this process's memory only."""
    return _key_pair(current_schema(), key_id)


def topic_of(schema_name: str, send_id: int) -> str:
    """Make the Topic of a send: the same for a repeat, never shared by two sends."""
    digest = hashlib.sha256(f"topic:{schema_name}:{send_id}".encode()).digest()
    return base64.urlsafe_b64encode(digest)[:TOPIC_LENGTH].decode()


def tag_of(schema_name: str, send_id: int) -> str:
    """Make the notification tag of a send, by which a browser replaces a repeat that it still shows."""
    return "tp-" + hashlib.sha256(f"tag:{schema_name}:{send_id}".encode()).hexdigest()[:16]


class Composer:
    """Builds the requests of one send; what is the same for all recipients is made once."""

    def __init__(self, send: Send, tenant_id: int, contact: str) -> None:
        self.expires_at: datetime | None = send.expires_at
        self._send = send
        self._tenant_id = tenant_id
        self._contact = contact
        self._templates: list[Template] = [template_of(content, tag=send.tag) for content in send.content]

    def post(self, key: int, row: Subscriber, *, root_id: int, ordinal: int, now: datetime) -> Post:
        """Encrypt for one recipient; raises ValueError if the stored keys or the payload cannot be used."""
        variant = 0
        token = pack_token(
            settings.RECEIPT_KEYS, ReceiptToken(self._tenant_id, self._send.pk, root_id, ordinal, variant)
        )
        body = encrypt(self._templates[variant].fill(token), bytes(row.p256dh), bytes(row.auth))
        endpoint = parse_endpoint(row.endpoint, sandbox_origin=settings.SANDBOX_ORIGIN)
        pair = key_pair(row.vapid_key_id)
        authorization = _headers.header(
            pair.private, pair.public, endpoint.origin, self._contact, time.time()
        )
        pairs = [
            ("Authorization", authorization),
            ("TTL", str(self.ttl_left(now))),
            ("Urgency", self._send.urgency),
            ("Content-Encoding", "aes128gcm"),
            ("Content-Type", "application/octet-stream"),
        ]
        if endpoint.service in TOPIC_SERVICES:
            pairs.append(("Topic", self._send.topic))
        if endpoint.service is PushService.WNS:
            pairs.append(("X-WNS-Cache-Policy", "cache"))
        is_sandbox = endpoint.service is PushService.SANDBOX
        return Post(key, endpoint.url, is_sandbox, header_lines(pairs), body)

    def ttl_left(self, now: datetime) -> int:
        """What is left until the message expires, in whole seconds, at least 1."""
        left = (self.expires_at - now).total_seconds() if self.expires_at else self._send.ttl
        return max(1, int(left))
