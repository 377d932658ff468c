"""What a delivery process keeps between its tasks: connections, the heartbeat, how fast it has been."""

import logging
import time
from collections.abc import Iterable
from functools import lru_cache

import psycopg
from django.conf import settings
from django_q.tasks import async_task

from campaigns.delivery.guards import refuse_key
from campaigns.delivery.heartbeat import Heartbeat, Held
from campaigns.delivery.sender import Sender
from campaigns.delivery.signals import Signals
from campaigns.delivery.transport import Transport
from tenants.flag_figures import figures
from tenants.limits import raise_file_limit, requests_that_fit
from tenants.processes import Beat, Execute, farewell, sign_of_life
from tenants.stop import stopping

log = logging.getLogger(__name__)


class DeliveryProcess:
    """One for each process that runs delivery tasks; its heartbeat goes on between them."""

    def __init__(self) -> None:
        self.transport = Transport(
            concurrency=requests_that_fit(3 * settings.PUSH_CONCURRENCY, raise_file_limit()),
            attempt_seconds=settings.PUSH_ATTEMPT_SECONDS,
            sandbox_ca=settings.SANDBOX_CA,
        )
        self.signals = Signals()
        self.sender: Sender | None = None
        self._done = 0
        self._beaten = (time.monotonic(), 0)
        self.heartbeat = Heartbeat(
            self.signals, held=self._held, wake=self.transport.wake, beat=self._beat, farewell=farewell
        )

    def live(self) -> None:
        """Start the heartbeat, if it is not there yet."""
        if not self.heartbeat.is_alive():
            self.heartbeat.start()

    def deliver(self) -> int:
        """Drain what is due; answer how many recipients were resolved."""
        self.live()
        sender = self.sender = Sender(
            self.transport, stopping, signals=self.signals, on_refused=refuse_key, lingers=True
        )
        try:
            return sender.run()
        finally:
            self._done += sender.resolved
            self.sender = None
            if sender.ran_out and not stopping():
                async_task("campaigns.tasks.deliver")

    def _held(self) -> Iterable[Held]:
        sender = self.sender
        return sender.leases() if sender else ()

    def _resolved(self) -> int:
        sender = self.sender
        return self._done + (sender.resolved if sender else 0)

    def _beat(self, execute: Execute) -> None:
        """Write the process's row; called by the heartbeat's thread, on its connection."""
        now, done = time.monotonic(), self._resolved()
        then, before = self._beaten
        self._beaten = now, done
        sign_of_life(
            execute,
            Beat(
                "delivery",
                rate=(done - before) / max(now - then, 0.001),
                in_flight=self.transport.in_flight,
                connections=self.transport.connections,
                is_stopping=stopping(),
            ),
        )
        try:
            figures.flush_when_due(execute)
        except psycopg.Error as error:
            # Leases are held and a stop is heard on this connection: no figure is worth a break of it.
            log.warning("The figures of feature flags could not be added: %s", error)


@lru_cache(maxsize=1)
def delivery_process() -> DeliveryProcess:
    """Give this process's own; made after the fork."""
    return DeliveryProcess()
