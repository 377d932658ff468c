"""What a visitor's browser sends, with real keys, and how tests send it."""

import base64
import itertools
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from subscribers.models import Site, Subscriber
from tenants.doorway import in_tenant
from tests.conftest import Workspace

ORIGIN = "https://shop.example"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)
_numbers = itertools.count(1)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_public_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@dataclass(frozen=True)
class Browser:
    """One PushSubscription: its endpoint and raw keys."""

    endpoint: str = field(
        default_factory=lambda: f"https://fcm.googleapis.com/fcm/send/device-{next(_numbers)}"
    )
    p256dh: bytes = field(default_factory=new_public_key)
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    def json(self, **more: Any) -> dict[str, Any]:
        keys = {"p256dh": base64url(self.p256dh), "auth": base64url(self.auth)}
        return {"endpoint": self.endpoint, "keys": keys, **more}


def post(
    client: Client, site_key: str, path: str, body: Any, *, origin: str | None = ORIGIN, **headers: str
) -> Any:
    """POST a body (an object, or octets as they are) as JSON from a page of this origin (None: no Origin at all)."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"user-agent": CHROME, **({"origin": origin} if origin is not None else {}), **headers}
    return client.post(f"/sdk/v1/{site_key}/{path}", raw, content_type="application/json", headers=sent)


def subscribe(client: Client, site: Site, body: Any, **more: Any) -> Any:
    return post(client, site.site_key, "subscriptions", body, **more)


def unsubscribe(client: Client, site: Site, endpoint: Any, capability: Any, **more: Any) -> Any:
    return post(
        client, site.site_key, "unsubscribe", {"endpoint": endpoint, "subscriber": capability}, **more
    )


def rows(place: Workspace) -> list[Subscriber]:
    with in_tenant(place.schema):
        return list(Subscriber.objects.order_by("pk"))


def only_row(place: Workspace) -> Subscriber:
    (row,) = rows(place)
    return row


def count(place: Workspace) -> int:
    with in_tenant(place.schema):
        return Subscriber.objects.count()
