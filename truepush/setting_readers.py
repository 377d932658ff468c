"""Settings that have a form of their own: keys, addresses. Each fails loudly, naming the setting and the remedy."""

from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from truepush.lib import base64url
from truepush.lib.hostname import USUAL_PORTS


def read_keys(env: environ.Env, name: str) -> dict[str, bytes]:
    """Read `id:base64url,...` into a mapping, the current key first; each key has 32 octets."""
    keys: dict[str, bytes] = {}
    for item in env.list(name):
        key_id, _, text = item.partition(":")
        secret = base64url.decode(text)
        if not key_id or len(secret) != 32:
            raise ImproperlyConfigured(
                f"{name}: give each key as id:base64url of 32 octets, comma-separated."
            )
        keys[key_id] = secret
    if not keys:
        raise ImproperlyConfigured(f"{name} is empty: give at least one id:base64url key of 32 octets.")
    return keys


def read_secret(text: str, *, name: str) -> bytes:
    """Read base64url of 32 octets; no octets if it is not set."""
    try:
        secret = base64url.decode(text)
    except ValueError:
        secret = b"?"
    if len(secret) not in (0, 32):
        raise ImproperlyConfigured(f"{name}: give base64url of 32 octets, or nothing.")
    return secret


def read_origin(env: environ.Env, name: str, default: str) -> str:
    """Read an address that is compared with Origin headers: scheme, host and port, nothing else."""
    address: str = env.str(name, default=default).rstrip("/").lower()
    parts = urlsplit(address)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or address != f"{parts.scheme}://{parts.netloc}"
        # A browser's Origin never names the usual port.
        or parts.port == USUAL_PORTS[parts.scheme]
    ):
        raise ImproperlyConfigured(
            f"{name} is {address!r}; give scheme, host and port, for example {default or 'http://localhost:8004'}."
        )
    return address
