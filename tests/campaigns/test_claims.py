"""Who may send what: claims, leases, fencing tokens, and who is woken when."""

import random
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from campaigns.actions.freeze import freeze
from campaigns.delivery.batches import Grant, claim, next_work, postpone
from campaigns.delivery.outcomes import Outcome, Result
from campaigns.delivery.record import LeaseLost, record
from campaigns.delivery.transport import Transport
from campaigns.delivery.work import Work
from campaigns.models import Batch, LedgerPage, Send
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tenants.models import DueWork, SendIndex
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    deliver_grant,
    drain_once,
    figures,
    finish,
    fresh,
    in_threads,
    launch,
    open_place,
)
from tests.conftest import Workspace

ACCEPTED, GONE, DEFERRED = Outcome.ACCEPTED, Outcome.GONE, Outcome.DEFERRED


def result_of(grant: Grant, position: int, outcome: Outcome = ACCEPTED, **changes: Any) -> Result:
    """A result of a POST to the subscriber's endpoint as it is now; call inside the tenant for other than accepted."""
    grant.done.add(position)
    pk = grant.ids[position]
    digest = b"" if outcome is ACCEPTED else bytes(Subscriber.objects.get(pk=pk).endpoint_digest)
    return Result(grant.ordinals[position], pk, outcome, 201, endpoint_digest=digest, **changes)


def taken(place: Place, send: Send) -> tuple[Work, Grant]:
    work = Work(place.workspace.tenant.pk, place.schema, send.pk)
    with in_tenant(place.schema):
        freeze(work)
        grant = claim(send.pk)
    assert isinstance(grant, Grant)
    return work, grant


def end_leases(place: Place) -> None:
    with in_tenant(place.schema):
        Batch.objects.filter(state="open").update(lease_until=timezone.now() - timedelta(seconds=1))


def everything(place: Place, send: Send) -> dict[str, Any]:
    """All that a page could change."""
    with in_tenant(place.schema):
        tables = (Send, Batch, LedgerPage, Subscriber)
        rows = {model.__name__: list(model.objects.order_by("pk").values()) for model in tables}
    return {
        **rows,
        "index": list(SendIndex.objects.filter(send_id=send.pk).values()),
        "due": list(DueWork.objects.filter(send_id=send.pk).values()),
    }


def test_eight_workers_never_hold_one_batch_at_the_same_time(lasting: Place, settings: Any) -> None:
    """RE-08: and each batch is claimed once."""
    settings.BATCH_SIZE = 4
    add_subscribers(lasting, [NORMAL] * 480)
    send = launch(lasting)
    claims: Counter[int] = Counter()
    held: set[int] = set()
    guard = threading.Lock()

    def work_on(number: int) -> None:
        draw = random.Random(number)
        work = Work(lasting.workspace.tenant.pk, lasting.schema, send.pk)
        with in_tenant(lasting.schema):
            while freeze(work) or Batch.objects.filter(send_id=send.pk).count() == 0:
                time.sleep(0.001)
            while grant := claim(send.pk):
                with guard:
                    assert grant.batch_id not in held
                    held.add(grant.batch_id)
                    claims[grant.batch_id] += 1
                time.sleep(draw.random() / 500)
                results = [result_of(grant, position) for position in range(len(grant.ids))]
                with guard:
                    held.remove(grant.batch_id)
                record(work, grant, results, at=timezone.now(), release=True)

    in_threads(8, work_on)
    assert len(claims) == 120
    assert set(claims.values()) == {1}
    check_conservation(lasting, send)
    assert figures(fresh(lasting, send)) == {"accepted": 480}


def test_a_batch_under_a_lease_is_not_given_to_another(place: Place) -> None:
    add_subscribers(place, [NORMAL] * 3)
    send = launch(place)
    taken(place, send)
    with in_tenant(place.schema):
        assert claim(send.pk) is None
        batch = Batch.objects.get(send_id=send.pk)
    assert batch.fence == 1
    assert batch.lease_until is not None
    assert timedelta(seconds=19) < batch.lease_until - timezone.now() <= timedelta(seconds=20)


@pytest.mark.parametrize("release", [True, False])
def test_a_stale_grant_writes_nothing(place: Place, release: bool) -> None:
    """RE-10"""
    add_subscribers(place, [NORMAL] * 4)
    send = launch(place)
    work, stale = taken(place, send)
    end_leases(place)
    _, current = taken(place, send)
    assert (stale.batch_id, stale.fence + 1) == (current.batch_id, current.fence)
    before = everything(place, send)
    with in_tenant(place.schema), pytest.raises(LeaseLost):
        results = [
            result_of(stale, 0),
            result_of(stale, 1, GONE),
            result_of(stale, 2, DEFERRED, wait_seconds=5, is_throttled=True),
        ]
        record(work, stale, results, at=timezone.now(), release=release)
    assert everything(place, send) == before


def test_a_worker_that_was_stopped_longer_than_its_lease_sends_nothing(
    place: Place, transport: Transport
) -> None:
    """RE-10, FT-21: before the first POST it looks at its lease, and finds that another has the batch."""
    add_subscribers(place, [NORMAL] * 4)
    finish(place, launch(place), transport)  # with connections that are open a request would be out at once
    assert place.sandbox.control("POST", "reset").status_code == 204
    send = launch(place)
    work, stale = taken(place, send)
    end_leases(place)
    taken(place, send)
    stale.taken -= 60
    with in_tenant(place.schema):
        assert deliver_grant(work, stale, transport) == 0
    assert place.sandbox.counts()["requests"] == 0
    assert figures(fresh(place, send)) == {}


def test_a_worker_that_was_stopped_renews_a_lease_that_nobody_took(
    place: Place, transport: Transport
) -> None:
    add_subscribers(place, [NORMAL] * 4)
    send = launch(place)
    work, grant = taken(place, send)
    grant.taken -= 60
    with in_tenant(place.schema):
        assert deliver_grant(work, grant, transport) == 4
    check_conservation(place, send)


def test_whoever_takes_over_leaves_out_what_was_recorded(place: Place, transport: Transport) -> None:
    """Design section 4, step 5: a crash repeats what was in flight, and skips nobody."""
    add_subscribers(place, [NORMAL] * 10)
    send = launch(place)
    work, grant = taken(place, send)
    with in_tenant(place.schema):
        record(work, grant, [result_of(grant, n) for n in (0, 2, 3)], at=timezone.now(), release=False)
        record(work, grant, [result_of(grant, n) for n in (1, 8)], at=timezone.now(), release=False)
        assert Batch.objects.get(pk=grant.batch_id).cursor == 4
    end_leases(place)
    _, heir = taken(place, send)
    assert (heir.cursor, heir.ordinals, heir.done) == (4, [4, 5, 6, 7, 8, 9], {4})
    with in_tenant(place.schema):
        assert deliver_grant(work, heir, transport) == 5
    check_conservation(place, send)
    assert figures(fresh(place, send)) == {"accepted": 10}
    assert counts_of(place, send) == {"accepted": 5, "distinct": 5, "repeated": 0}


def test_a_worker_that_died_between_its_last_page_and_the_release_leaves_nothing_undone(
    place: Place, transport: Transport
) -> None:
    add_subscribers(place, [NORMAL] * 3)
    send = launch(place)
    work, grant = taken(place, send)
    with in_tenant(place.schema):
        record(work, grant, [result_of(grant, n) for n in range(3)], at=timezone.now(), release=False)
    assert fresh(place, send).state == "running"
    end_leases(place)
    DueWork.objects.filter(send_id=send.pk).update(due_at=timezone.now())
    drain_once(transport)
    check_conservation(place, send)
    assert place.sandbox.counts()["requests"] == 0


def test_a_grant_is_a_slice_and_the_next_one_goes_on_from_it(place: Place, settings: Any) -> None:
    settings.GRANT_SIZE = 4
    rows = add_subscribers(place, [NORMAL] * 10)
    send = launch(place)
    seen = []
    for _ in range(3):
        work, grant = taken(place, send)
        seen.append((grant.ids, grant.ordinals))
        results = [result_of(grant, position) for position in range(len(grant.ids))]
        with in_tenant(place.schema):
            record(work, grant, results, at=timezone.now(), release=True)
    ids = [row.pk for row in rows]
    assert seen == [(ids[:4], [0, 1, 2, 3]), (ids[4:8], [4, 5, 6, 7]), (ids[8:], [8, 9])]
    check_conservation(place, send)


def test_a_batch_that_comes_free_while_another_worker_postpones_is_not_forgotten(lasting: Place) -> None:
    """The postponing worker saw the batch under its lease; its later due time must not win."""
    add_subscribers(lasting, [NORMAL] * 4)
    send = launch(lasting)
    work, grant = taken(lasting, send)
    recorded = threading.Event()

    def release(_: int) -> None:
        with in_tenant(lasting.schema):
            record(work, grant, [result_of(grant, 0)], at=timezone.now(), release=True)
        recorded.set()

    def postpone_slowly(_: int) -> None:
        with in_tenant(lasting.schema), transaction.atomic():
            postpone(work)
            releasing = threading.Thread(target=in_threads, args=[1, release])
            releasing.start()
            assert not recorded.wait(0.3)  # it waits for us, instead of passing by
        releasing.join()

    in_threads(1, postpone_slowly)
    assert recorded.is_set()
    assert DueWork.objects.get(send_id=send.pk).due_at <= timezone.now()
    with in_tenant(lasting.schema):
        assert claim(send.pk) is not None


def test_two_workers_that_freeze_at_once_make_one_audience(lasting: Place, settings: Any) -> None:
    """RE-03"""
    settings.BATCH_SIZE = 7
    add_subscribers(lasting, [NORMAL] * 100)
    send = launch(lasting)
    work = Work(lasting.workspace.tenant.pk, lasting.schema, send.pk)
    made = []

    def freeze_it(_: int) -> None:
        with in_tenant(lasting.schema):
            made.append(freeze(work))

    in_threads(6, freeze_it)
    assert sorted(made) == [False] * 5 + [True]
    with in_tenant(lasting.schema):
        slices = list(Batch.objects.order_by("number").values_list("ids", flat=True))
    assert [len(ids) for ids in slices] == [7] * 14 + [2]
    together = [pk for ids in slices for pk in ids]
    assert len(set(together)) == 100
    assert together == sorted(together)


def test_two_sends_that_meet_the_same_subscribers_do_not_deadlock(lasting: Place) -> None:
    """Each page touches subscriptions that the other's page touches too, in another order."""
    rows = add_subscribers(lasting, [NORMAL] * 60)
    sends = [taken(lasting, launch(lasting)) for _ in range(2)]
    together = threading.Barrier(2)

    def record_it(number: int) -> None:
        work, grant = sends[number]
        for start in range(0, 60, 6):
            with in_tenant(lasting.schema):
                # Whom the one finds gone the other finds throttled.
                results = [
                    result_of(grant, position, GONE)
                    if (position + number) % 2
                    else result_of(grant, position, DEFERRED, wait_seconds=30.0, is_throttled=True)
                    for position in range(start, start + 6)
                ]
                together.wait(5)
                record(work, grant, results, at=timezone.now(), release=False)

    in_threads(2, record_it)
    with in_tenant(lasting.schema):
        met = Subscriber.objects.filter(pk__in=[row.pk for row in rows], state="gone")
        assert met.exclude(wait_until=None).count() == 60


def test_the_next_send_is_the_one_of_the_tenant_that_was_served_least_recently(
    acme: Workspace, globex: Workspace, sandbox: Any
) -> None:
    """Design section 4, step 2: fifty sends of one tenant do not starve another's one."""
    places = [open_place(acme, sandbox), open_place(globex, sandbox)]
    for place in places:
        add_subscribers(place, [NORMAL])
    busy = [launch(places[0]).pk for _ in range(3)]
    single = launch(places[1]).pk
    served = [work.send_id for _ in range(8) if (work := next_work())]
    assert served[1::2] == [single] * 4
    assert Counter(served[::2]) == {busy[0]: 2, busy[1]: 1, busy[2]: 1}


def test_a_test_goes_before_everything_and_what_is_held_or_not_due_is_not_served(place: Place) -> None:
    add_subscribers(place, [NORMAL])
    first, urgent, held, later = (launch(place).pk for _ in range(4))
    DueWork.objects.filter(send_id=urgent).update(priority=DueWork.Priority.TEST)
    DueWork.objects.filter(send_id=held).update(is_held=True, priority=DueWork.Priority.TEST)
    DueWork.objects.filter(send_id=later).update(due_at=timezone.now() + timedelta(minutes=1))
    assert [work.send_id for _ in range(3) if (work := next_work())] == [urgent] * 3
    DueWork.objects.filter(send_id=urgent).delete()
    assert [work.send_id for _ in range(2) if (work := next_work())] == [first] * 2


def test_a_send_that_has_nothing_due_waits_for_its_earliest_batch(place: Place) -> None:
    add_subscribers(place, [NORMAL] * 2)
    send = launch(place)
    work, _ = taken(place, send)
    with in_tenant(place.schema):
        postpone(work)
        batch = Batch.objects.get(send_id=send.pk)
    assert DueWork.objects.get(send_id=send.pk).due_at == batch.lease_until


def test_a_send_that_is_no_longer_there_is_forgotten(place: Place, transport: Transport) -> None:
    DueWork.objects.create(
        tenant_id=place.workspace.tenant.pk,
        schema_name=place.schema,
        send_id=10**9,
        priority=0,
        due_at=timezone.now(),
    )
    assert drain_once(transport) == 0
    assert not DueWork.objects.exists()


def test_a_stopped_worker_finishes_what_is_in_flight_and_leaves_the_rest(place: Place, settings: Any) -> None:
    """FT-03, in one process: nothing is repeated, nobody is skipped."""
    add_subscribers(place, [NORMAL] * 40)
    send = launch(place)
    work, grant = taken(place, send)
    narrow = Transport(concurrency=10, attempt_seconds=5.0, sandbox_ca=str(place.sandbox.ca))
    asked = iter([False] * 2)
    with in_tenant(place.schema):
        resolved = deliver_grant(work, grant, narrow, lambda: next(asked, True))
    assert 10 <= resolved < 40
    with in_tenant(place.schema):
        batch = Batch.objects.get(send_id=send.pk)
    assert (batch.cursor, batch.lease_until) == (resolved, None)
    finish(place, send, narrow)
    narrow.close()
    check_conservation(place, send)
    assert counts_of(place, send) == {"accepted": 40, "distinct": 40, "repeated": 0}


def test_a_task_ends_in_time_also_when_a_grant_does_not(place: Place, settings: Any) -> None:
    """django-q2 kills a task after 90 s: a slow push service must not bring it there."""
    settings.PUSH_DRAIN_SECONDS = 0.3
    add_subscribers(place, [NORMAL] * 30)
    place.sandbox.script(status=201, delay_ms=200)
    send = launch(place)
    narrow = Transport(concurrency=5, attempt_seconds=5.0, sandbox_ca=str(place.sandbox.ca))
    started = time.monotonic()
    for _ in range(2):
        drain_once(narrow)
        due = DueWork.objects.get(send_id=send.pk)
        assert due.served_at is not None
        assert due.served_at < due.due_at <= timezone.now()  # the clock rings at once
    assert time.monotonic() - started < 2.0
    assert 10 <= figures(fresh(place, send))["accepted"] < 30
    settings.PUSH_DRAIN_SECONDS = 45.0
    finish(place, send, narrow)
    narrow.close()
    assert counts_of(place, send) == {"accepted": 30, "distinct": 30, "repeated": 0}
