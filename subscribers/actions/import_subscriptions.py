"""Subscriptions of a file are stored by two threads at once, each with a connection of its own, and committed in order.

One process of PostgreSQL that stores is slower than everything else; with two, both cores of a small machine are busy.
1. A thread takes a piece: reads and checks its rows, leaves out who was erased and what the piece before has.
2. It stores them, in a transaction, while the other thread takes the next piece or stores it.
3. It waits until the piece before is committed. Only then it looks whether the job is still ours, notes problems and
   how far the file came, and commits.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic
from typing import BinaryIO

from django.conf import settings
from django.db import OperationalError, connection, transaction

from subscribers.actions.import_commit import committed, note_piece
from subscribers.actions.job_steps import is_mine
from subscribers.actions.person import newest_tombstone, tombstone_of
from subscribers.importing.lines import COLUMNS, Row
from subscribers.importing.parsing import Parsed, parsed
from subscribers.importing.reading import Head, Piece, position_in
from subscribers.importing.turns import Turns
from subscribers.importing.wish import mark_of, wish_of
from subscribers.models import Job, Tombstone, VapidKey
from tenants.doorway import current_schema, in_tenant
from tenants.flags import IMPORT_IN_PAIRS, is_on
from tenants.models import Tenant
from truepush.lib import base64url

log = logging.getLogger(__name__)

ROWS = 5_000
# A piece that waits for its turn holds locks. Should the one before wait for somebody who waits for these, PostgreSQL
# cannot see the circle: it goes through this process.
GIVE_WAY_SECONDS = 2.0

_ROOM = f"CREATE TEMP TABLE IF NOT EXISTS import_given ({COLUMNS}) ON COMMIT DELETE ROWS"
_INSERT = """
INSERT INTO subscribers_subscriber (
    site_id, vapid_key_id, state, is_test, ended_at, ended_why, prompt, consent_origin, service, endpoint,
    endpoint_digest, p256dh, auth, language, country, time_zone, browser, os, device, external_id, tags, attributes,
    subscribed_at, first_seen_at, seen_at)
SELECT %(site)s, %(key)s, 'imported', false, now(), %(mark)s, %(mark)s, %(origin)s, service, endpoint,
    digest, p256dh, auth, language, country, time_zone, browser, os, device, external_id, tags, attributes,
    least(coalesce(subscribed_at, now()), now()), least(coalesce(subscribed_at, seen_at, now()), now()),
    least(coalesce(seen_at, subscribed_at, now()), now())
FROM import_given ON CONFLICT (site_id, endpoint_digest) DO NOTHING
"""


@dataclass(frozen=True)
class _Taken:
    """A piece that was read: `rows` are to be stored, `kept` were not erased, up to this tombstone."""

    number: int
    piece: Piece
    position: int
    rows: list[Row]
    kept: int
    tombstone: int
    counts: dict[str, int]


def store_some(job: Job, file: BinaryIO, head: Head, place: dict[str, int], until: float) -> bool:
    """Store pieces of a file from `place` on, one at least; False when it has ended or the job is another's.

    Raises FileRefused, when what comes before in the file is stored.
    """
    return _Slice(job, file, head, place, until).run()


class _Slice:
    """What the two threads share. What is said of `_take` and `_store` goes for both."""

    def __init__(self, job: Job, file: BinaryIO, head: Head, place: dict[str, int], until: float) -> None:
        key = VapidKey.objects.only("public").get(pk=wish_of(job).key)
        public, sandbox = base64url.encode(bytes(key.public)), settings.SANDBOX_ORIGIN
        self._pieces = parsed(file, head, **place, most=ROWS, public=public, sandbox_origin=sandbox)
        self._job, self._file, self._until = job, file, until
        self._values: dict[str, int | str] = {
            "site": job.site_id,
            "key": key.pk,
            "mark": mark_of(job),
            "origin": job.site.origin,
        }
        self._taking, self._turns = Lock(), Turns()
        self._number = 0
        self._before: set[str] = set()
        self._has_more = True

    def run(self) -> bool:
        first = self._take()
        try:
            with ThreadPoolExecutor(1) as pool:
                beside = pool.submit(self._beside, current_schema()) if self._is_worth_two(first) else None
                self._work(first)
            if beside:
                beside.result()
        except Exception:
            self._turns.raise_error()
            raise
        finally:
            # Nothing more is taken, should the wait for the other thread have been interrupted.
            self._turns.stop(self._number)
        return self._has_more

    def _is_worth_two(self, first: _Taken | None) -> bool:
        """Say whether there is a second piece, time for it, and the workspace's flag.

        What a transaction wrote, only its connection sees.
        """
        has_second = first is not None and not first.piece.is_end
        if not has_second or monotonic() >= self._until or connection.in_atomic_block:
            return False
        return is_on(IMPORT_IN_PAIRS, Tenant.objects.only("pk").get(schema_name=current_schema()).pk)

    def _beside(self, schema_name: str) -> None:
        """Work in a second thread."""
        try:
            with in_tenant(schema_name):
                if self._is_connected():
                    self._work(self._take())
        finally:
            connection.close()

    def _is_connected(self) -> bool:
        """Ask for a connection of this thread's own; False, and the other thread goes on alone, if there is none."""
        try:
            connection.ensure_connection()
        except OperationalError as error:
            log.warning("%s goes on with one connection: %s", self._job, str(error).splitlines()[0])
            return False
        return True

    def _work(self, taken: _Taken | None) -> None:
        while taken:
            self._store(taken)
            taken = self._take()

    def _take(self) -> _Taken | None:
        """Read the next piece; None if there is none, or no time for it."""
        with self._taking, self._turns.failing_from(self._number):
            has_time = self._number == 0 or monotonic() < self._until
            item = next(self._pieces, None) if has_time and not self._turns.is_stopped else None
            if item is None:
                return None
            taken = self._taken(item)
            self._number += 1
            return taken

    def _taken(self, item: Parsed) -> _Taken:
        tombstone = newest_tombstone()
        kept = _without_erased(item.rows, tombstone)
        # Its transaction may be open still: to meet its rows in the database would be to wait for it.
        rows = [row for row in kept if row.digest not in self._before]
        self._before = {row.digest for row in kept}
        return _Taken(
            self._number,
            item.piece,
            position_in(self._file, item.piece.offset),
            rows,
            len(kept),
            tombstone,
            {"left": item.left, "erased": len(item.rows) - len(kept)},
        )

    def _store(self, taken: _Taken) -> None:
        """Store a piece ahead of its turn; if that is long in coming, or somebody is erased, anew when it has come."""
        with self._turns.failing_from(taken.number):
            while not self._try(taken) and self._turns.come(taken.number):
                taken = _without_new_tombstones(taken)

    def _try(self, taken: _Taken) -> bool:
        """Store a piece and commit it in its turn; False if it was not, and is not stored."""
        with transaction.atomic():
            new = _insert(taken.rows, self._values) if taken.rows else 0
            if not self._turns.come(taken.number, GIVE_WAY_SECONDS):
                transaction.set_rollback(True)
                return False
            if not is_mine(self._job):
                transaction.set_rollback(True)
                self._has_more = False
                self._turns.stop(taken.number)
                return False
            if newest_tombstone(bar=True) > taken.tombstone:
                transaction.set_rollback(True)
                return False
            stored = {"new": new, "known": taken.kept - new, **taken.counts}
            result = note_piece(self._job, taken.piece, taken.position, stored)
        self._has_more = committed(self._job, taken.piece, result)
        self._turns.pass_on()
        return True


def _without_new_tombstones(taken: _Taken) -> _Taken:
    """Leave out who was erased after the piece was read."""
    tombstone = newest_tombstone()
    rows = _without_erased(taken.rows, tombstone)
    erased = len(taken.rows) - len(rows)
    counts = {**taken.counts, "erased": taken.counts["erased"] + erased}
    return replace(taken, rows=rows, kept=taken.kept - erased, tombstone=tombstone, counts=counts)


def _without_erased(rows: list[Row], newest: int) -> list[Row]:
    """Leave out who was erased, by endpoint or external id: no import brings them back.

    `newest` is the newest tombstone's id, 0 if there is none. One that comes later is met when the piece is stored.
    """
    if not newest:
        return rows
    marks = [
        (tombstone_of("endpoint", row.digest), tombstone_of("external", row.external_id)) for row in rows
    ]
    all_marks = [mark for pair in marks for mark in pair]
    erased = {
        bytes(one) for one in Tombstone.objects.filter(digest__in=all_marks).values_list("digest", flat=True)
    }
    return [row for row, pair in zip(rows, marks, strict=True) if erased.isdisjoint(pair)]


def _insert(rows: list[Row], values: dict[str, int | str]) -> int:
    """Store rows as waiting subscribers; answer how many were new."""
    with connection.cursor() as cursor:
        cursor.execute(_ROOM)
        with cursor.copy("COPY import_given FROM STDIN") as copy:
            copy.write("".join([row.line for row in rows]))
        cursor.execute(_INSERT, values)
        return int(cursor.rowcount)
