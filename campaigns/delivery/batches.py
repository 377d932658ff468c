"""Claim work: first which send is next, in the public schema, then a grant of one of its batches, in the tenant's.

Fairness is decided over sends (few rows), exclusion over batches (lease and fencing token). Times are the database's
own, so workers on several hosts agree.
"""

import os
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from campaigns.delivery.ledger import Packed, unpack
from campaigns.delivery.looks import next_look
from campaigns.delivery.pacing import FREE, Allowance, allowance, give_back, lane_allowance, take
from campaigns.delivery.work import Work
from campaigns.models import LedgerPage, Send
from tenants.models import DueWork

PREPARING_POLL_SECONDS = 0.5
# A batch that was claimed so often and never had a page written has probably killed its workers: then one recipient
# at a time, and after a few more deaths the one at its cursor is given up.
CAREFUL_CLAIMS = 3
MOST_CLAIMS = 5


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


_NEXT_DUE = """
SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 FROM tenants_duework WHERE NOT is_held
"""


def seconds_until_due() -> float | None:
    """How long until something is due, 0 or less if it is; None if nothing waits."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_DUE)
        seconds: float | None = cursor.fetchone()[0]
    return seconds


@dataclass
class Grant:
    """What this worker may send now: recipients of one batch from its cursor on, under a lease.

    `ids` and `ordinals` are parallel; position 0 is the batch's cursor at the time of the claim. `done` holds the
    positions that are resolved, at first those that the ledger already knows.
    The lease runs from `taken` on, on this process's monotonic clock. Under a pace the recipient of position p may
    leave no earlier than `start` + (p - `paced_from`) * `spacing`, on that clock.
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
    lane: str = ""
    claims: int = 1
    holder: str = ""
    done: set[int] = field(default_factory=set)
    # Ordinals that the ledger knew at the claim, also of recipients that are not granted yet.
    recorded: set[int] = field(default_factory=set)
    # Whether places under its website's caps are reserved for it.
    is_capped: bool = False
    # When its messages expire, where that is not the send's own end.
    expires_at: datetime | None = None
    # As the batch's.
    wave: int = 0
    variant: int | None = None
    start: float = 0.0
    spacing: float = 0.0
    paced_from: int = 0
    pace: Allowance = FREE
    # Places of the pace that were taken for recipients to whom nothing was posted, and not given back yet.
    unused: int = 0
    _until: int = 0

    @property
    def resolved_until(self) -> int:
        """The batch's cursor that follows from `done`: everything before it has an entry in the ledger."""
        position = self._until
        while position in self.done:
            position += 1
        self._until = position
        return self.cursor + position

    @property
    def has_rest(self) -> bool:
        """Whether the batch goes on behind what was granted."""
        return self.cursor + len(self.ids) < self.size

    def opens_at(self, position: int) -> float:
        """When the recipient may leave, on the monotonic clock; 0 without a pace."""
        return self.start + (position - self.paced_from) * self.spacing if self.spacing else 0.0

    def return_places(self, *, all_of_them: bool = False) -> None:
        """Give the places of the pace back that are not used, after a release those of what was not resolved too."""
        number = self.unused + (len(self.ids) - len(self.done) if all_of_them else 0)
        self.unused = 0
        give_back(self.pace, number)


# A scalar subquery, never a join: in a nested loop it would run for each batch, skip what it has just locked itself,
# and lease them all.
_CLAIM = """
UPDATE campaigns_batch SET lease_until = clock_timestamp() + make_interval(secs => %s),
    fence = fence + 1, holder = %s, claims = claims + 1
WHERE id = (
    SELECT id FROM campaigns_batch
    WHERE send_id = %s AND state = 'open' AND due_at <= clock_timestamp()
      AND (lease_until IS NULL OR lease_until <= clock_timestamp())
      AND (lane = '' OR NOT %s OR NOT (substring(lane FROM 'https:.*') = ANY(%s)
           OR EXISTS (SELECT FROM tenants_throttle slow WHERE slow.lane = campaigns_batch.lane
                      AND slow.next_at > clock_timestamp() + make_interval(secs => %s))))
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, coalesce(root_id, id), attempt, fence, cursor, size, lane, claims, expires_at, wave, variant
"""

_SLICE = "SELECT ids[%s : %s], ordinals[%s : %s] FROM campaigns_batch WHERE id = %s"


@transaction.atomic
def claim(
    send_id: int,
    *,
    tenant_id: int = 0,
    site_id: int = 0,
    most: int | None = None,
    busy_origins: Collection[str] = (),
    is_paced: bool = True,
    has_lanes: bool = True,
) -> "Grant | Later | None":
    """Take a grant of the send under a new lease, at most `most` recipients; call inside its tenant.

    None if no batch of it is free and due; Later if its pace allows nothing now. Batches of lanes at `busy_origins`
    and of lanes that are closed are passed over, unless `has_lanes` is false.
    """
    most = settings.GRANT_SIZE if most is None else most
    pace = allowance(tenant_id, site_id, send_id) if is_paced else FREE
    if pace.waits:
        return Later(pace.waits)
    grant = _lease(send_id, busy_origins, has_lanes=has_lanes)
    if grant is None:
        return None
    grant.recorded = _recorded(grant)
    limit = lane_allowance(grant.lane) if grant.lane and has_lanes else FREE
    _fill(grant, 1 if grant.claims >= CAREFUL_CLAIMS else most, pace, limit)
    return grant


def _lease(send_id: int, busy_origins: Collection[str], *, has_lanes: bool) -> Grant | None:
    """Take the lease of a batch."""
    taken = time.monotonic()
    lease: tuple[float, str] = settings.PUSH_LEASE_SECONDS, holder()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [*lease, send_id, has_lanes, list(busy_origins), Allowance.LEAD])
        row = cursor.fetchone()
    if row is None:
        return None
    batch_id, root_id, attempt, fence, place, size, lane, claims, expires_at, wave, variant = row
    return Grant(
        batch_id, root_id, attempt, fence, place, size, [], [], taken,
        lane=lane, claims=claims, holder=holder(), expires_at=expires_at, wave=wave, variant=variant,
    )  # fmt: skip


@dataclass(frozen=True)
class Later:
    """The pace allows the next message in `seconds`."""

    seconds: float


@transaction.atomic
def extend(grant: Grant, work: Work, *, site_id: int, most: int, is_paced: bool = True) -> float:
    """Grant more of a batch that this worker holds; answer the seconds to wait if its pace allows nothing now."""
    pace = allowance(work.tenant_id, site_id, work.send_id) if is_paced else FREE
    limit = lane_allowance(grant.lane) if grant.lane else FREE
    waits = max(pace.waits, limit.waits)
    if not waits:
        _fill(grant, most, pace, limit)
    return waits


def _fill(grant: Grant, most: int, pace: Allowance, limit: Allowance) -> None:
    """Read the next recipients of the batch and take them from what pace and lane allow."""
    first = len(grant.ids)
    place = grant.cursor + first
    number = min(most, pace.most, limit.most, grant.size - place)
    with connection.cursor() as cursor:
        cursor.execute(_SLICE, [place + 1, place + number, place + 1, place + number, grant.batch_id])
        ids, ordinals = cursor.fetchone()
    grant.ids += ids
    grant.ordinals += ordinals or range(place, place + len(ids))
    if grant.recorded:
        known = {
            position
            for position in range(first, len(grant.ids))
            if grant.ordinals[position] in grant.recorded
        }
        grant.done |= known
        grant.unused += len(known)
    slowest = max(pace, limit, key=lambda allowed: allowed.spacing)
    grant.start, grant.spacing, grant.paced_from = slowest.start, slowest.spacing, first
    grant.pace = pace
    for allowed in (pace, limit):
        take(allowed, len(ids))


@dataclass(frozen=True)
class _Identity:
    pid: int
    text: str


_identity = _Identity(0, "")


def holder() -> str:
    """Name this process in leases: host and process id."""
    global _identity  # noqa: PLW0603  # asked for at every claim, and different after a fork
    if _identity.pid != os.getpid():
        _identity = _Identity(os.getpid(), f"{socket.gethostname()[:50]}:{os.getpid()}")
    return _identity.text


def _recorded(grant: Grant) -> set[int]:
    """Read which ordinals at or behind the cursor are in the ledger already.

    An earlier holder may have died in the middle of them, or been stopped while one push service was slow and another
    quick: what is resolved behind the first that is not must not be sent again.
    """
    pages = LedgerPage.objects.filter(root_id=grant.root_id, batch_id=grant.batch_id, is_folded=False)
    if grant.root_id != grant.batch_id:
        return {entry.ordinal for page in pages for entry in unpack(packed_of(page))}
    behind = pages.filter(last__gte=grant.cursor)
    return {
        entry.ordinal for page in behind for entry in unpack(packed_of(page)) if entry.ordinal >= grant.cursor
    }


def packed_of(page: LedgerPage) -> Packed:
    return Packed(page.at, page.first, page.last, bytes(page.accepted), bytes(page.entries), page.reasons)


# A batch comes free when it is due, no lease is on it, and its lane lets something through.
_EARLIEST = """
SELECT min(greatest(batch.due_at, coalesce(batch.lease_until, batch.due_at), coalesce(slow.next_at, batch.due_at)))
FROM campaigns_batch batch LEFT JOIN tenants_throttle slow ON batch.lane <> '' AND slow.lane = batch.lane
WHERE batch.send_id = %s AND batch.state = 'open'
"""

_WAIT = "UPDATE tenants_duework SET due_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s"


@transaction.atomic
def postpone(work: Work, *, seconds: float = 0.0) -> None:
    """Say when the send has something due again, after a claim found nothing. Call inside its tenant.

    `seconds` is for a send whose pace allows nothing earlier. The due-work row is locked first: whoever releases a
    batch writes to it last in its own transaction, so a batch that comes free at this moment is either seen here or
    moves `due_at` back to now afterwards.
    """
    row = DueWork.objects.select_for_update().filter(tenant_id=work.tenant_id, send_id=work.send_id).first()
    if row is None:
        return
    send = Send.objects.filter(pk=work.send_id).annotate(is_ahead=Q(due_at__gt=Now())).first()
    state = send.state if send else None
    with connection.cursor() as cursor:
        cursor.execute(_EARLIEST, [work.send_id])
        earliest = cursor.fetchone()[0]
        if earliest is not None and seconds:
            cursor.execute(_WAIT, [seconds, row.pk])
        elif earliest is not None:
            looks_at = next_look(send) if send else None
            row.due_at = min(earliest, looks_at) if looks_at else earliest
            row.save(update_fields=["due_at"])
        elif send and state in (Send.State.PREPARING, Send.State.SCHEDULED) and send.is_ahead:
            row.due_at = send.due_at
            row.save(update_fields=["due_at"])
        elif state in (Send.State.PREPARING, Send.State.SCHEDULED):
            # Another worker is freezing its audience right now: look again in a moment.
            cursor.execute(_WAIT, [PREPARING_POLL_SECONDS, row.pk])
        else:
            row.delete()
