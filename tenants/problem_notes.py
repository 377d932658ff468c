"""Trouble that the product meets, noted where it is met and added to the books of problems a moment later.

Noting touches memory alone: whatever fails there has its own trouble, and its own transaction. A thread of each web
and worker process writes what was noted on a connection of its own, the first at once, the next WRITE_SECONDS later.
What ended a task is written before its process goes on, which after one that ran out of time ends at once. Other things
that were not written when a process ends, be it in good order (those of WRITE_SECONDS at most), or while the database
is away, are lost: trouble that lasts comes again.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec

import psycopg
from django.db import InterfaceError, OperationalError, connection

from tenants.models import Problem
from tenants.own_connection import Ask, asking_within
from tenants.request_origin import current_origin
from truepush.lib.fingerprint import fingerprint, plain, title_of

log = logging.getLogger(__name__)

P = ParamSpec("P")

WRITE_SECONDS = 5.0
PATIENCE_SECONDS = 3
# Of so many problems and workspaces a process keeps count between two writes; more are dropped, and the log has them.
MOST_WAITING = 500
# In the books, about: processes that write at the same time may each add one. More are dropped until old ones are
# forgotten.
MOST_PROBLEMS = 2000

# A solved problem opens again only if it was seen after it was solved. Rows in one order, so that no two processes
# wait for each other. Two notes may turn out to be of one workspace, by its number and by its schema: what leads on is
# of the later.
_ADD = f"""
WITH noted AS (
    SELECT noted.fingerprint, noted.kind, noted.title, noted.times, noted.request_id, noted.send_id, noted.site_id,
        clock_timestamp() - make_interval(secs => noted.ago) AS at,
        coalesce(noted.tenant_id, (SELECT id FROM public.tenants_tenant t WHERE t.schema_name = noted.schema_name))
            AS tenant_id
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::int[], %s::float8[], %s::text[],
        %s::bigint[], %s::bigint[])
        AS noted (fingerprint, kind, title, tenant_id, schema_name, times, ago, request_id, send_id, site_id)
), problem AS (
    INSERT INTO public.tenants_problem AS known (fingerprint, kind, title, times, first_at, last_at)
    SELECT fingerprint, min(kind), min(title), sum(times), min(at), max(at) FROM noted
    WHERE fingerprint IN (SELECT fingerprint FROM public.tenants_problem)
        OR (SELECT count(*) FROM public.tenants_problem) < {MOST_PROBLEMS}
    GROUP BY fingerprint ORDER BY fingerprint
    ON CONFLICT (fingerprint) DO UPDATE SET times = known.times + excluded.times,
        last_at = greatest(known.last_at, excluded.last_at),
        state = CASE WHEN excluded.last_at > known.solved_at THEN 'open' ELSE known.state END
    RETURNING id, fingerprint
)
INSERT INTO public.tenants_affected AS known
    (problem_id, tenant_id, times, first_at, last_at, request_id, send_id, site_id)
SELECT problem.id, tenant_id, sum(times), min(at), max(at), (array_agg(request_id ORDER BY at DESC))[1],
    (array_agg(send_id ORDER BY at DESC))[1], (array_agg(site_id ORDER BY at DESC))[1]
FROM noted JOIN problem USING (fingerprint) WHERE tenant_id IS NOT NULL
GROUP BY problem.id, tenant_id ORDER BY problem.id, tenant_id
ON CONFLICT (problem_id, tenant_id) DO UPDATE SET times = known.times + excluded.times,
    last_at = greatest(known.last_at, excluded.last_at),
    request_id = coalesce(nullif(excluded.request_id, ''), known.request_id),
    send_id = coalesce(excluded.send_id, known.send_id), site_id = coalesce(excluded.site_id, known.site_id)
RETURNING id
"""  # noqa: S608  # the number is ours


@dataclass
class Noted:
    """How often something was met in a workspace since the last write; the rest is of the last time."""

    kind: str
    title: str
    tenant_id: int | None
    schema_name: str
    request_id: str = field(default_factory=lambda: current_origin().request_id)
    send_id: int | None = None
    site_id: int | None = None
    times: int = 0
    at: float = field(default_factory=time.monotonic)


class Notes:
    """What one process has noted and not written yet."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        # A process without one, such as a command, writes nothing.
        self.has_writer = False
        self._waiting: dict[tuple[str, int | None, str], Noted] = {}
        # Of the task that this process does; a web process does none.
        self._of_task: set[str] | None = None
        self._schema_of_task = ""
        self._is_some = threading.Event()

    def add(self, noted: Noted) -> None:
        mark = fingerprint(noted.kind, noted.title)
        with self._lock:
            key = (mark, noted.tenant_id, noted.schema_name)
            known = self._waiting.get(key)
            if known is None and len(self._waiting) >= MOST_WAITING:
                return
            noted.times = known.times + 1 if known else 1
            self._waiting[key] = noted
            if self._of_task is not None:
                self._of_task.add(mark)
        self._is_some.set()

    def begin_task(self, schema: str) -> None:
        """A worker process does one task after the other: what one has noted itself is not noted when it fails."""
        self._of_task, self._schema_of_task = set(), schema

    def end_task(self, error: BaseException) -> None:
        """Add what ended the task."""
        title = title_of(error)
        if fingerprint(Problem.Kind.ERROR, title) not in (self._of_task or ()):
            self.add(Noted(Problem.Kind.ERROR, title, None, self._schema_of_task))

    def wait(self) -> None:
        self._is_some.wait()

    def write(self, ask: Ask) -> None:
        """Add what was noted to the books, in one statement; what another thread is writing is written afterwards."""
        with self._writing:
            with self._lock:
                taken, self._waiting = self._waiting, {}
                self._is_some.clear()
            if taken:
                ask(_ADD, _columns(taken))


def _columns(taken: Mapping[tuple[str, int | None, str], Noted]) -> list[list[Any]]:
    now = time.monotonic()
    rows = [
        (mark, one.kind, one.title, one.tenant_id, one.schema_name, one.times, now - one.at, one.request_id,
         one.send_id, one.site_id)
        for (mark, _, _), one in taken.items()
    ]  # fmt: skip
    return [list(column) for column in zip(*rows, strict=True)]


notes = Notes()
# What the parent has noted is the parent's to write.
os.register_at_fork(after_in_child=notes.begin_anew)


def _never_raises(noting: Callable[P, None]) -> Callable[P, None]:
    """What is observed is in trouble already, or is answering a customer."""

    @wraps(noting)
    def inner(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            noting(*args, **kwargs)
        except Exception:
            log.warning("A problem could not be noted.", exc_info=True)

    return inner


@_never_raises
def note(
    kind: Problem.Kind,
    words: str,
    *,
    tenant_id: int | None = None,
    send_id: int | None = None,
    site_id: int | None = None,
) -> None:
    """Note what words of ours say; numbers, names of hosts and what is quoted are taken out.

    Without `tenant_id` it is of the tenant whose schema this thread is in, if it is in one.
    """
    schema = "" if tenant_id else _own_schema()
    notes.add(Noted(kind, plain(words), tenant_id, schema, send_id=send_id, site_id=site_id))


@_never_raises
def note_error(
    error: BaseException,
    kind: Problem.Kind = Problem.Kind.ERROR,
    *,
    tenant_id: int | None = None,
    send_id: int | None = None,
    site_id: int | None = None,
) -> None:
    """Note an exception by its type and where in our code it happened; the tenant as for `note`.

    Not that of a database that is away: that is nobody's problem in particular, and an alert says it.
    """
    if _is_away(error):
        return
    schema = "" if tenant_id else _own_schema()
    notes.add(Noted(kind, title_of(error), tenant_id, schema, send_id=send_id, site_id=site_id))


def _is_away(error: BaseException) -> bool:
    """Whether the connection is lost or not let in, by PostgreSQL's classes of errors; a statement may fail too."""
    state = getattr(error.__cause__, "sqlstate", None)
    is_of_connection = state is None or state.startswith(("08", "57P"))
    return isinstance(error, OperationalError | InterfaceError) and is_of_connection


def _own_schema() -> str:
    return str(getattr(connection, "schema_name", ""))


@_never_raises
def begin_task(task: Mapping[str, Any], **signal: Any) -> None:
    """A receiver of django-q2's pre_execute."""
    # A task of one workspace has the name of its schema first.
    first = next(iter(task.get("args") or ()), "")
    notes.begin_task(first if isinstance(first, str) else "")


class FailedTasks:
    """A reporter of django-q2's: called while the exception that ended a task is handled."""

    @_never_raises
    def report(self) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            notes.end_task(error)


@_never_raises
def write_failed_task(task: Mapping[str, Any], **signal: Any) -> None:
    """A receiver of django-q2's post_execute_in_worker."""
    if notes.has_writer and not task.get("success"):
        _write()


def keep_writing(**spawned: object) -> None:
    """Have a thread of this process write what is noted; also a receiver of post_spawn, after the fork."""
    notes.has_writer = True
    threading.Thread(target=_keep_writing, name="problems", daemon=True).start()


def _keep_writing() -> None:
    while True:
        notes.wait()
        _write()
        time.sleep(WRITE_SECONDS)


def _write() -> None:
    try:
        with asking_within(PATIENCE_SECONDS) as ask:
            notes.write(ask)
    except psycopg.Error as error:
        log.warning("Problems could not be written: %s", str(error).splitlines()[0] if str(error) else error)
