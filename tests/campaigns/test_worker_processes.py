"""Real `manage.py worker`s on the test database: killed, stopped, started again. Windows as in faults.py."""

import os
import signal
import time
from pathlib import Path

from django_q.tasks import async_task

from campaigns.models import Batch, LedgerPage
from tenants.doorway import in_tenant
from tests.campaigns.faults import SCALE, WINDOWS, note, outage, seconds_until
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    figures,
    fresh,
    launch,
    new_campaign,
    wait_until_finished,
    worker,
)
from tests.sandbox.driver import until
from truepush.local.sandbox.subscriptions import demo_behaviour

# One at a time: each keeps both cores busy by itself.

IN_FLIGHT = 20
QUICK = {**WINDOWS, "PUSH_CONCURRENCY": IN_FLIGHT, "BATCH_SIZE": 300}
AUDIENCE = 1200
ANSWER_MS = 40  # so that a process sends at most 1,000 a second
# What a process gets answered within 100 ms.
ONE_PAGE = 100


def sent(place: Place) -> int:
    return int(str(place.sandbox.counts()["accepted"]))


def test_workers_and_senders_that_are_killed_lose_nobody(lasting: Place, tmp_path: Path) -> None:
    """FT-01, FT-02: resumed without help; repeated is what each had in flight and one page."""
    add_subscribers(lasting, [NORMAL] * AUDIENCE)
    lasting.sandbox.script(status=201, delay_ms=ANSWER_MS)
    send = launch(lasting)
    # 1. The whole worker: kill -9 of the parent ends its children too, which would go on taking tasks.
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=1, **QUICK) as running:
        until(lambda: sent(lasting) > AUDIENCE * 0.3, 15)
        family = running.senders()
        running.process.kill()
        until(lambda: not any(map(is_alive, family)), 3)
    time.sleep(outage(5, 0))
    before = sent(lasting)
    # 2. One sender of two: it is replaced, and its batch is taken over when its lease has ended.
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=2, **QUICK) as running:
        note("all_killed_resumed_s", seconds_until(lambda: sent(lasting) > before, 30))
        until(lambda: sent(lasting) > AUDIENCE * 0.6, 15)
        os.kill(running.senders()[0], signal.SIGKILL)
        # Its recipients are the last: the others went on meanwhile.
        seconds = seconds_until(lambda: fresh(lasting, send).state == "finished", 30)
        note("one_killed_finished_s", seconds)
        send = fresh(lasting, send)
        # 3. SIGTERM to the whole process group, as some supervisors do, ends it too.
        os.killpg(running.process.pid, signal.SIGTERM)
        assert running.process.wait(10) == 0
    check_conservation(lasting, send)
    assert figures(send) == {"accepted": AUDIENCE}
    counts = counts_of(lasting, send)
    note("two_killed_repeated", counts["repeated"])
    assert counts["distinct"] == AUDIENCE
    assert 0 < counts["repeated"] <= 2 * (IN_FLIGHT + ONE_PAGE)
    # Whoever was in flight at both kills has it three times.
    assert AUDIENCE + counts["repeated"] <= counts["accepted"] <= AUDIENCE + 2 * counts["repeated"]


def test_a_worker_that_is_stopped_while_it_starts_stops(lasting: Place, tmp_path: Path) -> None:
    """Each cluster of django-q2 brings a handler of SIGTERM that stops only that cluster."""
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=1, **QUICK) as running:
        until(running.clusters, 15)
        assert running.stop() == 0


def is_alive(pid: int) -> bool:
    """False for what has ended and waits to be collected by the process that is no longer there."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_every_figure_of_a_large_send_agrees_with_the_push_services_own(
    lasting: Place, tmp_path: Path
) -> None:
    """Ten thousand subscribers with bench/faults, two batches of them in bin/test.

    FT-03: the first worker is told to stop in the middle, ends well, and the next one repeats nobody.
    FT-26: the task is queued five times.
    """
    size = 10_000 if SCALE >= 1 else 6000
    gone, missing = size * 3 // 100, size // 100
    reached = size - gone - missing
    add_subscribers(lasting, [demo_behaviour(index) for index in range(size)])
    send = launch(lasting, new_campaign(lasting, title="To all of them"))
    for _ in range(4):
        async_task("campaigns.tasks.deliver")
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=2) as running:
        until(lambda: sent(lasting) > size * 0.2, 30)
        told = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - told < 10
    assert sent(lasting) < size * 0.9
    with in_tenant(lasting.schema):
        assert not Batch.objects.filter(send_id=send.pk, lease_until__isnull=False).exists()
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=2) as running:
        send = wait_until_finished(lasting, send, 60)
    check_conservation(lasting, send)
    assert (send.audience, figures(send)) == (
        size,
        {"accepted": reached, "gone": gone + missing},
    )
    assert counts_of(lasting, send) == {"accepted": reached, "distinct": reached, "repeated": 0}
    counts = lasting.sandbox.counts()
    assert counts["answers"] == {"201": reached, "404": missing, "410": gone}
    assert (counts["undecryptable"], counts["faults"]) == (0, {"gone": gone, "no_such_subscription": missing})
    assert counts["bodies"] == counts["distinct_salts"] == counts["distinct_keys"] == size
    assert counts["vapid_tokens"] == 1
    # PS-16: at most 150 for each of four senders, and those that ask for the counts
    assert int(str(counts["connections"])) <= 4 * 150 + 5
    with in_tenant(lasting.schema):
        assert Batch.objects.filter(send_id=send.pk).count() == 2
        pages = list(LedgerPage.objects.filter(batch__send_id=send.pk).order_by("batch__number"))
    assert [(page.is_folded, page.first, page.last, len(page.accepted)) for page in pages] == [
        (True, 0, people - 1, people // 8) for people in (5000, size - 5000)
    ]
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "/push/" not in log
