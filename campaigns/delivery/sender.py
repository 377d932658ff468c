"""One delivery task: hold several grants by turn, push them, record, until the time is up or nothing is due.

The loop is one thread. Holds are served in rounds, so a test of one tenant does not wait behind the million of
another, and an origin that hangs keeps its own places only. What is in memory only is lost by a crash: what is in
flight, plus one page of each hold.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from campaigns.delivery import intake
from campaigns.delivery.batches import seconds_until_due
from campaigns.delivery.guards import tell_staff
from campaigns.delivery.heartbeat import Held
from campaigns.delivery.hold import NOWHERE, Hold, Tried
from campaigns.delivery.judge import judge
from campaigns.delivery.record import LeaseLost, note_trouble, record, was_recorded
from campaigns.delivery.signals import Signals
from campaigns.delivery.starting import put_off, start
from campaigns.delivery.throttles import Brakes, Source
from campaigns.delivery.transport import Transport
from campaigns.models import Send
from tenants.doorway import in_tenant
from tenants.flag_figures import figures
from tenants.flags import DELIVERIES
from tenants.own_connection import ask_here

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
LOOK_SECONDS = 0.2
# A task waits for what is due so soon, instead of leaving it to the clock and the queue.
LINGER_SECONDS = 2.0
ROUND = 16
# An origin whose places are all taken and that has been silent for so long is stuck; its recipients come back later.
SILENT_SECONDS, STUCK_SECONDS = 0.5, 3.0
SPILLED_SECONDS = 2.0
# With the heartbeat's tries that is one a second of this process.
DATABASE_PATIENCE_SECONDS = 2.0


def drain(
    transport: Transport,
    stop: Callable[[], bool],
    *,
    signals: Signals | None = None,
    on_refused: Callable[[Source], None] = lambda source: None,
) -> int:
    """Deliver what is due, and no more; answer how many recipients were resolved.

    Raises the first error of ours that it met, after everything that could be written down was.
    """
    return Sender(transport, stop, signals=signals, on_refused=on_refused).run()


class Sender:
    """Everything that one delivery task has in its hands, for at most PUSH_DRAIN_SECONDS.

    `signals` are those of a heartbeat; without one the sender reads its own. One that `lingers` waits for what is due
    in a moment; one that does not take more ends with what it has in hand.
    """

    def __init__(
        self,
        transport: Transport,
        stop: Callable[[], bool],
        *,
        signals: Signals | None = None,
        on_refused: Callable[[Source], None] = lambda source: None,
        lingers: bool = False,
        takes_more: bool = True,
    ) -> None:
        self.transport, self._stop, self._on_refused = transport, stop, on_refused
        self._lingers, self._takes_more = lingers, takes_more
        self.signals = signals or Signals()
        self._reads_itself = signals is None
        self.brakes = Brakes()
        self.holds: list[Hold] = []
        self.resolved = 0
        self.error: BaseException | None = None
        self.started = time.monotonic()
        self._until = self.started + settings.PUSH_DRAIN_SECONDS
        # When to look for more work again.
        self.looks_at = 0.0
        self._known = -1
        self._database_lost = 0.0
        self._lost_since = 0.0
        self.heard: dict[str, float] = {}
        # The time of this turn, on the wall and on the monotonic clock.
        self.now: datetime = timezone.now()
        self.mono = time.monotonic()

    # --- The loop

    def run(self) -> int:
        """Work until nothing is left to do here; answer how many recipients were resolved."""
        try:
            while self._turn_safely():
                pass
        finally:
            # After an error nothing may reach the next task that uses the transport.
            self.transport.abandon()
            self.signals.in_hand = set()
        if self.error is not None:
            raise self.error
        return self.resolved

    @property
    def ran_out(self) -> bool:
        """Whether the time was up before the work was done."""
        return time.monotonic() >= self._until

    def _turn_safely(self) -> bool:
        """One turn; after a first error what is in hand is still heard out and written down, else it would repeat."""
        try:
            return self._turn()
        except (OperationalError, InterfaceError) as error:
            self._lose_database(error)
            return True
        except Exception as error:
            if self.error is not None:
                raise
            self.error = error  # raised again at the end of the run
            return True

    def _turn(self) -> bool:
        is_over = self._is_over()
        self._hear()
        if is_over:
            self._leave_rest()
            if self._has_waited_enough():
                return False
        elif self._takes_more and not self._database_lost and intake.has_room(self):
            intake.take_more(self)
        self._fill()
        if self.holds:
            self._listen()
            return True
        if self._database_lost:
            self.transport.poll(POLL_SECONDS)
            self._find_database()
            return not is_over
        return not is_over and self._takes_more and self._linger(LINGER_SECONDS if self._lingers else 0.0)

    def _is_over(self) -> bool:
        return self._stop() or self.error is not None or time.monotonic() >= self._until

    def _has_waited_enough(self) -> bool:
        """Whether a database that is away is no longer waited for: the leases have run out by now."""
        lost = self._database_lost and self._lost_since
        return bool(lost) and time.monotonic() - lost > settings.PUSH_LEASE_SECONDS

    def _linger(self, most: float) -> bool:
        """Wait for what is due in at most so many seconds; False if nothing is."""
        seconds = seconds_until_due()
        if seconds is None or seconds > most:
            return False
        self.transport.poll(min(max(seconds, 0.005), LOOK_SECONDS))
        self.looks_at = 0.0
        return True

    def _listen(self) -> None:
        for reply in self.transport.poll(self._patience()):
            hold, position = reply.key
            hold.in_flight -= 1
            judge(hold, position, reply, self.brakes, self.heard)
        if self.brakes.is_alarmed:
            self._judge()
        self._record_when_due()

    def _patience(self) -> float:
        """How long the network may be waited for: until the next page is due, or the next place of a pace."""
        if self.transport.in_flight:
            return (
                0.001 if self.transport.free and any(self._can_start(hold) for hold in self.holds) else 0.02
            )
        opens = [self._opens(hold) for hold in self.holds if hold.waiting]
        return min(max(min(opens, default=0.0) - time.monotonic(), 0.0), POLL_SECONDS)

    @staticmethod
    def _opens(hold: Hold) -> float:
        return min(hold.grant.opens_at(queue[0]) for queue in hold.queues.values() if queue)

    def _can_start(self, hold: Hold) -> bool:
        return bool(hold.waiting) and self._opens(hold) <= time.monotonic() and not self.is_stopped(hold)

    # --- Starting

    def _hear(self) -> None:
        """Follow what the heartbeat has read since the last turn: slow lanes."""
        self.now, self.mono = timezone.now(), time.monotonic()
        if self.signals.readings != self._known:
            self._known = self.signals.readings
            self.brakes.active = set(self.signals.lanes)

    def is_stopped(self, hold: Hold) -> bool:
        """Whether no further request may be made for the hold."""
        return (
            hold.is_ending
            or bool(self._database_lost)
            or hold.state != Send.State.RUNNING
            or hold.key in self.signals.stopped
        )

    def ready(self, hold: Hold) -> int:
        """Count the hold's recipients that can start soon: not those of origins that are full and silent."""
        return sum(
            len(queue)
            for origin, queue in hold.queues.items()
            if self.mono - self.heard.get(origin, self.mono) < SILENT_SECONDS or self._room(origin) > 0
        )

    def stuck_origins(self) -> list[str]:
        """Origins that use all their places and have not answered for a while."""
        return [
            origin
            for origin, heard in self.heard.items()
            if self.mono - heard > STUCK_SECONDS and self._room(origin) <= 0
        ]

    def _spill(self) -> None:
        """Put recipients of origins that hang back into batches, so that others can be taken in hand."""
        for origin in self.stuck_origins():
            for hold in self.holds:
                while hold.queues.get(origin):
                    put_off(hold, hold.pop(origin), SPILLED_SECONDS, f"o:{origin}")

    def _leave_rest(self) -> None:
        for hold in self.holds:
            hold.clear()

    def _fill(self) -> None:
        """Start requests in rounds over the holds, as far as transport, pace and lanes let them."""
        self._spill()
        turn = list(self.holds)
        while turn and self.transport.free > 0:
            turn = [hold for hold in turn if self._start_some(hold)]
        self._drop_stopped()

    def _drop_stopped(self) -> None:
        for hold in self.holds:
            if hold.waiting and hold.state == Send.State.CANCELLED:
                hold.cancel_rest()
            elif hold.waiting and self.is_stopped(hold) and not self._database_lost:
                hold.clear()

    def _start_some(self, hold: Hold) -> bool:
        """Start up to a round of the hold's recipients; False if it has none that may go now."""
        if not hold.waiting or self.is_stopped(hold) or not self._has_lease(hold):
            return False
        started = 0
        for origin, queue in hold.queues.items():
            room = ROUND if origin == NOWHERE else min(ROUND, self._room(origin))
            while queue and room > 0 and hold.grant.opens_at(queue[0]) <= self.mono:
                start(self, hold, hold.pop(origin), origin)
                room -= 1
                started += 1
                if self.transport.free <= 0 or hold.is_ending:
                    return False
        return started > 0

    def _room(self, origin: str) -> int:
        return settings.PUSH_CONCURRENCY - self.transport.in_flight_of(origin)

    def _has_lease(self, hold: Hold) -> bool:
        """No request may outlive the lease: another worker would hold its recipient by then."""
        age = time.monotonic() - hold.grant.taken
        if age + settings.PUSH_ATTEMPT_SECONDS < settings.PUSH_LEASE_SECONDS:
            return True
        self._record(hold)
        return not hold.is_ending and not self._database_lost

    def fail(self, hold: Hold, error: Exception) -> None:
        """An error that is not of one recipient: nothing more of this send is started, and it is said."""
        self.error = self.error or error
        hold.error = hold.error or error
        hold.is_ending = True

    # --- Hearing and writing down

    def _judge(self) -> None:
        """Let what was counted slow lanes down, and say which keys are refused."""
        try:
            refused = self.brakes.judge()
            for hold in self.holds:
                hold.untold = tell_staff(hold.work, hold.untold)
        except (OperationalError, InterfaceError) as error:
            self._lose_database(error)
            return
        for source in refused:
            self._on_refused(source)

    def _record_when_due(self) -> None:
        if self._database_lost:
            self._find_database()
            return
        if any(len(hold.page) and (hold.page.is_due or hold.is_idle) for hold in self.holds):
            self._judge()
            if self._reads_itself:
                self.signals.read(ask_here)
        for hold in list(self.holds):
            is_old = time.monotonic() - hold.grant.taken > settings.PUSH_LEASE_SECONDS / 4
            if hold.is_idle:
                self._let_go(hold)
            elif (len(hold.page) and hold.page.is_due) or is_old:
                self._record(hold)

    def _let_go(self, hold: Hold) -> None:
        """Write the last page of a hold and release its batch, unless there is more of it to take up at once."""
        if self._takes_more and not self._is_over() and intake.go_on(self, hold):
            return
        self._record(hold, release=True)

    def _record(self, hold: Hold, *, release: bool = False) -> None:
        asked = time.monotonic()
        try:
            with in_tenant(hold.work.schema_name):
                self._write(hold, release=release)
        except LeaseLost as error:
            log.warning("%s; what was in flight may be repeated", error)
            self._forget(hold)
        except (OperationalError, InterfaceError) as error:
            self._lose_database(error)
        except DatabaseError as error:
            self.fail(hold, error)
            self._forget(hold)
            with in_tenant(hold.work.schema_name):
                note_trouble(hold.work, error)
        else:
            hold.grant.taken = max(hold.grant.taken, asked)

    def _write(self, hold: Hold, *, release: bool) -> None:
        page = hold.page
        hold.tried = Tried(len(page.accepted), len(page.others), release)
        hold.state = record(
            hold.work, hold.grant, page.others, at=page.at, release=release, accepted=page.accepted
        )
        self._written(hold)
        if release and hold.error is not None:
            note_trouble(hold.work, hold.error)

    def _written(self, hold: Hold) -> None:
        """Follow what was tried last and is in the database: what was heard since is still to be written."""
        written, hold.page = hold.page.parted(hold.tried.accepted, hold.tried.others)
        self.resolved += len(written)
        figures.count(DELIVERIES, hold.work.tenant_id, *written.judged)
        if hold.tried.release:
            self._forget(hold)  # before what may fail: a batch is released once
        hold.grant.return_places(all_of_them=hold.tried.release)

    def _forget(self, hold: Hold) -> None:
        hold.is_ending = True
        hold.clear()
        hold.rows.clear()
        if hold in self.holds:
            self.holds.remove(hold)
        self.signals.in_hand = {other.key for other in self.holds}

    # --- The database is away

    def _lose_database(self, error: Exception) -> None:
        """What cannot be recorded is not sent: what is in flight is heard out, and its results are kept."""
        if not self._database_lost:
            self._lost_since = time.monotonic()
            log.warning("no database: %s", str(error).splitlines()[0] if str(error) else type(error).__name__)
        self._database_lost = time.monotonic()
        connection.close()

    def _find_database(self) -> None:
        """Try to write down what is in hand, now and then; what a lost commit had written is not written twice."""
        if time.monotonic() - self._database_lost < DATABASE_PATIENCE_SECONDS:
            return
        self._database_lost = time.monotonic()
        try:
            connection.ensure_connection()
            connection.is_usable()
            for hold in list(self.holds):
                with in_tenant(hold.work.schema_name):
                    if was_recorded(hold.grant):
                        self._written(hold)
        except (OperationalError, InterfaceError):
            connection.close()
            return
        self._database_lost = 0.0
        for hold in list(self.holds):
            self._record(hold, release=hold.is_idle)

    def leases(self) -> Iterable[Held]:
        """What the heartbeat should renew."""
        return [Held(hold.work.schema_name, hold.grant) for hold in self.holds]
