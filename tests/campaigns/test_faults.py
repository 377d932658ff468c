"""Faults in real processes: what is killed, stopped, cut off or slow, with windows a tenth as long (see faults.py)."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.actions.control import cancel, pause, resume, set_send_rate
from campaigns.models import Batch
from tenants.doorway import in_tenant
from tenants.models import Alert, DueWork, WorkerProcess
from tests.campaigns.faults import WINDOWS, Installation, accepted, installation, note, outage, seconds_until
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    figures,
    fresh,
    launch,
    only_doubted_are_repeated,
    wait_until_finished,
    worker,
)
from tests.sandbox.driver import Sandbox, until

# One at a time: each keeps both cores busy by itself.

IN_FLIGHT = 20
LEASE = float(str(WINDOWS["PUSH_LEASE_SECONDS"]))
WATCHDOG = float(str(WINDOWS["WATCHDOG_SECONDS"]))
ONE_PAGE = 500


def test_an_idle_sender_that_is_killed_does_not_keep_the_work_waiting(lasting: Place, tmp_path: Path) -> None:
    """FT-01's kin: django-q2 freezes in half of the cases; the watchdog brings it back."""
    add_subscribers(lasting, [NORMAL] * 50)
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=1, **WINDOWS) as running:
        first = launch(lasting)
        wait_until_finished(lasting, first, 20)
        for pid in running.senders():
            if pid not in running.clusters():
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        send = launch(lasting)
        seconds = seconds_until(lambda: fresh(lasting, send).state == "finished", 30)
    note("idle_killed_resumed_s", seconds)
    assert figures(fresh(lasting, send)) == {"accepted": 50}
    check_conservation(lasting, send)


def test_clusters_that_are_killed_are_started_again(lasting: Place, tmp_path: Path) -> None:
    add_subscribers(lasting, [NORMAL] * 20)
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=1, **WINDOWS) as running:
        until(lambda: WorkerProcess.objects.filter(role="clock").exists(), 10)
        assert len(running.clusters()) == 2
        for pid in running.clusters():
            os.kill(pid, signal.SIGKILL)
        send = launch(lasting)
        wait_until_finished(lasting, send, 20)
        assert running.stop() == 0
    assert "has ended and is started again" in (tmp_path / "log").read_text()


def test_work_that_nobody_takes_up_makes_the_watchdog_start_the_queue_anew(
    lasting: Place, tmp_path: Path
) -> None:
    """All of the queue's processes live, and stand still: stopped, as frozen ones are."""
    add_subscribers(lasting, [NORMAL] * 20)
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=1, **WINDOWS) as running:
        until(lambda: WorkerProcess.objects.filter(role="clock").exists(), 10)
        frozen = running.senders()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        send = launch(lasting)
        wait_until_finished(lasting, send, 30)
        assert Alert.objects.get(kind="worker_stalled").times >= 1
    assert "its task clusters were started again" in (tmp_path / "log").read_text()


def test_a_sender_that_is_stopped_longer_than_its_lease_repeats_at_most_what_it_had(
    lasting: Place, tmp_path: Path
) -> None:
    """FT-21, RE-10: also what it says when it goes on, into a send that others have finished."""
    size = 800
    add_subscribers(lasting, [NORMAL] * size)
    lasting.sandbox.script(status=201, delay_ms=30)
    send = launch(lasting)
    given = {**WINDOWS, "PUSH_CONCURRENCY": IN_FLIGHT, "BATCH_SIZE": 200}
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=2, **given) as running:
        until(lambda: accepted(lasting) > size * 0.2, 20)
        stopped = running.senders()[0]
        os.kill(stopped, signal.SIGSTOP)
        time.sleep(outage(5, LEASE + 1))
        os.kill(stopped, signal.SIGCONT)
        send = wait_until_finished(lasting, send, 40)
        time.sleep(2)  # it finds out that its lease is gone
    check_conservation(lasting, send)
    counts = counts_of(lasting, send)
    note("stopped_repeated", counts["repeated"])
    assert figures(send) == {"accepted": size}
    assert counts["distinct"] == size
    assert counts["repeated"] <= 3 * IN_FLIGHT + ONE_PAGE


def test_sigterm_loses_and_repeats_nobody(lasting: Place, tmp_path: Path) -> None:
    """FT-03: also when it is said twice."""
    size = 1500
    add_subscribers(lasting, [NORMAL] * size)
    lasting.sandbox.script(status=201, delay_ms=30)
    send = launch(lasting)
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=2, **WINDOWS) as running:
        until(lambda: accepted(lasting) > size * 0.2, 20)
        started = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0
        note("sigterm_s", time.monotonic() - started)
    assert accepted(lasting) < size
    assert not WorkerProcess.objects.filter(role="clock").exists()
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=2, **WINDOWS):
        send = wait_until_finished(lasting, send, 40)
    check_conservation(lasting, send)
    note("sigterm_repeated", counts_of(lasting, send)["repeated"])
    assert counts_of(lasting, send) == {"accepted": size, "distinct": size, "repeated": 0}


@pytest.fixture(scope="module")
def apart(started_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("apart"), started_sandbox) as made:
        yield made


@pytest.mark.parametrize("away", [WATCHDOG + 1, outage(10, 3 * LEASE)], ids=["restarted", "down"])
def test_a_database_that_goes_away_costs_nobody_anything(
    sandbox: Sandbox, apart: Installation, away: float, request: pytest.FixtureRequest
) -> None:
    """FT-05: `pg_ctl restart -m immediate` in the middle: lost 0, and what was in flight is written down afterwards.

    FT-06, FT-22: while it is away nobody is sent to, and each process asks for it at most once a second. It is away
    longer than the watchdog waits for work to be taken up, which must not start the queue anew; or so long that leases
    have run out and nothing is waited for any more.
    """
    size, processes = 2000, 3  # two deliveries and the clock
    name = request.node.callspec.id
    sandbox.script(status=201, delay_ms=30)
    schema = apart.run("-m", "tests.campaigns.fault_campaign", str(size)).split()[-1]
    look = f'SELECT state, accepted FROM "{schema}".campaigns_send ORDER BY id DESC LIMIT 1'
    with apart.worker(Q_WORKERS=2, PUSH_CONCURRENCY=IN_FLIGHT) as process:
        until(lambda: int(str(sandbox.counts()["accepted"])) > size * 0.3, 30)
        apart.kill_database()
        at_its_end = int(str(sandbox.counts()["accepted"]))
        knocks = apart.count_knocks(away)
        before = int(str(sandbox.counts()["accepted"]))
        # What is in flight, and what was started until the next page was due, a tenth of a second.
        assert before <= at_its_end + 2 * 5 * IN_FLIGHT
        apart.start_database()
        seconds = seconds_until(lambda: int(str(sandbox.counts()["accepted"])) > before, 30)
        until(lambda: apart.ask(look) == [("finished", size)], 60)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    note(f"database_{name}_knocks_per_s", knocks / away)
    assert 2 <= knocks <= processes * (away + 2)
    assert "its task clusters were started again" not in (apart.folder / "worker.log").read_text()
    [row] = sandbox.counts()["sends"]
    note(f"database_{name}_resumed_s", seconds)
    note(f"database_{name}_repeated", row["repeated"])
    assert (row["distinct"], row["accepted"]) == (size, size + row["repeated"])
    assert row["repeated"] <= 100


def test_a_limit_of_256_open_files_is_fitted_to_and_said(lasting: Place, tmp_path: Path) -> None:
    """FT-20: no EMFILE, lost 0, and the needed figure is in the log and in front of the staff."""
    add_subscribers(lasting, [NORMAL] * 300)
    send = launch(lasting)

    with worker(lasting.sandbox, tmp_path / "log", most_files=256, Q_WORKERS=1, PUSH_CONCURRENCY=500):
        send = wait_until_finished(lasting, send, 30)
        row = WorkerProcess.objects.filter(role="delivery").first()
    check_conservation(lasting, send)
    assert row is not None
    assert row.most_files == 256
    log = (tmp_path / "log").read_text()
    assert "This host allows 256 open files a process; 1500 requests in flight need 1560." in log
    assert "Too many open files" not in log
    assert "1560" in Alert.objects.get(kind="file_limit").text


def test_a_recipient_that_kills_its_worker_is_given_up_and_all_others_get_it(
    lasting: Place, tmp_path: Path
) -> None:
    """FT-18: a process that dies on one row, each time it meets it."""
    rows = add_subscribers(lasting, [NORMAL] * 40)
    with in_tenant(lasting.schema):
        type(rows[7]).objects.filter(pk=rows[7].pk).update(external_id="killer")
    send = launch(lasting)
    killer = rows[7].pk
    given = {**WINDOWS, "PUSH_LEASE_SECONDS": 2.4, "PUSH_ATTEMPT_SECONDS": 1.0, "FAULT_KILLER": killer}
    with worker(
        lasting.sandbox, tmp_path / "log", program="tests/campaigns/killer_worker.py", Q_WORKERS=1, **given
    ):
        send = wait_until_finished(lasting, send, 60)
    check_conservation(lasting, send)
    assert figures(send) == {"accepted": 39, "failed": 1}
    assert send.reasons["failed worker_died"] == 1
    with in_tenant(lasting.schema):
        assert not Batch.objects.filter(state="open").exists()


def test_another_tenants_hundred_are_out_within_ten_seconds(
    lasting: Place, tmp_path: Path, beside: Place
) -> None:
    """RL-05: a tenant queues twenty sends of 4,000; another's hundred comes later. bench/scale queues a million."""
    add_subscribers(lasting, [NORMAL] * 4000)
    add_subscribers(beside, [NORMAL] * 100)
    lasting.sandbox.script(status=201, delay_ms=20)
    # The guard against runaway sends would hold the large tenant, and nobody would be in the way.
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=1, RUNAWAY_SECONDS=0.001, **WINDOWS):
        for _ in range(20):
            launch(lasting)
        until(lambda: accepted(lasting) > 200, 20)
        started = time.monotonic()
        send = launch(beside)
        until(lambda: fresh(beside, send).state == "finished", 10)
        note("other_tenant_s", time.monotonic() - started)
        theirs = DueWork.objects.filter(tenant_id=lasting.workspace.tenant.pk)
        assert theirs.filter(is_held=False).count() > 10
        assert not theirs.filter(is_held=True).exists()


@pytest.mark.parametrize("workers", [2])
def test_processes_say_that_they_live(lasting: Place, tmp_path: Path, workers: int) -> None:
    add_subscribers(lasting, [NORMAL] * 1500)
    lasting.sandbox.script(status=201, delay_ms=30)
    with worker(
        lasting.sandbox, tmp_path / "log", Q_WORKERS=workers, BATCH_SIZE=300, PUSH_CONCURRENCY=10, **WINDOWS
    ) as running:
        # Also those that have had nothing to do yet.
        until(lambda: WorkerProcess.objects.filter(role="delivery", in_flight=0).count() == workers, 20)
        launch(lasting)
        busy = WorkerProcess.objects.filter(role="delivery", in_flight__gt=0, rate__gt=0)
        until(lambda: busy.count() == workers, 20)
        rows = list(WorkerProcess.objects.all())
        assert {row.pid for row in rows} <= {running.process.pid, *running.senders()}
        assert all(row.open_files > 5 and row.memory_mb > 20 and row.version for row in rows)
        clock = WorkerProcess.objects.get(role="clock")
        assert clock.pid == running.process.pid
        assert running.stop() == 0
    assert not WorkerProcess.objects.exists()


def test_real_workers_stop_at_a_pause_and_follow_a_changed_rate(lasting: Place, tmp_path: Path) -> None:
    """RE-07: at most what is in flight follows, none after 5 s; and the figure of 5 s for a change of rate."""
    size = 3000
    add_subscribers(lasting, [NORMAL] * size)
    lasting.sandbox.script(status=201, delay_ms=40)
    send = launch(lasting)
    given = {"actor": lasting.workspace.owner, "tenant": lasting.workspace.tenant, "send": send}
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=1, PUSH_CONCURRENCY=IN_FLIGHT, **WINDOWS):
        until(lambda: accepted(lasting) > 200, 20)
        with in_tenant(lasting.schema):
            pause(**given)
        at_pause = int(str(lasting.sandbox.counts()["requests"]))
        time.sleep(1.5)
        settled = int(str(lasting.sandbox.counts()["requests"]))
        note("requests_after_pause", settled - at_pause)
        assert settled - at_pause <= 2 * IN_FLIGHT  # the look at the counts takes a moment, too
        time.sleep(1)
        assert lasting.sandbox.counts()["requests"] == settled
        with in_tenant(lasting.schema):
            set_send_rate(**given, per_minute=1200)
            resume(**given)
        until(lambda: int(str(lasting.sandbox.counts()["requests"])) > settled, 10)
        started, before = time.monotonic(), accepted(lasting)
        time.sleep(4)
        rate = (accepted(lasting) - before) / (time.monotonic() - started)
        note("rate_after_change_per_s", rate)
        assert 12 <= rate <= 28  # 20 a second
        with in_tenant(lasting.schema):
            cancel(**given)
        until(lambda: fresh(lasting, send).finished_at is not None, 10)
    assert figures(fresh(lasting, send))["cancelled"] > 2000
    only_doubted_are_repeated(lasting, send)
