"""Write down what became of recipients: page, counters, cursor, children and dead subscriptions in one transaction."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from campaigns.delivery.batches import Grant, Work, packed_of
from campaigns.delivery.ledger import entry_of, fold, pack
from campaigns.delivery.outcomes import LONGEST_WAIT, Outcome, Result
from campaigns.models import Batch, LedgerPage, Send
from subscribers.actions.subscription import mark_gone
from subscribers.models import Subscriber
from tenants.doorway import current_schema
from tenants.models import DueWork, SendIndex

COUNTERS = tuple(outcome.counter for outcome in Outcome if outcome.counter)


class LeaseLost(Exception):
    """Another worker holds the batch now; nothing of this page was written."""


@transaction.atomic
def record(work: Work, grant: Grant, results: Sequence[Result], *, at: datetime, release: bool) -> str:
    """Append one page, move counters and cursor, renew or release the lease; answer the send's state.

    `at` is the page's start, from which the results' offsets count. Raises LeaseLost if the fencing token is stale.
    Lock order, everywhere: Send, Batch, DueWork, so that workers never deadlock.
    """
    # 1. The send's row first: it serialises the workers of one send, and its state comes back.
    send = Send.objects.select_for_update().get(pk=work.send_id)
    _count(send, results)
    # 2. Cursor and lease, only under our own fencing token.
    cursor = grant.resolved_until
    is_done = release and cursor == grant.size
    _hold(grant, cursor, is_done=is_done, release=release)
    # 3. The ledger, the children for what is tried again, and the dead subscriptions.
    if results:
        packed = pack([entry_of(result) for result in results], at)
        LedgerPage.objects.create(batch_id=grant.batch_id, root_id=grant.root_id, **vars(packed))
    earliest = _make_children(work, grant, results)
    _touch_subscribers(results)
    # 4. What follows from it for the send as a whole.
    if is_done:
        _after_batch(work, send, grant.root_id)
    elif release:
        earliest = min(filter(None, (earliest, timezone.now())))
    if earliest is not None:
        DueWork.objects.filter(tenant_id=work.tenant_id, send_id=work.send_id, due_at__gt=earliest).update(
            due_at=earliest
        )
    return send.state


def _count(send: Send, results: Sequence[Result]) -> None:
    counts = Counter(result.outcome.counter for result in results if result.outcome.counter)
    reasons = Counter(_reason_key(result) for result in results if result.reason and result.outcome.counter)
    changed = []
    for name, number in counts.items():
        setattr(send, name, getattr(send, name) + number)
        changed.append(name)
    for key, number in reasons.items():
        send.reasons[key] = send.reasons.get(key, 0) + number
    if results:
        send.started_at = send.started_at or timezone.now()
        send.state_detail = ""
    send.save(update_fields=[*changed, "reasons", "started_at", "state_detail"])
    SendIndex.objects.filter(schema_name=current_schema(), send_id=send.pk).update(
        started_at=send.started_at, state=send.state, **{name: F(name) + counts[name] for name in changed}
    )


def note_trouble(work: Work) -> None:
    """Say on the send that a worker met an error; the next page that is recorded takes it back."""
    if connection.in_atomic_block or not connection.is_usable():
        return  # the database itself is the trouble
    Send.objects.filter(pk=work.send_id).update(
        state_detail="A worker met an error and tries again by itself. If this stays, tell support."
    )


def _reason_key(result: Result) -> str:
    """Group reasons without the push service's own words, which have no bound: "failed server_error 503"."""
    return f"{result.outcome.counter} {result.reason.partition(':')[0]}"


def _hold(grant: Grant, cursor: int, *, is_done: bool, release: bool) -> None:
    lease = None if release else Now() + timedelta(seconds=settings.PUSH_LEASE_SECONDS)
    changed = Batch.objects.filter(pk=grant.batch_id, fence=grant.fence).update(
        cursor=cursor,
        lease_until=lease,
        state=Batch.State.DONE if is_done else Batch.State.OPEN,
    )
    if not changed:
        raise LeaseLost(f"batch {grant.batch_id} was taken over by another worker")


def _make_children(work: Work, grant: Grant, results: Sequence[Result]) -> datetime | None:
    """Put what is tried again into child batches, one per due second; answer the earliest due time."""
    buckets: defaultdict[int, list[Result]] = defaultdict(list)
    for result in results:
        if result.outcome is Outcome.DEFERRED:
            buckets[int(result.wait_seconds or 0)].append(result)
    now = timezone.now()
    children = []
    for number, (wait, members) in enumerate(sorted(buckets.items())):
        members.sort(key=lambda member: member.ordinal)
        ids = [member.subscriber_id for member in members]
        children.append(
            Batch(
                send_id=work.send_id,
                root_id=grant.root_id,
                number=number,
                attempt=grant.attempt + 1,
                ids=ids,
                ordinals=[member.ordinal for member in members],
                size=len(ids),
                first_id=min(ids),
                last_id=max(ids),
                due_at=now + timedelta(seconds=wait + 1),
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


def _touch_subscribers(results: Sequence[Result]) -> None:
    gone = [result.subscriber_id for result in results if result.outcome is Outcome.GONE]
    if gone:
        mark_gone(gone)
    now = timezone.now()
    for result in results:
        if result.is_throttled and result.wait_seconds is not None:
            Subscriber.objects.filter(pk=result.subscriber_id).update(
                wait_until=now + timedelta(seconds=result.wait_seconds)
            )


def _after_batch(work: Work, send: Send, root_id: int) -> None:
    """Fold the root batch's pages when it and all its children are done, and finish the send after its last batch."""
    still_open = Batch.objects.filter(send_id=send.pk, state=Batch.State.OPEN)
    family = still_open.filter(pk=root_id) | still_open.filter(root_id=root_id)
    if not family.exists():
        pages = list(LedgerPage.objects.filter(root_id=root_id, is_folded=False))
        packed = fold([packed_of(page) for page in pages])
        LedgerPage.objects.filter(pk__in=[page.pk for page in pages]).delete()
        LedgerPage.objects.create(batch_id=root_id, root_id=root_id, is_folded=True, **vars(packed))
    if not still_open.exists():
        finish(work, send)


def finish(work: Work, send: Send, detail: str = "") -> None:
    """End the send; the database refuses it unless audience = the sum of all outcomes. The row must be locked."""
    send.state = Send.State.FINISHED
    send.state_detail = detail
    send.finished_at = timezone.now()
    send.save(update_fields=["state", "state_detail", "finished_at"])
    SendIndex.objects.filter(schema_name=current_schema(), send_id=send.pk).update(
        state=send.state, finished_at=send.finished_at
    )
    DueWork.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).delete()
