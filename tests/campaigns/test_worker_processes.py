"""Real `manage.py worker`s on the test database: killed, stopped, started again. Windows are a tenth as long."""

import os
import signal
import time
from pathlib import Path

import pytest
from django_q.tasks import async_task

from campaigns.models import Batch, LedgerPage
from tenants.doorway import in_tenant
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    figures,
    launch,
    new_campaign,
    wait_until_finished,
    worker,
)
from tests.sandbox.driver import until
from truepush.local.sandbox.subscriptions import demo_behaviour

IN_FLIGHT = 20
# Lease and attempt of the tests; a page is at most 500 results or what comes within 100 ms.
QUICK = {
    "PUSH_LEASE_SECONDS": 4,
    "PUSH_ATTEMPT_SECONDS": 1.5,
    "PUSH_CONCURRENCY": IN_FLIGHT,
    "BATCH_SIZE": 300,
}
AUDIENCE = 1200
ANSWER_MS = 40  # so that a process sends at most 1,000 a second
ONE_PAGE = 100


@pytest.fixture
def crowd(lasting: Place) -> Place:
    add_subscribers(lasting, [NORMAL] * AUDIENCE)
    lasting.sandbox.script(status=201, delay_ms=ANSWER_MS)
    return lasting


def sent(place: Place) -> int:
    return int(str(place.sandbox.counts()["accepted"]))


def test_a_sender_that_is_killed_is_replaced_and_nobody_is_lost(crowd: Place, tmp_path: Path) -> None:
    """FT-01: resumed without help, repeated at most what it had in flight and one page."""
    send = launch(crowd)
    with worker(crowd.sandbox, tmp_path / "log", Q_WORKERS=2, **QUICK) as running:
        until(lambda: sent(crowd) > AUDIENCE * 0.3, 15)
        os.kill(running.senders()[0], signal.SIGKILL)
        send = wait_until_finished(crowd, send, 25)
        assert running.stop() == 0
    check_conservation(crowd, send)
    assert figures(send) == {"accepted": AUDIENCE}
    counts = counts_of(crowd, send)
    assert counts["distinct"] == AUDIENCE
    assert counts["repeated"] <= IN_FLIGHT + ONE_PAGE
    assert counts["accepted"] == AUDIENCE + counts["repeated"]


def test_a_worker_that_is_killed_leaves_no_orphans_and_the_next_one_goes_on(
    crowd: Place, tmp_path: Path
) -> None:
    """FT-02: kill -9 of the parent ends its children too, which would go on taking tasks."""
    send = launch(crowd)
    with worker(crowd.sandbox, tmp_path / "log", Q_WORKERS=1, **QUICK) as running:
        until(lambda: sent(crowd) > AUDIENCE * 0.3, 15)
        family = running.senders()
        running.process.kill()
        until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and is_alive(pid) for pid in family), 3)
    before = sent(crowd)
    assert before < AUDIENCE
    with worker(crowd.sandbox, tmp_path / "log", Q_WORKERS=1, **QUICK) as running:
        send = wait_until_finished(crowd, send, 25)
        assert running.stop() == 0
    check_conservation(crowd, send)
    counts = counts_of(crowd, send)
    assert counts["distinct"] == AUDIENCE
    assert counts["repeated"] <= IN_FLIGHT + ONE_PAGE


def is_alive(pid: int) -> bool:
    """False for what has ended and waits to be collected by the process that is no longer there."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_worker_that_is_told_to_stop_repeats_nobody(crowd: Place, tmp_path: Path) -> None:
    """FT-03: SIGTERM in the middle of a send, exit code 0, and the next worker sends the rest."""
    send = launch(crowd)
    with worker(crowd.sandbox, tmp_path / "log", Q_WORKERS=2, **QUICK) as running:
        until(lambda: sent(crowd) > AUDIENCE * 0.3, 15)
        told = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - told < 10
    stopped_at = sent(crowd)
    assert stopped_at < AUDIENCE
    with in_tenant(crowd.schema):
        assert not Batch.objects.filter(send_id=send.pk, lease_until__isnull=False).exists()
    with worker(crowd.sandbox, tmp_path / "log", Q_WORKERS=2, **QUICK) as running:
        send = wait_until_finished(crowd, send, 20)
        assert running.stop() == 0
    check_conservation(crowd, send)
    assert counts_of(crowd, send) == {"accepted": AUDIENCE, "distinct": AUDIENCE, "repeated": 0}


def test_ten_thousand_subscribers(lasting: Place, tmp_path: Path) -> None:
    """Issue 2, done when: every figure agrees with the push service's own; FT-26: also with the task queued 5 times."""
    size = 10_000
    behaviours = [demo_behaviour(index) for index in range(size)]
    add_subscribers(lasting, behaviours)
    send = launch(lasting, new_campaign(lasting, title="To all ten thousand"))
    for _ in range(4):
        async_task("campaigns.tasks.deliver")
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=2) as running:
        send = wait_until_finished(lasting, send, 60)
        assert running.stop() == 0
    check_conservation(lasting, send)
    assert (send.audience, figures(send)) == (size, {"accepted": 9600, "gone": 400})
    assert counts_of(lasting, send) == {"accepted": 9600, "distinct": 9600, "repeated": 0}
    counts = lasting.sandbox.counts()
    assert counts["answers"] == {"201": 9600, "404": 100, "410": 300}
    assert (counts["undecryptable"], counts["faults"]) == (0, {"gone": 300, "no_such_subscription": 100})
    assert counts["bodies"] == counts["distinct_salts"] == counts["distinct_keys"] == size
    assert counts["vapid_tokens"] == 1
    # PS-16: at most 150 for each of the two senders, and one that asks for the counts
    assert int(str(counts["connections"])) <= 2 * 150 + 5
    with in_tenant(lasting.schema):
        assert Batch.objects.filter(send_id=send.pk).count() == 2
        pages = list(LedgerPage.objects.filter(batch__send_id=send.pk))
    assert [(page.is_folded, page.first, page.last, len(page.accepted)) for page in pages] == [
        (True, 0, 4999, 625)
    ] * 2
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "/push/" not in log
