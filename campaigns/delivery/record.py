"""Write down what became of recipients: page, counters, cursor, children and dead subscriptions in one transaction."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Least, Now
from django_q.tasks import async_task

from campaigns.delivery.batches import CAREFUL_CLAIMS, Grant, packed_of
from campaigns.delivery.guards import watch_gone
from campaigns.delivery.ledger import entry_of, fold, pack_page
from campaigns.delivery.outcomes import LONGEST_WAIT, Outcome, Result
from campaigns.delivery.personal import title_of
from campaigns.delivery.restraint import give_back
from campaigns.delivery.work import Work
from campaigns.models import Batch, LedgerPage, Send
from campaigns.paths import report_path
from subscribers.actions.subscription import disable, mark_gone
from subscribers.models import Subscriber
from tenants.actions.notices import tell
from tenants.models import DueWork, Pace, SendIndex
from tenants.problem_notes import note_error


class LeaseLost(Exception):
    """Another worker holds the batch now; nothing of this page was written."""


def record(
    work: Work,
    grant: Grant,
    results: Sequence[Result],
    *,
    at: datetime,
    release: bool,
    accepted: Sequence[int] = (),
) -> str:
    """Append one page, move counters and cursor, renew or release the lease; answer the send's state.

    `accepted` are the ordinals that were accepted at the first try, `results` the others. `at` is the page's start,
    from which the results' offsets count. Raises LeaseLost if the fencing token is stale. The token moves with every
    page: after a connection that broke during the commit, the same call again finds out whether it was written.
    Lock order, everywhere: Send, SendIndex, Batch, Subscriber and CapUse (by id), DueWork: workers never deadlock.
    """
    state = _write(work, grant, results, at=at, release=release, accepted=accepted)
    grant.fence += 1
    return state


@transaction.atomic
def _write(
    work: Work,
    grant: Grant,
    results: Sequence[Result],
    *,
    at: datetime,
    release: bool,
    accepted: Sequence[int],
) -> str:
    # 1. The send's row first: it serialises the workers of one send, and its state comes back. With it comes the
    #    database's time, since the clocks of several hosts differ.
    state, now = _count(work, results, len(accepted), grant)
    # 2. Cursor and lease, only under our own fencing token.
    cursor = grant.resolved_until
    is_done = release and cursor == grant.size
    _hold(grant, cursor, is_done=is_done, release=release, has_page=bool(results or accepted))
    # 3. The ledger, the children for what is tried again, and the dead subscriptions.
    if results or accepted:
        packed = pack_page(accepted, [entry_of(result) for result in results], at)
        LedgerPage.objects.create(batch_id=grant.batch_id, root_id=grant.root_id, **vars(packed))
    earliest = _make_children(work, grant, results, now)
    _touch_subscribers(results, now)
    if grant.is_capped:
        give_back(work.send_id, results)
    # 4. What follows from it for the send as a whole.
    if is_done:
        _after_batch(work, grant.root_id, now)
    _wake(work, now if release else earliest, is_released=release)
    return state


def was_recorded(grant: Grant) -> bool:
    """Find out whether a `record` whose answer was lost with the connection had been committed; if so, follow it."""
    batch = Batch.objects.filter(pk=grant.batch_id).values_list("fence", "holder").first()
    if batch != (grant.fence + 1, grant.holder):
        return False
    grant.fence += 1
    return True


def _wake(work: Work, due: datetime | None, *, is_released: bool) -> None:
    """Bring the send's due time forward; for a released batch it is now, so that the clock rings at once.

    Without a condition on `due_at`: an UPDATE whose row does not match in its snapshot does not wait for a `postpone`
    that holds the row, and the later time which that one commits would win over ours.
    """
    if due is not None:
        DueWork.objects.filter(tenant_id=work.tenant_id, send_id=work.send_id).update(
            due_at=Value(due) if is_released else Least(F("due_at"), Value(due))
        )


# Sums the counts by reason of a page into those that are there.
_REASONS = """reasons = (
    SELECT coalesce(jsonb_object_agg(key, number), '{}') FROM (
        SELECT key, sum(value::int) AS number FROM (
            SELECT * FROM jsonb_each_text(reasons) UNION ALL SELECT * FROM jsonb_each_text(%s::jsonb)) both_of
        GROUP BY key) summed)"""


def _count(work: Work, results: Sequence[Result], accepted: int, grant: Grant) -> tuple[str, datetime]:
    """Move the send's counters; answer its state and the database's time. The row stays locked."""
    counts = Counter(result.outcome.counter for result in results if result.outcome.counter)
    counts["accepted"] += accepted
    reasons = Counter(_reason_key(result) for result in results if result.reason and result.outcome.counter)
    reasons["ambiguous"] += sum(result.is_ambiguous for result in results)
    changes = [f"{name} = {name} + {number:d}" for name, number in counts.items() if number]
    both = ["started_at = coalesce(started_at, clock_timestamp())", *changes]
    values: list[str] = []
    with connection.cursor() as cursor:
        if not results and not accepted:
            cursor.execute(_LOOK, [work.send_id])
            return _found(cursor.fetchone(), work)
        of_send = [*both, "state_detail = ''"]
        if +reasons:
            of_send.append(_REASONS)
            values.append(json.dumps(+reasons))
        cursor.execute(_MOVE.format(changes=", ".join(of_send)), [*values, work.send_id])
        found = _found(cursor.fetchone(), work)
        cursor.execute(_INDEX.format(changes=", ".join(both)), [work.tenant_id, work.send_id])
        if grant.variant is not None and counts["accepted"]:
            cursor.execute(_STAT, [counts["accepted"], work.send_id, grant.wave, grant.variant])
    return found


_LOOK = "SELECT state, clock_timestamp() FROM campaigns_send WHERE id = %s FOR UPDATE"
_MOVE = "UPDATE campaigns_send SET {changes} WHERE id = %s RETURNING state, clock_timestamp()"
_INDEX = "UPDATE tenants_sendindex SET {changes} WHERE tenant_id = %s AND send_id = %s"
_STAT = """
UPDATE campaigns_sendstat SET accepted = accepted + %s WHERE send_id = %s AND wave = %s AND variant = %s
"""


def _found(row: tuple[str, datetime] | None, work: Work) -> tuple[str, datetime]:
    if row is None:
        raise LeaseLost(f"send {work.send_id} is no longer there")
    return row


@contextmanager
def trouble_noted(work: Work) -> Iterator[None]:
    """Let an error of the block pass, and say on the send that there was one; its next page takes that back."""
    try:
        yield
    except BaseException as error:
        note_trouble(work, error)
        raise


def note_trouble(work: Work, error: BaseException) -> None:
    """Put the send aside for a lease and ring for the others: else every task would end at this one's turn."""
    note_error(error, tenant_id=work.tenant_id, send_id=work.send_id)
    if connection.in_atomic_block or not connection.is_usable():
        return  # the database itself is the trouble
    later = Now() + timedelta(seconds=settings.PUSH_LEASE_SECONDS)
    DueWork.objects.filter(tenant_id=work.tenant_id, send_id=work.send_id).update(due_at=later)
    async_task("campaigns.tasks.deliver")
    Send.objects.filter(pk=work.send_id).update(
        state_detail="A worker met an error and tries again by itself. If this stays, tell support."
    )


def _reason_key(result: Result) -> str:
    """Group reasons without the push service's own words, which have no bound: "failed server_error 503"."""
    return f"{result.outcome.counter} {result.reason.partition(':')[0]}"


def _hold(grant: Grant, cursor: int, *, is_done: bool, release: bool, has_page: bool) -> None:
    lease = None if release else Now() + timedelta(seconds=settings.PUSH_LEASE_SECONDS)
    changed = Batch.objects.filter(pk=grant.batch_id, fence=grant.fence).update(
        cursor=cursor,
        lease_until=lease,
        state=Batch.State.DONE if is_done else Batch.State.OPEN,
        fence=grant.fence + 1,
        claims=_claims_after(grant, has_page=has_page or release),
    )
    if not changed:
        raise LeaseLost(f"batch {grant.batch_id} was taken over by another worker")


def _claims_after(grant: Grant, *, has_page: bool) -> int:
    """Count claims anew after a page; a batch that is handled with care stays so, one death from giving up."""
    if grant.claims >= CAREFUL_CLAIMS:
        return CAREFUL_CLAIMS - 1 if has_page else grant.claims
    return 0 if has_page else grant.claims


def _make_children(work: Work, grant: Grant, results: Sequence[Result], now: datetime) -> datetime | None:
    """Put what is tried again into child batches, one per due second and lane; answer the earliest due time."""
    buckets: defaultdict[tuple[int, bool, str], list[Result]] = defaultdict(list)
    for result in results:
        if result.outcome is Outcome.DEFERRED:
            buckets[int(result.wait_seconds or 0), result.is_waiting, result.lane].append(result)
    children = []
    for number, ((wait, is_waiting, lane), members) in enumerate(sorted(buckets.items())):
        members.sort(key=lambda member: member.ordinal)
        ids = [member.subscriber_id for member in members]
        children.append(
            Batch(
                send_id=work.send_id,
                root_id=grant.root_id,
                number=number,
                attempt=grant.attempt if is_waiting else grant.attempt + 1,
                ids=ids,
                ordinals=[member.ordinal for member in members],
                size=len(ids),
                first_id=min(ids),
                last_id=max(ids),
                due_at=now + timedelta(seconds=wait if lane else wait + 1),
                expires_at=grant.expires_at,
                lane=lane,
                wave=grant.wave,
                variant=grant.variant,
            )
        )
    Batch.objects.bulk_create(children)
    return min((child.due_at for child in children), default=None)


def backoff_seconds(attempt: int, asked: float | None) -> float:
    """How long to wait before the next attempt: what the service asked for, else 2 s x 4^n with full jitter."""
    if asked is not None:
        return min(max(asked, 1.0), LONGEST_WAIT)
    cap = min(settings.PUSH_RETRY_BASE_SECONDS * 4 ** (attempt - 1), 600.0)
    return random.uniform(0, cap)  # noqa: S311  # spreads load, guards nothing


_HOLD_BACK = """
UPDATE subscribers_subscriber SET wait_until = given.wait_until
FROM unnest(%s::bigint[], %s::timestamptz[]) AS given (id, wait_until)
WHERE subscribers_subscriber.id = given.id
"""


def _touch_subscribers(results: Sequence[Result], now: datetime) -> None:
    told = [
        result
        for result in results
        if result.outcome is Outcome.GONE or result.is_throttled or result.is_disabled
    ]
    if not told:
        return
    # All at once and by id: two sends may meet the same subscriptions at the same moment, in any order.
    rows = Subscriber.objects.filter(pk__in={result.subscriber_id for result in told}).order_by("pk")
    locked = rows.select_for_update().values_list("pk", "endpoint_digest")
    digests = {pk: bytes(digest) for pk, digest in locked}
    # An answer is about the endpoint that was posted to: a browser that has moved to another since stays.
    same = [result for result in told if digests.get(result.subscriber_id) == result.endpoint_digest]
    gone: defaultdict[int, set[int]] = defaultdict(set)
    for result in same:
        if result.outcome is Outcome.GONE:
            gone[result.status].add(result.subscriber_id)
    disabled = {result.subscriber_id for result in same if result.is_disabled}
    waits = {
        result.subscriber_id: now + timedelta(seconds=result.wait_seconds)
        for result in same
        if result.is_throttled and result.wait_seconds is not None
    }
    for status, ids in gone.items():
        mark_gone(sorted(ids), why=str(status))
    if disabled:
        disable(sorted(disabled))
    if waits:
        with connection.cursor() as cursor:
            cursor.execute(_HOLD_BACK, [list(waits), list(waits.values())])


def _after_batch(work: Work, root_id: int, now: datetime) -> None:
    """Fold the root batch's pages when it and all its children are done, and finish the send after its last batch."""
    still_open = Batch.objects.filter(send_id=work.send_id, state=Batch.State.OPEN)
    family = still_open.filter(pk=root_id) | still_open.filter(root_id=root_id)
    if not family.exists():
        pages = list(LedgerPage.objects.filter(root_id=root_id, is_folded=False))
        packed = fold([packed_of(page) for page in pages])
        LedgerPage.objects.filter(pk__in=[page.pk for page in pages]).delete()
        LedgerPage.objects.create(batch_id=root_id, root_id=root_id, is_folded=True, **vars(packed))
    if not still_open.exists():
        finish(work, Send.objects.get(pk=work.send_id), now)


def _tell_end(work: Work, send: Send) -> None:
    """Say to who launched it what came of it."""
    if send.kind != Send.Kind.CAMPAIGN or not send.created_by:
        return
    title = title_of(send.content)[:80]
    verb = "was cancelled" if send.state == Send.State.CANCELLED else "was sent"
    text = f"“{title}” {verb}: {send.accepted:,} of {send.audience:,} accepted"
    if lost := send.failed + send.expired:
        text += f", {lost:,} failed or expired"
    tell(
        work.tenant_id,
        [send.created_by],
        site_id=send.site_id,
        kind=send.state,
        text=f"{text}.",
        path=report_path(send.pk),
    )


def finish(work: Work, send: Send, now: datetime, detail: str = "") -> None:
    """End the send; the database refuses it unless audience = the sum of all outcomes. The row must be locked.

    A cancelled one stays cancelled; it has ended when the last recipient was written down.
    """
    if send.state != Send.State.CANCELLED:
        send.state = Send.State.FINISHED
        send.state_detail = detail
    send.finished_at = now
    send.save(update_fields=["state", "state_detail", "finished_at"])
    SendIndex.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).update(
        state=send.state, finished_at=send.finished_at
    )
    DueWork.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).delete()
    Pace.objects.filter(key=f"send:{work.tenant_id}:{send.pk}").delete()
    _tell_end(work, send)
    watch_gone(work, send)
