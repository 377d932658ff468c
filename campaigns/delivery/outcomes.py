"""The one place that knows what each answer of a push service means (../protocol table, docs/sending.md)."""

import logging
import re
from dataclasses import dataclass
from enum import Enum, IntEnum

from truepush.lib.webpush.endpoints import PushService

MOST_REASON = 512
LONGEST_WAIT = 24 * 3600.0
MOST_ATTEMPTS = 5


class Outcome(IntEnum):
    """How a recipient ended; the numbers are stored in ledger pages."""

    ACCEPTED = 1
    GONE = 2
    FAILED = 3
    EXPIRED = 4
    SKIPPED = 5
    CANCELLED = 6
    # Not an end: the recipient left this batch for a child batch.
    DEFERRED = 7

    @property
    def counter(self) -> str:
        """The column of Send that counts it; empty for what is not an end."""
        return "" if self is Outcome.DEFERRED else self.name.lower()


class Answer(Enum):
    """A class of answers: its outcome, whether it is tried again, its words for people, its log level."""

    ACCEPTED = (Outcome.ACCEPTED, False, "accepted", logging.DEBUG)
    GONE = (Outcome.GONE, False, "the subscription does not exist any more", logging.DEBUG)
    REDIRECT = (Outcome.FAILED, False, "answered with a redirect, which is never followed", logging.WARNING)
    BAD_REQUEST = (Outcome.FAILED, False, "the push service found the request wrong", logging.WARNING)
    NOT_AUTHORISED = (Outcome.FAILED, False, "the push service refused the website's key", logging.WARNING)
    KEY_MISMATCH = (Outcome.FAILED, False, "the subscription was made with another key", logging.WARNING)
    TOO_LARGE = (Outcome.FAILED, False, "the message is too large", logging.WARNING)
    THROTTLED = (Outcome.FAILED, True, "the push service asked to slow down", logging.INFO)
    SERVER_ERROR = (Outcome.FAILED, True, "the push service had an error", logging.INFO)
    NETWORK = (Outcome.FAILED, True, "the push service could not be reached", logging.INFO)
    REFUSED_BY_GUARD = (Outcome.FAILED, False, "the endpoint's address is not a public one", logging.ERROR)
    NOT_SENDABLE = (
        Outcome.FAILED,
        False,
        "the message could not be encrypted for this browser",
        logging.ERROR,
    )
    INTERNAL = (Outcome.FAILED, True, "an error of ours while it was prepared", logging.ERROR)
    WORKER_DIED = (Outcome.FAILED, False, "workers died while it was prepared", logging.ERROR)
    OTHER = (Outcome.FAILED, False, "unexpected answer of the push service", logging.WARNING)

    def __init__(self, outcome: Outcome, is_retried: bool, words: str, log_level: int) -> None:
        self.outcome = outcome
        self.is_retried = is_retried
        self.words = words
        self.log_level = log_level

    @property
    def is_ours(self) -> bool:
        """Whether it is most likely a mistake of ours, which staff should look at (protocol table 1.5)."""
        return self in (
            Answer.BAD_REQUEST,
            Answer.TOO_LARGE,
            Answer.REDIRECT,
            Answer.NOT_SENDABLE,
            Answer.INTERNAL,
            Answer.WORKER_DIED,
            Answer.REFUSED_BY_GUARD,
        )

    @property
    def label(self) -> str:
        """The name in metrics and in `Send.reasons`."""
        return self.name.lower()


_RETRIED_STATUS = {408, 425}
_BY_STATUS = {
    **dict.fromkeys((200, 201, 202, 204), Answer.ACCEPTED),
    **dict.fromkeys((301, 302, 303, 307, 308), Answer.REDIRECT),
    400: Answer.BAD_REQUEST,
    **dict.fromkeys((401, 403), Answer.NOT_AUTHORISED),
    **dict.fromkeys((404, 410), Answer.GONE),
    413: Answer.TOO_LARGE,
    429: Answer.THROTTLED,
}


# How FCM, Mozilla and Apple say that a subscription belongs to another VAPID key (protocol/push-services.md 1.4).
_MISMATCH = re.compile(
    r"do not correspond to the credentials|VAPID public key mismatch|VapidPkHashMismatch|UnauthorizedRegistration",
    re.IGNORECASE,
)


def classify(status: int, service: str, text: str = "") -> Answer:
    """Judge an HTTP status, who sent it, and its words: only WNS says "slow down" with 406."""
    if status in (400, 401, 403) and _MISMATCH.search(text):
        return Answer.KEY_MISMATCH
    if status == 406 and service == PushService.WNS:
        return Answer.THROTTLED
    if status in _RETRIED_STATUS or 500 <= status <= 599:
        return Answer.SERVER_ERROR
    return _BY_STATUS.get(status, Answer.OTHER)


class Skip(Enum):
    """Why a recipient was left out at send time (the closed list of design section 4)."""

    CAPPED = "capped"
    QUIET = "quiet"
    GAP = "gap"
    HOLD_OUT = "hold-out"
    UNSUBSCRIBED = "unsubscribed"
    KEY_PAUSED = "key paused"
    ERASED = "erased"

    @property
    def key(self) -> str:
        """Under which name `Send.reasons` counts it."""
        return f"skipped {self.value}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one recipient: `ordinal` in the root batch, `attempts` the POSTs, `status` 0 without an answer.

    `reason` is "label" or "label: the push service's own words", at most 512 characters, never an endpoint.
    `wait_seconds` is the push service's Retry-After. `ttl` is what it promised when it shortened ours, else 0.
    """

    ordinal: int
    subscriber_id: int
    outcome: Outcome
    status: int = 0
    reason: str = ""
    attempts: int = 1
    offset_ms: int = 0
    ttl: int = 0
    wait_seconds: float | None = None
    is_throttled: bool = False
    # The POST went to this endpoint (SHA-256); the row may have another one by the time the answer is recorded.
    endpoint_digest: bytes = b""
    # Put off without an attempt: its push service had asked this subscription to wait, or its lane is slowed down.
    is_waiting: bool = False
    lane: str = ""
    # No answer came, but the push service may have got the request.
    is_ambiguous: bool = False
    # The subscription belongs to another VAPID key: its row is paused until the browser subscribes anew.
    is_disabled: bool = False


# An address, or a run of characters as long as a token: it may be an endpoint, which is a secret.
_SECRET = re.compile(r"\w+://[^\s\"'<>]+|[\w.~:%+/=-]{32,}", re.ASCII)


def reason_of(answer: Answer, status: int, words: str) -> str:
    """Write the reason for the ledger: class, status, and on one line what the service said, without endpoints.

    Compressed and binary answers come as they are: PostgreSQL takes no NUL, and one would hold the whole page back.
    """
    line = "".join(character if character.isprintable() else " " for character in words)
    said = " ".join(_SECRET.sub("[...]", line).split())
    head = f"{answer.label} {status}" if status else answer.label
    return f"{head}: {said}"[:MOST_REASON] if said else head
