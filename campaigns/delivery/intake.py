"""What a sender takes in hand next: more of a batch it holds, or a grant of the send whose turn it is."""

import time
from typing import TYPE_CHECKING

from django.conf import settings

from campaigns.actions.freeze import freeze
from campaigns.delivery.batches import (
    CAREFUL_CLAIMS,
    MOST_CLAIMS,
    Grant,
    Later,
    claim,
    extend,
    next_work,
    postpone,
)
from campaigns.delivery.hold import Hold
from campaigns.delivery.looks import look
from campaigns.delivery.outcomes import Answer, Outcome, reason_of
from campaigns.delivery.record import trouble_noted
from campaigns.delivery.work import Work
from campaigns.models import Send
from tenants.doorway import in_tenant
from tenants.models import DueWork

if TYPE_CHECKING:
    from campaigns.delivery.sender import Sender

MOST_HOLDS = 8
# So many recipients are kept ready to start.
READY = 250
LOOK_SECONDS = 0.05
NOTHING_SECONDS = 0.01
PAUSED_SECONDS = 1.0
LEAST_GRANT, GRANT_SIZE_AT_FIRST = 100, 250


def has_room(sender: "Sender") -> bool:
    """Whether more should be taken in hand: little is ready to start, and not too many leases are held."""
    if time.monotonic() < sender.looks_at:
        return False
    if len(sender.holds) >= MOST_HOLDS:
        return False
    return sum(sender.ready(hold) for hold in sender.holds) < READY


def grant_size(sender: "Sender") -> int:
    """About a second of work for all holds together, as fast as this task has been so far."""
    age = sender.mono - sender.started
    if age < 1.0:
        return GRANT_SIZE_AT_FIRST
    share = sender.resolved / age / max(len(sender.holds), 1)
    return max(LEAST_GRANT, min(int(share), settings.GRANT_SIZE))


def take_more(sender: "Sender") -> None:
    """Take what is next by turn; for a send of which a batch is held with a rest, more of that batch."""
    work = next_work()
    if work is None:
        if not any(extend_hold(sender, hold) for hold in sender.holds if hold.waiting < READY):
            sender.looks_at = time.monotonic() + LOOK_SECONDS
        return
    for hold in sender.holds:
        if hold.work == work and extend_hold(sender, hold):
            return
    open_hold(sender, work)


def go_on(sender: "Sender", hold: Hold) -> bool:
    """Take up more for a hold that has nothing left to do, after whoever's turn it is; False if it should be let go.

    A hold that went on by itself would keep its place to the end of its batch: at a slow push service another tenant
    would wait for as long. With all places taken it makes room.
    """
    if len(sender.holds) >= MOST_HOLDS:
        return False
    if hold.grant.has_rest and time.monotonic() >= sender.looks_at:
        take_more(sender)
    return bool(hold.waiting) or extend_hold(sender, hold)


def extend_hold(sender: "Sender", hold: Hold) -> bool:
    """Take up more of the batch that is held; False if there is none or its pace allows nothing now."""
    grant = hold.grant
    if not grant.has_rest or sender.is_stopped(hold) or grant.claims >= CAREFUL_CLAIMS:
        return False
    first = len(grant.ids)
    with in_tenant(hold.work.schema_name):
        waits = extend(
            grant, hold.work, site_id=hold.site_id, most=grant_size(sender), is_paced=not hold.is_test
        )
        if waits or len(grant.ids) == first:
            return False
        hold.take_up(first)
    return True


def open_hold(sender: "Sender", work: Work) -> None:
    """Freeze the send if that is still to be done, and take a grant of it; what finds nothing is postponed."""
    with in_tenant(work.schema_name), trouble_noted(work):
        freeze(work)
        send = _send_of(work)
        if send and look(work, send):
            send = _send_of(work)
        grant = _claim(sender, work, send) if send else None
        if send is None or grant is None:
            postpone(work)
            sender.looks_at = time.monotonic() + NOTHING_SECONDS
        elif isinstance(grant, Later):
            postpone(work, seconds=grant.seconds)
        else:
            hold = Hold(work, grant, send)
            _give_up_killer(hold)
            sender.holds.append(hold)
            sender.signals.in_hand = {other.key for other in sender.holds}


def _send_of(work: Work) -> Send | None:
    return Send.objects.select_related("site").filter(pk=work.send_id).first()


def _claim(sender: "Sender", work: Work, send: Send) -> Grant | Later | None:
    if send.state == Send.State.CANCELLED:
        return claim(send.pk, most=settings.BATCH_SIZE, is_paced=False, has_lanes=False)
    if send.state != Send.State.RUNNING:
        return Later(PAUSED_SECONDS) if send.state == Send.State.PAUSED else None
    if DueWork.objects.filter(tenant_id=work.tenant_id, send_id=work.send_id, is_held=True).exists():
        return Later(PAUSED_SECONDS)  # since it was chosen, perhaps by its own freeze
    return claim(
        send.pk,
        tenant_id=work.tenant_id,
        site_id=send.site_id,
        most=grant_size(sender),
        busy_origins=sender.stuck_origins(),
        is_paced=send.kind != Send.Kind.TEST,
    )


def _give_up_killer(hold: Hold) -> None:
    """Give up the recipient at the cursor of a batch that has killed its workers again and again (FT-18)."""
    if hold.grant.claims < MOST_CLAIMS:
        return
    for origin, queue in hold.queues.items():
        if queue:
            position = hold.pop(origin)
            hold.say(Answer.WORKER_DIED, 0)
            hold.end(position, Outcome.FAILED, reason=reason_of(Answer.WORKER_DIED, 0, ""))
            return
