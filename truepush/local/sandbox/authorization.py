"""VAPID (RFC 8292), as strict as the strictest real service: sub is required, exp must be a number."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from truepush.lib import base64url
from truepush.lib.webpush import vapid
from truepush.local.sandbox.refusal import Fault, Refused
from truepush.local.sandbox.subscriptions import ANY_KEY, key_hash

LONGEST_LIFE = 24 * 3600
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Sender:
    public_key: bytes
    key_hash: bytes
    expires: float


class Gate:
    """Checks Authorization headers; one that was verified is remembered: senders use theirs for hours."""

    def __init__(self, origin: str, clock: Callable[[], float] = time.time) -> None:
        self._origin = origin
        self._clock = clock
        self._verified: OrderedDict[str, Sender] = OrderedDict()
        self.tokens_seen = 0

    def check(self, header: str | None, restricted_to: bytes) -> Sender | None:
        """The sender, or None where an unrestricted subscription is sent to without VAPID. Raises Refused."""
        if header is None:
            if restricted_to == ANY_KEY:
                return None
            raise Refused(Fault.VAPID_MISSING)
        sender = self._verified.get(header) or self._verify(header)
        if not 0 < sender.expires - self._clock() <= LONGEST_LIFE:
            raise Refused(Fault.VAPID_EXPIRY)
        if restricted_to not in (ANY_KEY, sender.key_hash):
            raise Refused(Fault.VAPID_KEY)
        return sender

    def _verify(self, header: str) -> Sender:
        token, public_key = _parse(header)
        claims = vapid.verify(token, public_key)
        if claims is None:
            raise Refused(Fault.VAPID_SIGNATURE)
        if claims.get("aud") != self._origin:
            raise Refused(Fault.VAPID_AUDIENCE)
        if not _is_contact(claims.get("sub")):
            raise Refused(Fault.VAPID_CONTACT)
        sender = Sender(public_key, key_hash(public_key), _expiry(claims))
        self._verified[header] = sender
        self.tokens_seen += 1
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return sender


def _parse(header: str) -> tuple[str, bytes]:
    scheme, _, rest = header.partition(" ")
    parameters = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    try:
        public_key = base64url.decode(parameters.get("k", ""))
    except ValueError as error:
        raise Refused(Fault.VAPID_MALFORMED) from error
    if scheme.lower() != "vapid" or set(parameters) != {"t", "k"} or len(public_key) != 65:
        raise Refused(Fault.VAPID_MALFORMED)
    return parameters["t"], public_key


def _is_contact(sub: object) -> bool:
    if not isinstance(sub, str):
        return False
    if sub.startswith("mailto:"):
        return "@" in sub
    return sub.startswith("https://") and bool(urlsplit(sub).hostname)


def _expiry(claims: Mapping[str, object]) -> float:
    expires = claims.get("exp")
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise Refused(Fault.VAPID_EXPIRY)
    return expires
