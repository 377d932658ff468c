"""A grant in this process's hands: its recipients in queues by origin, and the page of results not yet written."""

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from campaigns.delivery.batches import Grant
from campaigns.delivery.compose_push import Composer
from campaigns.delivery.outcomes import Answer, Outcome, Result, Skip
from campaigns.delivery.recipients import ACTIVE, Recipient, read_recipients
from campaigns.delivery.restraint import Quiet, reserve
from campaigns.delivery.throttles import Source
from campaigns.delivery.work import Work
from campaigns.models import HELD_OUT, Purpose, Send
from subscribers.actions.subscription import digest_of
from subscribers.restraint import Restraint

log = logging.getLogger(__name__)

PAGE_SECONDS = 0.1
PAGE_RESULTS = 500
# What no push service is asked for waits under this origin: erased recipients.
NOWHERE = ""


@dataclass
class Page:
    """Results that are not in the database yet. `accepted` are ordinals, at the first try."""

    at: datetime = field(default_factory=timezone.now)
    started: float = field(default_factory=time.monotonic)
    accepted: list[int] = field(default_factory=list)
    others: list[Result] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.accepted) + len(self.others)

    def parted(self, accepted: int, others: int) -> tuple["Page", "Page"]:
        """Part it into so many results of each kind, and those that came later."""
        first = Page(self.at, self.started, self.accepted[:accepted], self.others[:others])
        rest = Page(self.at, self.started, self.accepted[accepted:], self.others[others:])
        return first, rest if len(rest) else Page()

    @property
    def is_due(self) -> bool:
        return len(self) >= PAGE_RESULTS or time.monotonic() - self.started >= PAGE_SECONDS

    @property
    def judged(self) -> tuple[int, int]:
        """Count answers, and those that were failures; who was put off, left out or too late says nothing."""
        ours = Answer.INTERNAL.label
        failed = sum(
            result.outcome is Outcome.FAILED or result.reason.startswith(ours) for result in self.others
        )
        well = sum(result.outcome in (Outcome.GONE, Outcome.ACCEPTED) for result in self.others)
        return len(self.accepted) + well + failed, failed

    @property
    def offset_ms(self) -> int:
        return int((time.monotonic() - self.started) * 1000)


@dataclass(frozen=True)
class Tried:
    """What was given to the database last, whose answer may be lost: so many results of the page, and a release."""

    accepted: int
    others: int
    release: bool


class Hold:
    """One grant, its send, and how far it is. Call inside its tenant."""

    def __init__(self, work: Work, grant: Grant, send: Send) -> None:
        self.work, self.grant = work, grant
        self.site_id = send.site_id
        self.is_test = send.kind == Send.Kind.TEST
        self.state = send.state
        self.composer = Composer(send, work.tenant_id, send.site.contact)
        self.composer.expires_at = grant.expires_at or send.expires_at
        # What the website allows its subscribers: not of tests of one's own browser, nor of service messages.
        is_free = self.is_test or send.purpose == Purpose.SERVICE
        self.restraint = Restraint() if is_free else Restraint.from_json(send.site.restraint)
        self.quiet = Quiet(self.restraint, send.site.time_zone, {}) if self.restraint.has_quiet else None
        # Its recipients get nothing, so that those who do can be compared with them.
        self.is_held_out = grant.wave == HELD_OUT
        grant.is_capped = self.restraint.counts and not self.is_held_out
        # Who has no place under a cap.
        self.refused: dict[int, Skip] = {}
        self.rows: dict[int, Recipient] = {}
        self.queues: dict[str, deque[int]] = {}
        self.waiting = 0
        self.in_flight = 0
        self.page = Page()
        self.tried = Tried(0, 0, release=False)
        # Answers that were logged, once a grant: one bad key and a million subscribers would be a million lines.
        self.said: set[Answer] = set()
        # Those of which staff were not told yet.
        self.untold: set[Answer] = set()
        # Where its answers are counted, by origin and key.
        self.sources: dict[tuple[str, int], Source] = {}
        # Set after an error of ours or a lost lease: nothing more is started.
        self.is_ending = False
        self.error: Exception | None = None
        self.take_up(0)

    @property
    def key(self) -> tuple[int, int]:
        return self.work.tenant_id, self.work.send_id

    @property
    def is_idle(self) -> bool:
        return not self.waiting and not self.in_flight

    def take_up(self, first: int) -> None:
        """Queue what the grant got from position `first` on; what the ledger knows already is left out."""
        grant = self.grant
        with_profile = self.composer.is_personal or self.quiet is not None
        if not self.is_held_out:
            self.rows.update(read_recipients(grant.ids[first:], with_profile=with_profile))
        if grant.is_capped and self.state != Send.State.CANCELLED:
            open_ones = [pk for place, pk in enumerate(grant.ids[first:], first) if place not in grant.done]
            active = [pk for pk in open_ones if (row := self.rows.get(pk)) and row.state == ACTIVE]
            self.refused |= reserve(self.work.send_id, active, self.restraint)
        for position in range(first, len(grant.ids)):
            if position in grant.done:
                continue
            row = self.rows.get(grant.ids[position])
            self.queues.setdefault(row.origin if row else NOWHERE, deque()).append(position)
            self.waiting += 1

    def pop(self, origin: str) -> int:
        self.waiting -= 1
        return self.queues[origin].popleft()

    def clear(self) -> None:
        """Leave the rest to others."""
        self.queues.clear()
        self.waiting = 0

    def row_of(self, position: int) -> Recipient | None:
        return self.rows.get(self.grant.ids[position])

    def accept(self, position: int) -> None:
        """Note the packed default: 201 at the first try."""
        self.grant.done.add(position)
        self.page.accepted.append(self.grant.ordinals[position])
        self.rows.pop(self.grant.ids[position], None)

    def end(
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
        lane: str = "",
        is_ambiguous: bool = False,
        is_disabled: bool = False,
    ) -> None:
        """Note a result; without `attempts` nothing was posted for it this time."""
        row = self.rows.pop(self.grant.ids[position], None)
        if attempts is None:
            self.grant.unused += 1
        told = outcome is Outcome.GONE or is_throttled or is_disabled
        result = Result(
            ordinal=self.grant.ordinals[position],
            subscriber_id=self.grant.ids[position],
            outcome=outcome,
            status=status,
            reason=reason,
            attempts=self.grant.attempt - 1 if attempts is None else attempts,
            offset_ms=self.page.offset_ms,
            ttl=ttl,
            wait_seconds=wait,
            is_throttled=is_throttled,
            is_waiting=is_waiting,
            endpoint_digest=digest_of(row.endpoint) if row and told else b"",
            lane=lane,
            is_ambiguous=is_ambiguous,
            is_disabled=is_disabled,
        )
        self.grant.done.add(position)
        self.page.others.append(result)

    def source_of(self, row: Recipient) -> Source:
        """Name where an answer for this recipient is counted."""
        known = self.sources.get((row.origin, row.key_id))
        if known is None:
            known = self.sources[row.origin, row.key_id] = Source(row.origin, self.work.tenant_id, row.key_id)
        return known

    def trail(self) -> dict[str, object]:
        """What a log line about this hold carries."""
        return {
            "request_id": self.composer.request_id,
            "tenant": self.work.schema_name,
            "send": self.work.send_id,
            "attempt": self.grant.attempt,
        }

    def say(self, answer: Answer, status: int) -> None:
        """Log an answer the first time, and note it for the staff if it is a mistake of ours."""
        if answer in self.said:
            return
        self.said.add(answer)
        log.log(answer.log_level, "push %s status=%s", answer.label, status, extra=self.trail())
        if answer.is_ours:
            self.untold.add(answer)

    def cancel_rest(self) -> None:
        """Write what still waits down as cancelled; nothing of it is posted."""
        for position in [position for queue in self.queues.values() for position in queue]:
            if self.is_held_out:  # as they would have been: who is held out is not sent to again
                self.end(position, Outcome.SKIPPED, reason=Skip.HOLD_OUT.value)
            else:
                self.end(position, Outcome.CANCELLED, reason="cancelled")
        self.clear()
