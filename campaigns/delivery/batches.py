"""Claim work: first which send is next, in the public schema, then a grant of one of its batches, in the tenant's.

Fairness is decided over sends (few rows), exclusion over batches (lease and fencing token). Both are single
statements. Times are the database's own, so workers on several hosts agree.
"""

import os
import socket
import time
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection, transaction

from campaigns.delivery.ledger import Packed, unpack
from campaigns.models import LedgerPage, Send
from tenants.models import DueWork

PREPARING_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Work:
    """A send that has something due."""

    tenant_id: int
    schema_name: str
    send_id: int


# Priority, then the tenant that was served least recently, then its send. SKIP LOCKED lets several workers choose at
# once; when that leaves nothing, the second form waits for the one row that is left.
_NEXT = """
UPDATE tenants_duework SET served_at = clock_timestamp() WHERE id = (
    SELECT work.id FROM tenants_duework work
    JOIN (SELECT tenant_id, max(served_at) AS last FROM tenants_duework GROUP BY tenant_id) turn USING (tenant_id)
    WHERE work.due_at <= clock_timestamp() AND NOT work.is_held
    ORDER BY work.priority, turn.last NULLS FIRST, work.served_at NULLS FIRST, work.id
    LIMIT 1 FOR UPDATE OF work {mode})
RETURNING tenant_id, schema_name, send_id
"""


def next_work() -> Work | None:
    """Choose the send whose turn it is; None when nothing is due."""
    for mode in ("SKIP LOCKED", ""):
        with connection.cursor() as cursor:
            cursor.execute(_NEXT.format(mode=mode))
            row = cursor.fetchone()
        if row:
            return Work(*row)
    return None


@dataclass
class Grant:
    """What this worker may send now: the recipients of one batch from its cursor on, under a lease.

    `ids` and `ordinals` are parallel; `position` 0 is the batch's cursor at the time of the claim. `done` holds the
    positions that the ledger already knows (a worker died in the middle of them). The lease runs from `taken` on,
    on this process's monotonic clock.
    """

    batch_id: int
    root_id: int
    attempt: int
    fence: int
    cursor: int
    size: int
    ids: list[int]
    ordinals: list[int]
    taken: float
    done: set[int] = field(default_factory=set)

    @property
    def resolved_until(self) -> int:
        """The batch's cursor that follows from `done`: everything before it has an entry in the ledger."""
        position = 0
        while position in self.done:
            position += 1
        return self.cursor + position


_CLAIM = """
UPDATE campaigns_batch SET lease_until = clock_timestamp() + make_interval(secs => %s),
    fence = fence + 1, holder = %s
WHERE id = (
    SELECT id FROM campaigns_batch
    WHERE send_id = %s AND state = 'open' AND due_at <= clock_timestamp()
      AND (lease_until IS NULL OR lease_until <= clock_timestamp())
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, coalesce(root_id, id), attempt, fence, cursor, size,
    ids[cursor + 1 : cursor + %s], ordinals[cursor + 1 : cursor + %s]
"""


def claim(send_id: int) -> Grant | None:
    """Take a grant of the send under a new lease; None if no batch of it is free and due. Call inside its tenant."""
    most = settings.GRANT_SIZE
    holder = f"{socket.gethostname()[:50]}:{os.getpid()}"
    taken = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [settings.PUSH_LEASE_SECONDS, holder, send_id, most, most])
        row = cursor.fetchone()
    if row is None:
        return None
    batch_id, root_id, attempt, fence, place, size, ids, ordinals = row
    ordinals = ordinals or list(range(place, place + len(ids)))
    grant = Grant(batch_id, root_id, attempt, fence, place, size, ids, ordinals, taken)
    if fence > 1:
        grant.done = _recorded(grant)
    return grant


def _recorded(grant: Grant) -> set[int]:
    """Read which recipients of the grant an earlier holder recorded before it stopped."""
    if not grant.ordinals:
        return set()
    places = {ordinal: position for position, ordinal in enumerate(grant.ordinals)}
    pages = LedgerPage.objects.filter(
        root_id=grant.root_id, batch_id=grant.batch_id, last__gte=grant.ordinals[0], is_folded=False
    )
    return {
        places[entry.ordinal]
        for page in pages
        for entry in unpack(packed_of(page))
        if entry.ordinal in places
    }


def packed_of(page: LedgerPage) -> Packed:
    return Packed(page.at, page.first, page.last, bytes(page.accepted), bytes(page.entries), page.reasons)


# A batch comes free when it is due and no lease is on it.
_EARLIEST = """
SELECT min(greatest(due_at, coalesce(lease_until, due_at))) FROM campaigns_batch
WHERE send_id = %s AND state = 'open'
"""

_WAIT = "UPDATE tenants_duework SET due_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s"


@transaction.atomic
def postpone(work: Work) -> None:
    """Say when the send has something due again, after a claim found nothing. Call inside its tenant.

    The due-work row is locked first: whoever releases a batch writes to it last in its own transaction, so a batch
    that comes free at this moment is either seen here or moves `due_at` back to now afterwards.
    """
    row = DueWork.objects.select_for_update().filter(tenant_id=work.tenant_id, send_id=work.send_id).first()
    if row is None:
        return
    state = Send.objects.filter(pk=work.send_id).values_list("state", flat=True).first()
    with connection.cursor() as cursor:
        cursor.execute(_EARLIEST, [work.send_id])
        earliest = cursor.fetchone()[0]
        if earliest is not None:
            row.due_at = earliest
            row.save(update_fields=["due_at"])
        elif state == Send.State.PREPARING:
            # Another worker is freezing its audience right now: look again in a moment.
            cursor.execute(_WAIT, [PREPARING_POLL_SECONDS, row.pk])
        else:
            row.delete()
