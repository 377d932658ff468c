"""Check a recipient as it is now, then push; or note why not (design section 4, steps 3 and 4)."""

import logging
from typing import TYPE_CHECKING

from django.db import DatabaseError

from campaigns.delivery.hold import Hold
from campaigns.delivery.judge import expires_within
from campaigns.delivery.outcomes import MOST_ATTEMPTS, Answer, Outcome, Skip, reason_of
from campaigns.delivery.recipients import ACTIVE, Recipient
from campaigns.delivery.record import backoff_seconds
from subscribers.models import Subscriber
from truepush.lib.fieldcrypt import FieldCryptError

if TYPE_CHECKING:
    from campaigns.delivery.sender import Sender

log = logging.getLogger(__name__)

_SKIPPED = {
    Subscriber.State.UNSUBSCRIBED: Skip.UNSUBSCRIBED,
    Subscriber.State.DISABLED: Skip.KEY_PAUSED,
    Subscriber.State.IMPORTED: Skip.KEY_PAUSED,
}


def start(sender: "Sender", hold: Hold, position: int, origin: str) -> None:
    """Post to one recipient unless something speaks against it."""
    row = hold.row_of(position)
    if row is None or row.state != ACTIVE:
        return _skip(hold, position, row)
    expires_at = hold.composer.expires_at
    if expires_at and sender.now >= expires_at:
        return hold.end(position, Outcome.EXPIRED, reason="expired")
    if (hold.grant.is_capped or hold.quiet) and _is_restrained(sender, hold, position, row):
        return None
    if row.wait_until and row.wait_until > sender.now:
        return put_off(hold, position, (row.wait_until - sender.now).total_seconds())
    if sender.brakes.active:
        lane = sender.brakes.lane_of(hold.source_of(row))
        if lane and lane != hold.grant.lane:
            return put_off(hold, position, 0.0, lane)
    return _post(sender, hold, position, row, origin)


def _is_restrained(sender: "Sender", hold: Hold, position: int, row: Recipient) -> bool:
    """Leave out who has no place under a cap; by night hold the message until it is over there, or leave them out."""
    if refused := hold.refused.get(row.pk):
        hold.end(position, Outcome.SKIPPED, reason=refused.value)
        return True
    seconds = hold.quiet.seconds(row.time_zone, sender.now) if hold.quiet else 0.0
    if seconds and hold.restraint.quiet == "drop":
        hold.end(position, Outcome.SKIPPED, reason=Skip.QUIET.value)
    elif seconds:
        put_off(hold, position, seconds)
    return bool(seconds)


def _skip(hold: Hold, position: int, row: Recipient | None) -> None:
    if hold.is_held_out:  # of these no rows are read
        hold.end(position, Outcome.SKIPPED, reason=Skip.HOLD_OUT.value)
    elif row is None:
        hold.end(position, Outcome.SKIPPED, reason=Skip.ERASED.value)
    elif row.state == Subscriber.State.GONE:
        hold.end(position, Outcome.GONE, reason="gone before it was sent")
    else:
        hold.end(position, Outcome.SKIPPED, reason=_SKIPPED[Subscriber.State(row.state)].value)


def put_off(hold: Hold, position: int, seconds: float, lane: str = "") -> None:
    """Put off a subscription that was asked to wait, or whose lane is slow or stuck; it costs no attempt."""
    if expires_within(hold, seconds):
        hold.end(position, Outcome.EXPIRED, reason="expired")
    else:
        hold.end(position, Outcome.DEFERRED, reason="waits", wait=seconds, is_waiting=True, lane=lane)


def _post(sender: "Sender", hold: Hold, position: int, row: Recipient, origin: str) -> None:
    ordinal = hold.grant.ordinals[position]
    try:
        post = hold.composer.post(
            (hold, position),
            row,
            root_id=hold.grant.root_id,
            ordinal=ordinal,
            now=sender.now,
            variant=hold.grant.variant or 0,
        )
        sender.transport.start(post)
    except ValueError as error:
        hold.say(Answer.NOT_SENDABLE, 0)
        hold.end(position, Outcome.FAILED, reason=reason_of(Answer.NOT_SENDABLE, 0, str(error)))
    except (FieldCryptError, DatabaseError) as error:
        sender.fail(hold, error)
    except Exception as error:  # noqa: BLE001  # one recipient's trouble must not hold up the million behind it
        _poisoned(hold, position, error)
    else:
        hold.in_flight += 1
        if sender.transport.in_flight_of(origin) == 1:
            sender.heard[origin] = sender.mono


def _poisoned(hold: Hold, position: int, error: Exception) -> None:
    """Try a recipient that raised again later, a few times (FT-18)."""
    log.error("push internal_error %s", type(error).__name__, extra=hold.trail())
    hold.say(Answer.INTERNAL, 0)
    reason = reason_of(Answer.INTERNAL, 0, type(error).__name__)
    attempt = hold.grant.attempt
    if attempt >= MOST_ATTEMPTS:
        hold.end(position, Outcome.FAILED, reason=reason, attempts=attempt)
    else:
        wait = backoff_seconds(attempt, None)
        hold.end(position, Outcome.DEFERRED, reason=reason, attempts=attempt, wait=wait)
