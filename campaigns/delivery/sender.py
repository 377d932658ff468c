"""One delivery task: take grants by turn, push them, record, until the time is up or nothing is due."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from campaigns.actions.freeze import freeze
from campaigns.delivery.batches import Grant, Work, claim, next_work, postpone
from campaigns.delivery.compose_push import Composer
from campaigns.delivery.outcomes import MOST_ATTEMPTS, Answer, Outcome, Result, Skip, classify, reason_of
from campaigns.delivery.record import LeaseLost, backoff_seconds, record, trouble_noted
from campaigns.delivery.transport import Reply, Transport
from campaigns.models import Send
from subscribers.models import Subscriber
from tenants.doorway import in_tenant

log = logging.getLogger(__name__)

PAGE_SECONDS = 0.1
PAGE_RESULTS = 500
POLL_SECONDS = 0.05

_SKIPPED = {
    Subscriber.State.UNSUBSCRIBED: Skip.UNSUBSCRIBED,
    Subscriber.State.DISABLED: Skip.KEY_PAUSED,
}


def drain(transport: Transport, stop: Callable[[], bool]) -> int:
    """Deliver what is due for at most PUSH_DRAIN_SECONDS; answer how many recipients were resolved."""
    until = time.monotonic() + settings.PUSH_DRAIN_SECONDS
    resolved = 0

    def is_over() -> bool:
        return stop() or time.monotonic() >= until

    while not is_over():
        work = next_work()
        if work is None:
            break
        with in_tenant(work.schema_name), trouble_noted(work):
            resolved += _serve(work, transport, is_over)
    return resolved


def _serve(work: Work, transport: Transport, is_over: Callable[[], bool]) -> int:
    """Do the next piece of one send; slow push services end with the task's time too, django-q2 would kill it."""
    freeze(work)
    grant = claim(work.send_id)
    if grant is None:
        postpone(work)
        return 0
    return Delivery(work, grant, transport, is_over).run()


@dataclass
class _Page:
    """Results that are not in the database yet."""

    at: datetime
    started: float
    results: list[Result]

    @property
    def is_due(self) -> bool:
        return len(self.results) >= PAGE_RESULTS or time.monotonic() - self.started >= PAGE_SECONDS


def _new_page() -> _Page:
    return _Page(timezone.now(), time.monotonic(), [])


class Delivery:
    """Sends one grant. Everything that is in memory only is lost by a crash: what is in flight, plus one page."""

    def __init__(self, work: Work, grant: Grant, transport: Transport, stop: Callable[[], bool]) -> None:
        self.work, self.grant, self.transport, self.stop = work, grant, transport, stop
        send = Send.objects.select_related("site").get(pk=work.send_id)
        self.composer = Composer(send, work.tenant_id, send.site.contact)
        self.state = send.state
        self.page = _new_page()
        self.renewed = grant.taken
        self.recorded = 0
        self.said: set[Answer] = set()
        rows = Subscriber.objects.filter(pk__in=grant.ids).only(
            "state", "service", "endpoint", "endpoint_digest", "p256dh", "auth", "vapid_key_id", "wait_until"
        )
        self.rows = {row.pk: row for row in rows}
        self.waiting = deque(position for position in range(len(grant.ids)) if position not in grant.done)

    def run(self) -> int:
        """Push until the grant is complete, the send stops or the worker does; answer how many were recorded."""
        try:
            self._push()
        except LeaseLost as error:
            log.warning("%s; what was in flight may be repeated", error)
        finally:
            # After an error nothing of this grant may reach the next one that uses the transport.
            self.transport.abandon()
        return self.recorded

    def _push(self) -> None:
        is_well = False
        try:
            while self.waiting or self.transport.in_flight:
                self._fill()
                self._listen()
            is_well = True
        except LeaseLost:
            self.transport.abandon()  # what comes of it could not be recorded any more
            raise
        finally:
            # Also after an error: what was sent and is not written down would be sent again, at every try.
            self.waiting.clear()
            while self.transport.in_flight:
                self._listen()
            self._record(release=is_well)

    def _listen(self) -> None:
        for reply in self.transport.poll(POLL_SECONDS):
            self._take(reply)
        self._record_when_due()

    def _fill(self) -> None:
        if self.stop() or self.state != Send.State.RUNNING:
            self.waiting.clear()
        while self.waiting and self.transport.free:
            # No request may outlive the lease: another worker would hold its recipient by then.
            age = time.monotonic() - self.renewed
            if age + settings.PUSH_ATTEMPT_SECONDS >= settings.PUSH_LEASE_SECONDS:
                self._record()
            self._start(self.waiting.popleft())

    def _start(self, position: int) -> None:
        """Check the recipient as it is now, then push; or note why not."""
        row = self.rows.get(self.grant.ids[position])
        now = timezone.now()
        if row is None:
            self._end(position, Outcome.SKIPPED, reason=Skip.ERASED.value)
        elif row.state == Subscriber.State.GONE:
            self._end(position, Outcome.GONE, reason="gone before it was sent")
        elif row.state != Subscriber.State.ACTIVE:
            self._end(position, Outcome.SKIPPED, reason=_SKIPPED[Subscriber.State(row.state)].value)
        elif self.composer.expires_at and now >= self.composer.expires_at:
            self._end(position, Outcome.EXPIRED, reason="expired")
        elif row.wait_until and row.wait_until > now:
            self._wait(position, (row.wait_until - now).total_seconds())
        else:
            self._post(position, row, now)

    def _post(self, position: int, row: Subscriber, now: datetime) -> None:
        ordinal = self.grant.ordinals[position]
        try:
            post = self.composer.post(position, row, root_id=self.grant.root_id, ordinal=ordinal, now=now)
        except ValueError as error:
            self._end(position, Outcome.FAILED, reason=reason_of(Answer.NOT_SENDABLE, 0, str(error)))
        else:
            self.transport.start(post)

    def _wait(self, position: int, seconds: float) -> None:
        """Put off a subscription whose push service asked it to wait, also by another send; it costs no attempt."""
        if self._expires_within(seconds):
            return self._end(position, Outcome.EXPIRED, reason="expired")
        return self._end(position, Outcome.DEFERRED, reason="waits", wait=seconds, is_waiting=True)

    def _take(self, reply: Reply) -> None:
        """Judge a reply: an end, or a retry that leaves for a child batch."""
        position: int = reply.key
        row = self.rows[self.grant.ids[position]]
        if reply.is_refused:
            answer = Answer.REFUSED_BY_GUARD
        elif reply.status == 0:
            answer = Answer.NETWORK
        else:
            answer = classify(reply.status, row.service)
        if answer not in self.said:
            # Once a grant: one bad key and a million subscribers would be a million lines.
            self.said.add(answer)
            log.log(
                answer.log_level, "push %s status=%s send=%s", answer.label, reply.status, self.work.send_id
            )
        reason = (
            "" if answer is Answer.ACCEPTED else reason_of(answer, reply.status, reply.text or reply.error)
        )
        wait = _retry_after(reply)
        if answer.is_retried and self.grant.attempt < MOST_ATTEMPTS:
            seconds = backoff_seconds(self.grant.attempt, wait)
            if not self._expires_within(seconds):
                return self._end(
                    position, Outcome.DEFERRED, reply.status, reason, attempts=self.grant.attempt, wait=seconds,
                    is_throttled=answer is Answer.THROTTLED,
                )  # fmt: skip
        ttl = self._shortened_ttl(reply, answer)
        return self._end(position, answer.outcome, reply.status, reason, attempts=self.grant.attempt, ttl=ttl)

    def _expires_within(self, seconds: float) -> bool:
        end = self.composer.expires_at
        return end is not None and timezone.now() + timedelta(seconds=seconds) >= end

    def _shortened_ttl(self, reply: Reply, answer: Answer) -> int:
        """How long the push service will keep the message, where it said less than we asked (RFC 8030 s5.2)."""
        text = reply.headers.get("ttl", "")
        if answer is not Answer.ACCEPTED or not text.isdecimal() or len(text) > 9:
            return 0
        promised = int(text)
        return promised if promised < self.composer.ttl_left(timezone.now()) else 0

    def _end(
        self,
        position: int,
        outcome: Outcome,
        status: int = 0,
        reason: str = "",
        *,
        attempts: int | None = None,
        ttl: int = 0,
        wait: float | None = None,
        is_throttled: bool = False,
        is_waiting: bool = False,
    ) -> None:
        """Note a result; without `attempts` nothing was posted for it this time."""
        row = self.rows.get(self.grant.ids[position])
        result = Result(
            ordinal=self.grant.ordinals[position],
            subscriber_id=self.grant.ids[position],
            outcome=outcome,
            status=status,
            reason=reason,
            attempts=self.grant.attempt - 1 if attempts is None else attempts,
            offset_ms=int((time.monotonic() - self.page.started) * 1000),
            ttl=ttl,
            wait_seconds=wait,
            is_throttled=is_throttled,
            is_waiting=is_waiting,
            endpoint_digest=bytes(row.endpoint_digest) if row else b"",
        )
        self.grant.done.add(position)
        self.page.results.append(result)

    def _record_when_due(self) -> None:
        is_old = time.monotonic() - self.renewed > settings.PUSH_LEASE_SECONDS / 4
        if (self.page.results and self.page.is_due) or is_old:
            self._record()

    def _record(self, *, release: bool = False) -> None:
        asked = time.monotonic()
        self.state = record(self.work, self.grant, self.page.results, at=self.page.at, release=release)
        self.renewed = asked
        self.recorded += len(self.page.results)
        self.page = _new_page()


def _retry_after(reply: Reply) -> float | None:
    """Read Retry-After in seconds; the date form and nonsense count as absent."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 10 else None
