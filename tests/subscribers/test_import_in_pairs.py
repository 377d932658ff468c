"""An import stores two pieces at once, on two connections, and commits them in order: whatever happens between, the
rows and counts are those of one after the other. Pieces have 2,500 rows, then 5,000."""

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from subscribers.actions.job import cancel_job, work_on
from subscribers.actions.person import erase, erase_external_id
from subscribers.actions.subscription import digest_of
from subscribers.models import Job, Site, Subscriber
from tenants.doorway import in_tenant
from tenants.flags import IMPORT_IN_PAIRS
from tenants.models import FeatureFlag
from tests.conftest import Workspace, make_site
from tests.subscribers.import_files import as_csv, begin, bring, finish, onesignal
from tests.subscribers.people import add_people
from tests.subscribers.samples import Browser

ROOT = Path(__file__).parents[2]
SIZE = 9_000
_OTHERS = """
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.FILES_DIR = str(tmp_path / "files")


def endpoint(number: int) -> str:
    return f"https://fcm.googleapis.com/fcm/send/row-{number}"


def rows(**changed: dict[str, Any]) -> list[dict[str, Any]]:
    """Make rows that differ; `changed` are what some of them (r2510) have of their own."""
    browser = Browser()
    return [
        onesignal(
            browser, **{"identifier": endpoint(n), "external_user_id": f"u{n}", **changed.get(f"r{n}", {})}
        )
        for n in range(SIZE)
    ]


def place_of(site: Site, number: int) -> dict[str, Any]:
    return {"endpoint": endpoint(number), "endpoint_digest": digest_of(endpoint(number))}


def begun(place: Workspace, site: Site, octets: bytes) -> Job:
    with in_tenant(place.schema):
        return bring(place, begin(place, site), octets)


def work(place: Workspace, job: Job) -> bool:
    """Work on a job as a worker does, in the thread that calls."""
    try:
        with in_tenant(place.schema):
            return work_on(job.pk, seconds=60)
    finally:
        connection.close()


def others(*, storing: bool = False) -> list[tuple[str, str]]:
    """What the database's other connections wait for, and their state; of all, or of those that store a piece."""
    with connection.cursor() as cursor:
        which = "AND query LIKE '%FROM import_given%'" if storing else ""
        cursor.execute(f"SELECT coalesce(wait_event_type, ''), state {_OTHERS} {which}")
        return sorted(cursor.fetchall())


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_second_waiting() -> bool:
    """Whether one piece waits for a row that a visitor holds, and one that is stored for its turn."""
    return others(storing=True) == [("Client", "idle in transaction"), ("Lock", "active")]


class Visitor:
    """Somebody else whose transaction has put down rows of the file, and is open until it is let go."""

    def __init__(self, place: Workspace, site: Site) -> None:
        self._place, self._site = place, site
        self._wanted: Queue[int] = Queue()

    def work(self) -> None:
        try:
            with in_tenant(self._place.schema), transaction.atomic():
                while (number := self._wanted.get()) >= 0:
                    add_people(self._site, [place_of(self._site, number)])
                    self._wanted.task_done()
        finally:
            connection.close()

    def ask(self, number: int) -> None:
        self._wanted.put(number)

    def put_down(self, number: int) -> None:
        self.ask(number)
        self._wanted.join()

    def let_go(self) -> None:
        self._wanted.put(-1)


@contextmanager
def meeting(place: Workspace, site: Site, job: Job, number: int) -> Iterator[tuple[Visitor, "Future[bool]"]]:
    """Import until the piece with a row that a visitor holds waits for it, and the one behind for its turn."""
    visitor = Visitor(place, site)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(visitor.work)
        try:
            visitor.put_down(number)
            running = pool.submit(work, place, job)
            wait_until(is_second_waiting)
            yield visitor, running
        finally:
            visitor.let_go()


def stored(place: Workspace, site: Site, job: Job) -> tuple[int, int]:
    """How many rows there are, and how many the job says that it brought."""
    with in_tenant(place.schema):
        return Subscriber.objects.filter(site=site).count(), Job.objects.get(pk=job.pk).result.get("new", 0)


def test_rows_and_counts_are_those_of_one_connection(alone: Workspace) -> None:
    one, two = make_site(alone), make_site(alone, name="Two", origin="https://two.example")
    with in_tenant(alone.schema):
        erase(actor=alone.owner, tenant=alone.tenant, subscribers=add_people(one, [place_of(one, 2450)]))
        erase_external_id(actor=alone.owner, tenant=alone.tenant, external_id="forget-me")
    # Of two rows with one endpoint the first is stored, in the same piece, the next one or a later one; unless it is
    # erased by its external id or refused.
    twice = {f"r{n + 100}": {"identifier": endpoint(n), "language": "fr"} for n in range(2_400, 2_500)}
    far = {f"r{n}": {"identifier": endpoint(n - 8_000), "language": "it"} for n in range(8_000, 8_010)}
    own = {
        "r2460": {"external_user_id": "forget-me"}, "r2470": {"web_auth": "wrong"}, "r2480": {"device_type": "11"},
        "r20": {"identifier": endpoint(10)}, "r7600": {"identifier": endpoint(7_400)}, "r7777": {"web_p256": ""},
    }  # fmt: skip
    octets = as_csv(rows(**twice, **far, **own))
    first, second = begun(alone, one, octets), begun(alone, two, octets)
    threads, connections = threading.active_count(), len(others())
    with in_tenant(alone.schema):
        slow = finish(first)
        assert work_on(second.pk, seconds=60) is False
        assert threading.active_count() == threads
        wait_until(lambda: len(others()) == connections)
        fast = Job.objects.get(pk=second.pk)
        assert (slow.state, slow.done) == (fast.state, fast.done) == ("done", SIZE)
        assert slow.result == fast.result
        # Of the hundred, 2450 is erased both times, and of 2460, 2470 and 2480 the second is stored.
        counts = {name: fast.result[name] for name in ("new", "known", "left", "refused", "erased")}
        assert counts == {"new": 8_886, "known": 108, "left": 1, "refused": 2, "erased": 3}
        names = ("endpoint", "external_id", "language", "state", "tags", "subscribed_at")
        found = [
            list(Subscriber.objects.filter(site=site).order_by("endpoint").values_list(*names))
            for site in (one, two)
        ]
        assert found[0] == found[1]


def test_somebody_who_holds_a_row_of_each_piece_ends_no_import(alone: Workspace) -> None:
    """The first piece waits for the visitor, who waits for the second, which waits for its turn: it gives way."""
    site = make_site(alone)
    job = begun(alone, site, as_csv(rows()))
    with meeting(alone, site, job, 100) as (visitor, running):
        visitor.ask(2_600)
        visitor.let_go()
        assert running.result(60) is False
    with in_tenant(alone.schema):
        job.refresh_from_db()
    assert (job.state, job.done, job.result["new"], job.result["known"]) == ("done", SIZE, SIZE - 2, 2)
    assert stored(alone, site, job) == (SIZE, SIZE - 2)


def test_who_is_erased_while_their_piece_is_stored_does_not_come_back(alone: Workspace) -> None:
    """After the look at tombstones, before the rows are committed: of the first piece, and of the one that waits."""
    site = make_site(alone)
    job = begun(alone, site, as_csv(rows()))
    with meeting(alone, site, job, 100) as (visitor, running):
        with in_tenant(alone.schema):
            for external_id in ("u10", "u3000"):
                erase_external_id(actor=alone.owner, tenant=alone.tenant, external_id=external_id)
        visitor.let_go()
        assert running.result(60) is False
    with in_tenant(alone.schema):
        job.refresh_from_db()
        assert not Subscriber.objects.filter(external_id__in=("u10", "u3000")).exists()
    assert (job.state, job.done, job.result["erased"], job.result["known"]) == ("done", SIZE, 2, 1)
    assert stored(alone, site, job) == (SIZE - 2, SIZE - 3)


def test_a_piece_that_fails_takes_the_one_behind_with_it(alone: Workspace) -> None:
    site = make_site(alone)
    forbid(alone, "u2400")
    job = begun(alone, site, as_csv(rows()))
    with meeting(alone, site, job, 100) as (visitor, running):
        visitor.let_go()
        with pytest.raises(IntegrityError, match="forbidden"):
            running.result(60)
    assert stored(alone, site, job) == (1, 0)


def test_what_comes_before_a_piece_that_fails_is_stored(alone: Workspace) -> None:
    site = make_site(alone)
    forbid(alone, "u2600")
    job = begun(alone, site, as_csv(rows()))
    with pytest.raises(IntegrityError, match="forbidden"):
        work(alone, job)
    assert stored(alone, site, job) == (2_500, 2_500)


def forbid(place: Workspace, external_id: str) -> None:
    with in_tenant(place.schema), connection.cursor() as cursor:
        cursor.execute(
            f"ALTER TABLE subscribers_subscriber ADD CONSTRAINT forbidden CHECK (external_id <> '{external_id}')"
        )


def test_a_file_that_breaks_off_is_stored_up_to_the_piece_before(alone: Workspace) -> None:
    site = make_site(alone)
    packed = gzip.compress(as_csv(rows()))
    job = begun(alone, site, packed[: len(packed) // 2])
    assert work(alone, job) is False
    with in_tenant(alone.schema):
        job.refresh_from_db()
    assert (job.state, job.done) == ("failed", 2_500)
    assert job.detail.startswith("Line 2,502: the file cannot be unpacked")
    assert stored(alone, site, job) == (2_500, 2_500)


@pytest.mark.parametrize(("held", "before"), [(100, 0), (2_600, 2_500)])
def test_a_cancelled_import_stores_no_piece_that_was_under_way(
    alone: Workspace, held: int, before: int
) -> None:
    """FT-21. Cancelling raises the fence, as a worker does that takes an import over from one that stands still."""
    site = make_site(alone)
    job = begun(alone, site, as_csv(rows()))
    with meeting(alone, site, job, held) as (visitor, running):
        with in_tenant(alone.schema):
            assert cancel_job(actor=alone.owner, tenant=alone.tenant, job=job)
        visitor.let_go()
        assert running.result(60) is False
    assert stored(alone, site, job) == (before + 1, before)


def test_a_kill_between_storing_and_committing_leaves_nothing_of_either_piece(
    alone: Workspace, settings: Any
) -> None:
    site = make_site(alone)
    job = begun(alone, site, as_csv(rows()))
    given = connection.settings_dict
    url = f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
    command = [sys.executable, "tests/subscribers/import_worker.py", alone.schema, str(job.pk)]
    environment = {**os.environ, "DATABASE_URL": url, "FILES_DIR": settings.FILES_DIR}
    visitor = Visitor(alone, site)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(visitor.work)
        try:
            visitor.put_down(100)
            with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
                wait_until(is_second_waiting)
                process.send_signal(signal.SIGKILL)
                assert process.wait() == -signal.SIGKILL
        finally:
            visitor.let_go()
    wait_until(lambda: not others(storing=True))
    assert stored(alone, site, job) == (1, 0)
    with in_tenant(alone.schema):
        Job.objects.filter(pk=job.pk).update(lease_until="2026-01-01T00:00:00Z")
    assert work(alone, job) is False
    assert stored(alone, site, job) == (SIZE, SIZE - 1)


def test_without_a_second_connection_an_import_goes_on_with_one(
    alone: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site = make_site(alone)
    job = begun(alone, site, as_csv(rows()))
    # Nobody listens there; the connection of this thread is open already.
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    with in_tenant(alone.schema):
        assert work_on(job.pk, seconds=60) is False
    assert f"import {job.pk} goes on with one connection" in caplog.text
    assert stored(alone, site, job) == (SIZE, SIZE)


def test_a_workspace_without_the_flag_stores_one_piece_after_the_other(alone: Workspace) -> None:
    site = make_site(alone)
    job = begun(alone, site, as_csv(rows()))
    FeatureFlag.objects.create(name=IMPORT_IN_PAIRS.name, off_for=[alone.tenant.pk], percent=100)
    try:
        with ThreadPoolExecutor(1) as pool:
            done, most = pool.submit(work, alone, job), 0
            while not done.done():
                most = max(most, len(others(storing=True)))
            assert done.result() is False  # nothing is left to do
    finally:
        FeatureFlag.objects.all().delete()
    assert most <= 1
    with in_tenant(alone.schema):
        assert Subscriber.objects.count() == SIZE
