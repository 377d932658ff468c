"""From a recipient's row to the request that is posted: payload, encryption, headers."""

import base64
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import NamedTuple

from django.conf import settings

from campaigns.delivery.payload import Templates, spread_of, templates_of
from campaigns.delivery.recipients import Recipient
from campaigns.delivery.transport import Post
from campaigns.models import Send
from subscribers.keyring import unseal
from subscribers.models import VapidKey
from tenants.doorway import current_schema, in_tenant
from tenants.flags import LIFETIME_SECONDS, OWN_ENCODER, is_on
from truepush.lib.receipt_token import TokenMaker
from truepush.lib.webpush import encryption, reference
from truepush.lib.webpush.endpoints import PushService, parse_endpoint
from truepush.lib.webpush.vapid import HeaderCache, KeyPair

TOPIC_LENGTH = 24  # of base64url; Apple refuses lengths of 1 mod 4

# Apple shows repeats stacked, and Mozilla resets a client that stores more than 150: they get a Topic always. FCM was
# said to keep four collapse keys per device that is offline, so there the notification's tag alone collapses, unless
# the campaign is to replace what is waiting.
TOPIC_SERVICES = frozenset({PushService.APPLE, PushService.MOZILLA, PushService.SANDBOX})

_TARGET = re.compile(r"/[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
Encoder = Callable[[bytes, bytes, bytes], bytes]
_headers = HeaderCache()


class EndpointChanged(ValueError):
    """A stored endpoint that is not one of a known push service, so nothing is sent to it."""


class _Place(NamedTuple):
    """An origin that passed the endpoint rules."""

    service: PushService
    is_sandbox: bool


@lru_cache(maxsize=1024)
def _key_pair(schema_name: str, key_id: int) -> KeyPair:
    key = VapidKey.objects.get(pk=key_id)
    public = bytes(key.public)
    return KeyPair(private=unseal(key.private_encrypted, public), public=public)


def key_pair(key_id: int) -> KeyPair:
    """Read a VAPID key pair of the current tenant, decrypted; kept in this process's memory only."""
    return _key_pair(current_schema(), key_id)


def topic_of(schema_name: str, send: int | str) -> str:
    """Make the Topic of a send: the same for a repeat, never shared by two sends, save those of one replaced_by()."""
    digest = hashlib.sha256(f"topic:{schema_name}:{send}".encode()).digest()
    return base64.urlsafe_b64encode(digest)[:TOPIC_LENGTH].decode()


def replaced_by(site_id: int, name: str) -> str:
    """Give what topic_of() and tag_of() take for sends that replace each other: those of one name on one website."""
    return f"replaces:{site_id}:{name}"


def tag_of(schema_name: str, send: int | str) -> str:
    """Make the notification tag of a send, by which a browser replaces a repeat that it still shows."""
    return "tp-" + hashlib.sha256(f"tag:{schema_name}:{send}".encode()).hexdigest()[:16]


class Composer:
    """Builds the requests of one send; what is the same for all recipients, or for many, is made once.

    Make it inside the tenant; it may be used anywhere.
    """

    def __init__(self, send: Send, tenant_id: int, contact: str) -> None:
        self.expires_at: datetime | None = send.expires_at
        self.request_id = send.request_id
        self._send = send
        self._tenant_id = tenant_id
        self._schema_name = current_schema()
        self._contact = contact
        spread = spread_of(send.audience)
        self._templates: list[Templates] = [
            templates_of(content, tag=send.tag, spread=spread) for content in send.content
        ]
        # Whether recipients must be read with their profile.
        self.is_personal = any(one.is_personal for one in self._templates)
        self._replaces = any(content.get("replaces") for content in send.content)
        self._places: dict[str, _Place] = {}
        self._heads: dict[tuple[str, int], tuple[tuple[str, str], ...]] = {}
        self._ttl = 0
        self._tokens: dict[int, TokenMaker] = {}
        self.encrypt, self._chosen = self._encoder(), time.monotonic()

    def post(
        self, key: object, row: Recipient, *, root_id: int, ordinal: int, now: datetime, variant: int = 0
    ) -> Post:
        """Encrypt for one recipient; raises ValueError if the stored keys or the payload cannot be used."""
        tokens = self._tokens.get(root_id) or self._tokens_of(root_id)
        plaintext = self._templates[variant].of(row.language).fill(tokens.token(ordinal, variant), row.values)
        if time.monotonic() - self._chosen >= LIFETIME_SECONDS:
            # A grant may last for most of a minute, which is how soon a stop has to be everywhere.
            self.encrypt, self._chosen = self._encoder(), time.monotonic()
        body = self.encrypt(plaintext, row.p256dh, row.auth)
        origin = row.origin
        target = row.endpoint[len(origin) :]
        place = self._places.get(origin) or self._admit(origin, row.endpoint)
        if not _TARGET.fullmatch(target):
            raise EndpointChanged("the stored endpoint has characters that a URL cannot have")
        return Post(key, origin, target, place.is_sandbox, self._head(origin, place, row.key_id, now), body)

    def _encoder(self) -> Encoder:
        if settings.PUSH_PAD_TO:
            return partial(encryption.encrypt, pad_to=settings.PUSH_PAD_TO)
        is_own = settings.PUSH_ENCODER == "truepush" and is_on(OWN_ENCODER, self._tenant_id)
        return encryption.encrypt if is_own else reference.encrypt

    def _tokens_of(self, root_id: int) -> TokenMaker:
        made = TokenMaker(settings.RECEIPT_KEYS, self._tenant_id, self._send.pk, root_id)
        self._tokens[root_id] = made
        return made

    def _admit(self, origin: str, endpoint: str) -> _Place:
        """Check an origin by the rules of subscription once; its endpoints passed them when they were stored."""
        parsed = parse_endpoint(endpoint, sandbox_origin=settings.SANDBOX_ORIGIN)
        if parsed.origin != origin:
            raise EndpointChanged("the stored endpoint is not written as it is dialled")
        place = _Place(parsed.service, parsed.service is PushService.SANDBOX)
        self._places[origin] = place
        return place

    def _head(self, origin: str, place: _Place, key_id: int, now: datetime) -> tuple[tuple[str, str], ...]:
        """Give the header fields, the same object for all recipients of one key at an origin within a second."""
        ttl = self.ttl_left(now)
        if ttl != self._ttl:
            self._heads.clear()
            self._ttl = ttl
        head = self._heads.get((origin, key_id))
        if head is None:
            head = self._heads[origin, key_id] = tuple(self._fields(origin, place, key_id))
        return head

    def _fields(self, origin: str, place: _Place, key_id: int) -> Sequence[tuple[str, str]]:
        with in_tenant(self._schema_name):
            pair = key_pair(key_id)
        authorization = _headers.header(pair.private, pair.public, origin, self._contact, time.time())
        fields = [
            ("authorization", authorization),
            ("ttl", str(self._ttl)),
            ("urgency", self._send.urgency),
            ("content-encoding", "aes128gcm"),
            ("content-type", "application/octet-stream"),
        ]
        if self._send.request_id:
            # The same for the whole send, so it is compressed to an octet, and nothing is computed for a message.
            fields.append(("x-request-id", self._send.request_id))
        if self._replaces or place.service in TOPIC_SERVICES:
            fields.append(("topic", self._send.topic))
        if place.service is PushService.WNS:
            fields.append(("x-wns-cache-policy", "cache"))
        return fields

    def ttl_left(self, now: datetime) -> int:
        """What is left until the message expires, in whole seconds, at least 1."""
        left = (self.expires_at - now).total_seconds() if self.expires_at else self._send.ttl
        return max(1, int(left))
