"""A delivery process's sign of life: a thread with a database connection of its own, and no ORM.

Once a second, and at each notice of `truepush_control`, it reads what must stop (Signals), renews the leases that are
half used, and writes the process's row. It goes on while the sender waits for a slow statement. When the database is
away it tries every other second; leases then run out, and the sender looks at them before each POST.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import psycopg
from django.conf import settings
from psycopg import sql

from campaigns.delivery.batches import Grant
from campaigns.delivery.signals import Signals
from tenants.own_connection import connection_parameters

log = logging.getLogger(__name__)

BEAT_SECONDS, AWAY_SECONDS = 1.0, 2.0
CHANNEL = "truepush_control"

_RENEW = sql.SQL("""
UPDATE {schema}.campaigns_batch SET lease_until = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s AND holder = %s AND fence >= %s AND state = 'open' AND lease_until IS NOT NULL
""")


class Held(NamedTuple):
    """A lease of this process."""

    schema_name: str
    grant: Grant


class Heartbeat(threading.Thread):
    """Beats until `end`; `wake` is called when something was heard that the sender should look at."""

    def __init__(
        self,
        signals: Signals,
        *,
        held: Callable[[], Iterable[Held]],
        wake: Callable[[], None],
        beat: Callable[[Callable[[str, Sequence[Any]], Any]], None],
        farewell: Callable[[Callable[[str, Sequence[Any]], Any]], None],
    ) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._signals, self._held, self._wake = signals, held, wake
        self._beat, self._farewell = beat, farewell
        self._is_ended = threading.Event()
        self._conninfo = connection_parameters()

    def end(self) -> None:
        """Stop beating and take the process's row away."""
        self._is_ended.set()
        self.join(BEAT_SECONDS * 3)

    def run(self) -> None:
        while not self._is_ended.is_set():
            try:
                self._live()
            except psycopg.Error as error:
                log.warning("heartbeat: no database: %s", str(error).splitlines()[0] if str(error) else error)
                self._is_ended.wait(AWAY_SECONDS)

    def _live(self) -> None:
        with psycopg.connect(**self._conninfo, autocommit=True) as database:
            database.execute(f"LISTEN {CHANNEL}")

            def ask(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
                cursor = database.execute(statement.encode(), values)
                return cursor.fetchall() if cursor.description else []

            while not self._is_ended.is_set():
                self._once(database, ask)
                self._listen(database, ask)
            with contextlib.suppress(psycopg.Error):
                self._farewell(ask)

    def _once(self, database: "psycopg.Connection[Any]", ask: Callable[..., Any]) -> None:
        before = (self._signals.stopped, self._signals.lanes)
        self._signals.read(ask)
        if (self._signals.stopped, self._signals.lanes) != before:
            self._wake()
        self._renew(database)
        self._beat(ask)

    def _listen(self, database: "psycopg.Connection[Any]", ask: Callable[..., Any]) -> None:
        """Wait for the next beat; a notice shortens it. The connection is locked until the notices are all read."""
        if list(database.notifies(timeout=BEAT_SECONDS, stop_after=1)):
            self._signals.read(ask)
            self._wake()

    def _renew(self, database: "psycopg.Connection[Any]") -> None:
        for schema_name, grant in list(self._held()):
            asked = time.monotonic()
            if asked - grant.taken < settings.PUSH_LEASE_SECONDS / 3:
                continue
            statement = _RENEW.format(schema=sql.Identifier(schema_name))
            values = [settings.PUSH_LEASE_SECONDS, grant.batch_id, grant.holder, grant.fence]
            if database.execute(statement, values).rowcount:
                grant.taken = max(grant.taken, asked)
