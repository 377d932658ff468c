"""From a reply to what it means for one recipient: an end, or a retry that leaves for a child batch."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.utils import timezone

from campaigns.delivery.hold import Hold
from campaigns.delivery.outcomes import MOST_ATTEMPTS, Answer, classify, reason_of
from campaigns.delivery.outcomes import Outcome as Of
from campaigns.delivery.recipients import Recipient
from campaigns.delivery.record import backoff_seconds
from campaigns.delivery.throttles import Brakes
from campaigns.delivery.transport import Reply


def judge(hold: Hold, position: int, reply: Reply, brakes: Brakes, heard: dict[str, float]) -> None:
    """Note on the hold what became of the recipient; `heard` gets when an origin last answered."""
    row = hold.row_of(position)
    if row is None:
        return  # its lease was lost, and with it the right to say
    source = hold.source_of(row)
    if reply.status:
        heard[row.origin] = time.monotonic()
    if reply.status == 201 and hold.grant.attempt == 1 and not _shortened_ttl(hold, reply):
        brakes.count(source, Answer.ACCEPTED, None)
        hold.accept(position)
        return
    answer = _answer(reply, row)
    wait = retry_after(reply)
    # Retries say little about the whole: they are those that failed before. Unless they are the probes.
    if hold.grant.attempt == 1 or brakes.active:
        brakes.count(source, answer, wait)
    hold.say(answer, reply.status)
    reason = "" if answer is Answer.ACCEPTED else reason_of(answer, reply.status, reply.text or reply.error)
    if answer.is_retried and _retry(hold, position, reply, answer, reason):
        return
    hold.end(
        position, answer.outcome, reply.status, reason, attempts=hold.grant.attempt,
        ttl=_shortened_ttl(hold, reply) if answer is Answer.ACCEPTED else 0,
        is_ambiguous=reply.is_ambiguous,
        is_disabled=answer is Answer.KEY_MISMATCH and not brakes.is_key_doubted(source),
    )  # fmt: skip


def _answer(reply: Reply, row: Recipient) -> Answer:
    if reply.is_refused:
        return Answer.REFUSED_BY_GUARD
    if reply.status == 0:
        return Answer.NETWORK
    return classify(reply.status, row.service, reply.text)


def _retry(hold: Hold, position: int, reply: Reply, answer: Answer, reason: str) -> bool:
    """Defer the recipient; False if it has had its attempts or would expire before the next."""
    attempt = hold.grant.attempt
    if attempt >= MOST_ATTEMPTS:
        return False
    seconds = backoff_seconds(attempt, retry_after(reply))
    if expires_within(hold, seconds):
        return False
    hold.end(
        position, Of.DEFERRED, reply.status, reason, attempts=attempt, wait=seconds,
        is_throttled=answer is Answer.THROTTLED, is_ambiguous=reply.is_ambiguous,
    )  # fmt: skip
    return True


def expires_within(hold: Hold, seconds: float) -> bool:
    end = hold.composer.expires_at
    return end is not None and timezone.now() + timedelta(seconds=seconds) >= end


def _shortened_ttl(hold: Hold, reply: Reply) -> int:
    """How long the push service will keep the message, where it said less than we asked (RFC 8030 s5.2)."""
    text = reply.headers.get("ttl", "")
    if not text or not text.isdecimal() or len(text) > 9:
        return 0
    promised = int(text)
    return promised if promised < hold.composer.ttl_left(timezone.now()) else 0


def retry_after(reply: Reply) -> float | None:
    """Read Retry-After in seconds, also from its date form (RFC 9110 section 10.2.3); nonsense counts as absent."""
    text = reply.headers.get("retry-after", "")
    if text.isdecimal() and text.isascii():
        return float(text) if len(text) < 10 else None
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
