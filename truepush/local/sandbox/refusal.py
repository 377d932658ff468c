"""The answers of the service itself, in the dialect of Mozilla's autopush (errno beside the status)."""

from dataclasses import dataclass, field
from enum import Enum


class Fault(Enum):
    """Each fault is (status, autopush errno or 0 where it has none, what to mend)."""

    TTL_MISSING = 400, 111, "TTL is missing: RFC 8030 section 5.2 requires it."
    TTL_INVALID = 400, 112, "TTL must be digits only, once."
    URGENCY_INVALID = 400, 110, "Urgency must be very-low, low, normal or high, once."
    TOPIC_INVALID = 400, 113, "Topic must be 1 to 32 characters of the base64url alphabet, once."
    ENCODING_INVALID = 400, 110, "Content-Encoding must be aes128gcm, without Encryption or Crypto-Key."
    BODY_MALFORMED = 400, 110, "The body is not one aes128gcm record with a P-256 key in its header."
    BODY_REUSES_KEY = 400, 110, "The ephemeral key must differ from the VAPID key (RFC 8292 section 3.2)."
    UNDECRYPTABLE = 400, 110, "The body does not decrypt with the subscription's keys."
    BODY_TOO_LARGE = 413, 104, "The body is over 4096 octets."
    VAPID_MISSING = 401, 109, "The subscription is restricted to a VAPID key: Authorization is missing."
    VAPID_MALFORMED = 403, 109, "Authorization must read: vapid t=<token>, k=<public key>."
    VAPID_SIGNATURE = 403, 109, "The VAPID signature is not by the key in k."
    VAPID_AUDIENCE = 403, 109, "The aud claim must be the origin of this push service."
    VAPID_EXPIRY = 403, 109, "The exp claim must be a number, in the future and at most 24 hours ahead."
    VAPID_CONTACT = 403, 109, "The sub claim must be a mailto: or https: address."
    VAPID_KEY = 403, 109, "The VAPID key is not the one the subscription was made with."
    NO_SUCH_SUBSCRIPTION = 404, 102, "No such subscription."
    GONE = 410, 103, "The subscription is gone."
    UNREGISTERED = 410, 106, "The browser has unregistered this channel."
    THROTTLED = 429, 0, "Too many messages to this subscription."
    UNAVAILABLE = 503, 202, "The service is unavailable for a while."

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def headers(self) -> dict[str, str]:
        match self:
            case Fault.THROTTLED:
                return {"Retry-After": "60"}
            case Fault.UNAVAILABLE:
                return {"Retry-After": "120"}
            case Fault.GONE | Fault.UNREGISTERED:
                return {"Cache-Control": "max-age=86400"}
            case _:
                return {}

    @property
    def document(self) -> dict[str, object]:
        status, errno, message = self.value
        return {"code": status, "errno": errno, "error": self.name.lower(), "message": message}


class Refused(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value[2])
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    document: dict[str, object] | str
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
