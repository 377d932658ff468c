"""What is tried again, when, how often, and what is not."""

import time
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import certifi
import pytest
from django.utils import timezone

from campaigns.actions.freeze import freeze
from campaigns.delivery.batches import Grant, claim, next_work
from campaigns.delivery.outcomes import MOST_ATTEMPTS, Outcome
from campaigns.delivery.record import backoff_seconds
from campaigns.delivery.transport import Transport
from campaigns.models import Batch, Send
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tenants.models import DueWork
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    drain_once,
    figures,
    finish,
    fresh,
    launch,
    ledger,
    let_time_pass,
    new_transport,
    send_one_grant,
    sender_of,
)
from truepush.local.sandbox.subscriptions import Answer, Behaviour


def child_of(place: Place, send: Send) -> Batch:
    with in_tenant(place.schema):
        return Batch.objects.get(send_id=send.pk, root__isnull=False, state="open")


def test_what_is_tried_again_leaves_for_a_child_batch_and_its_batch_ends(
    place: Place, transport: Transport
) -> None:
    rows = add_subscribers(place, [NORMAL] * 6)
    for row in (rows[1], rows[4]):
        place.sandbox.script(
            match={"subscription": row.endpoint}, status=429, headers={"Retry-After": "120"}, times_each=1
        )
    send = launch(place)
    before = timezone.now()
    drain_once(transport)
    with in_tenant(place.schema):
        root = Batch.objects.get(send_id=send.pk, root=None)
        # One for each page that was written: the two answers may come a tenth of a second apart.
        children = list(Batch.objects.filter(send_id=send.pk, root=root).order_by("first_id"))
    assert (root.state, root.cursor, root.lease_until) == ("done", 6, None)
    assert {(child.attempt, child.size) for child in children} <= {(2, 1), (2, 2)}
    left = sorted(pair for child in children for pair in zip(child.ids, child.ordinals or [], strict=True))
    assert left == [(rows[1].pk, 1), (rows[4].pk, 4)]
    for child in children:
        assert before + timedelta(seconds=120) <= child.due_at <= timezone.now() + timedelta(seconds=121)
    assert (fresh(place, send).state, figures(fresh(place, send))) == ("running", {"accepted": 4})
    assert ledger(place, send)[rows[1].pk].outcome is Outcome.DEFERRED


def test_nobody_is_called_again_before_the_time_that_was_asked_for(
    place: Place, transport: Transport
) -> None:
    add_subscribers(place, [Behaviour(Answer.THROTTLE)] * 3)  # Retry-After: 60
    send = launch(place)
    drain_once(transport)
    assert place.sandbox.counts()["requests"] == 3
    drain_once(transport)
    # The send itself is asked for again when the first of them is due, not before.
    due = DueWork.objects.get(send_id=send.pk).due_at
    with in_tenant(place.schema):
        children = Batch.objects.filter(send_id=send.pk, root__isnull=False, state="open")
        assert due == min(child.due_at for child in children)  # one for each page that was written
    assert due > timezone.now() + timedelta(seconds=50)
    assert place.sandbox.counts()["requests"] == 3


def test_a_throttled_subscriber_waits_and_the_others_do_not(place: Place, transport: Transport) -> None:
    """PS-19: one 429 concerns one subscription."""
    throttled, *others = add_subscribers(place, [Behaviour(Answer.THROTTLE), *[NORMAL] * 9])
    before = timezone.now()
    send = launch(place)
    drain_once(transport)
    with in_tenant(place.schema):
        throttled.refresh_from_db()
        assert Subscriber.objects.filter(wait_until=None).count() == len(others)
    assert throttled.wait_until is not None
    assert before + timedelta(seconds=60) <= throttled.wait_until <= timezone.now() + timedelta(seconds=60)
    assert figures(fresh(place, send)) == {"accepted": 9}


def test_a_wait_is_kept_by_every_other_campaign_and_costs_no_attempt(
    place: Place, transport: Transport
) -> None:
    """Design section 4, step 6: no subscription is called again before its time, whoever calls."""
    [row] = add_subscribers(place, [NORMAL])
    place.sandbox.script(status=429, headers={"Retry-After": "90"}, times=1)
    first = launch(place)
    drain_once(transport)
    second = launch(place)
    drain_once(transport)
    assert place.sandbox.counts()["requests"] == 1
    waiting = child_of(place, second)
    assert (waiting.attempt, waiting.ordinals) == (1, [0])
    assert timedelta(seconds=85) < waiting.due_at - timezone.now() <= timedelta(seconds=91)
    first, second = finish(place, first, transport), finish(place, second, transport)
    for send, attempts in ((first, 2), (second, 1)):
        check_conservation(place, send)
        entry = ledger(place, send)[row.pk]
        assert (entry.outcome, entry.attempts) == (Outcome.ACCEPTED, attempts)
    assert place.sandbox.counts()["requests"] == 3


def test_a_wait_that_outlasts_the_message_ends_it(place: Place, transport: Transport) -> None:
    [row] = add_subscribers(place, [NORMAL], wait_until=timezone.now() + timedelta(seconds=600))
    send = launch(place, ttl=300)
    drain_once(transport)
    check_conservation(place, send)
    entry = ledger(place, send)[row.pk]
    assert (entry.outcome, entry.attempts) == (Outcome.EXPIRED, 0)
    assert place.sandbox.counts()["requests"] == 0


@pytest.mark.parametrize("answer", [Answer.GONE, Answer.MISSING, Answer.THROTTLE])
def test_an_answer_is_about_the_endpoint_that_was_asked(
    place: Place, transport: Transport, answer: Answer
) -> None:
    """A browser that changes its endpoint at that moment is not the one that is gone."""
    [row] = add_subscribers(place, [Behaviour(answer)])
    send = launch(place)
    work = next_work()
    assert work is not None
    with in_tenant(place.schema):
        freeze(work)
        grant = claim(send.pk)
        assert isinstance(grant, Grant)
        sender = sender_of(work, grant, transport)
        Subscriber.objects.filter(pk=row.pk).update(endpoint_digest=bytes(32))
    sender.run()
    with in_tenant(place.schema):
        row.refresh_from_db()
    assert (row.state, row.wait_until) == ("active", None)
    assert place.sandbox.counts()["requests"] == 1


def test_after_the_last_attempt_it_has_failed(place: Place, transport: Transport) -> None:
    """PS-10: five 503 and no sixth request."""
    [row] = add_subscribers(place, [Behaviour(Answer.UNAVAILABLE)])
    send = finish(place, launch(place), transport)
    check_conservation(place, send)
    assert figures(send) == {"failed": 1}
    assert place.sandbox.counts()["requests"] == MOST_ATTEMPTS == 5
    entry = ledger(place, send)[row.pk]
    assert (entry.outcome, entry.attempts, entry.status) == (Outcome.FAILED, 5, 503)
    with in_tenant(place.schema):
        attempts = Batch.objects.filter(send_id=send.pk).order_by("attempt").values_list("attempt", flat=True)
        assert list(attempts) == [1, 2, 3, 4, 5]


def test_waits_grow_fourfold_and_are_spread_over_the_whole_window(settings: Any) -> None:
    """PS-10: full jitter, no second over three times the mean."""
    settings.PUSH_RETRY_BASE_SECONDS = 2.0
    for attempt, cap in ((1, 2.0), (2, 8.0), (3, 32.0), (4, 128.0), (5, 512.0), (6, 600.0)):
        waits = [backoff_seconds(attempt, None) for _ in range(1000)]
        assert all(0 <= wait <= cap for wait in waits)
        tenths = [sum(cap * n / 10 <= wait < cap * (n + 1) / 10 for wait in waits) for n in range(10)]
        assert min(tenths) > 0
        assert max(tenths) < 300


@pytest.mark.parametrize(
    ("asked", "seconds"), [(0.0, 1.0), (0.5, 1.0), (60.0, 60.0), (86400.0, 86400.0), (9e8, 86400.0)]
)
def test_what_the_service_asks_for_is_kept_within_a_second_and_a_day(asked: float, seconds: float) -> None:
    assert backoff_seconds(1, asked) == seconds


@pytest.mark.parametrize("asked", ["Wed, 99 Oct 2026 07:28:00 GMT", "-1", "1e9", "60 seconds", ""])
def test_a_wait_in_another_form_counts_as_none(
    place: Place, transport: Transport, settings: Any, asked: str
) -> None:
    settings.PUSH_RETRY_BASE_SECONDS = 0.5
    add_subscribers(place, [NORMAL])
    place.sandbox.script(status=429, headers={"Retry-After": asked}, times_each=1)
    send = launch(place)
    drain_once(transport)
    assert child_of(place, send).due_at <= timezone.now() + timedelta(seconds=1)
    assert figures(finish(place, send, transport)) == {"accepted": 1}


@pytest.mark.parametrize(("ahead", "least", "most"), [(600, 590, 602), (-600, 0, 3)])
def test_a_wait_may_be_given_as_a_date(
    place: Place, transport: Transport, ahead: int, least: int, most: int
) -> None:
    """RFC 9110 section 10.2.3; a date that has passed asks for no wait."""
    add_subscribers(place, [NORMAL])
    at = format_datetime(timezone.now() + timedelta(seconds=ahead), usegmt=True)
    place.sandbox.script(status=429, headers={"Retry-After": at}, times_each=1)
    send = launch(place)
    drain_once(transport)
    seconds = (child_of(place, send).due_at - timezone.now()).total_seconds()
    assert least <= seconds <= most


def test_nothing_is_tried_again_after_the_message_has_expired(place: Place, transport: Transport) -> None:
    [row] = add_subscribers(place, [NORMAL])
    place.sandbox.script(status=429, headers={"Retry-After": "600"})
    send = launch(place, ttl=300)
    drain_once(transport)
    send = fresh(place, send)
    assert (send.state, figures(send)) == ("finished", {"failed": 1})
    assert ledger(place, send)[row.pk].reason == "throttled 429"


def test_what_expires_while_it_waits_is_not_sent(place: Place, transport: Transport) -> None:
    """PS-11"""
    add_subscribers(place, [Behaviour(Answer.UNAVAILABLE)] * 2)
    send = launch(place)
    drain_once(transport)
    expire(place, send)
    let_time_pass(place)
    drain_once(transport)
    check_conservation(place, send)
    assert figures(fresh(place, send)) == {"expired": 2}
    assert place.sandbox.counts()["requests"] == 2
    assert {(e.outcome, e.attempts) for e in ledger(place, send).values()} == {(Outcome.EXPIRED, 1)}


def test_what_expired_before_its_turn_never_reaches_the_push_service(
    place: Place, transport: Transport, settings: Any
) -> None:
    """PS-11"""
    settings.GRANT_SIZE = 2
    add_subscribers(place, [NORMAL] * 6)
    send = launch(place)
    send_one_grant(place, transport)
    expire(place, send)
    drain_once(transport)
    check_conservation(place, send)
    assert figures(fresh(place, send)) == {"accepted": 2, "expired": 4}
    assert place.sandbox.counts()["requests"] == 2
    assert fresh(place, send).reasons == {"expired expired": 4}


def expire(place: Place, send: Send) -> None:
    with in_tenant(place.schema):
        Send.objects.filter(pk=send.pk).update(expires_at=timezone.now())


def test_a_push_service_that_cannot_be_trusted_gets_nothing_and_costs_nobody_a_subscription(
    place: Place,
) -> None:
    """SR-11: an unknown authority is a network failure, tried again, and the row stays."""
    [row] = add_subscribers(place, [NORMAL])
    stranger = new_transport(place.sandbox, sandbox_ca=certifi.where())
    send = finish(place, launch(place), stranger)
    stranger.close()
    check_conservation(place, send)
    assert place.sandbox.counts()["requests"] == 0
    entry = ledger(place, send)[row.pk]
    assert (entry.outcome, entry.attempts, entry.status) == (Outcome.FAILED, MOST_ATTEMPTS, 0)
    assert entry.reason.startswith("network: ")
    assert "certificate" in entry.reason
    assert send.reasons == {"failed network": 1}
    with in_tenant(place.schema):
        row.refresh_from_db()
        assert row.state == "active"


def test_who_is_not_answered_is_asked_again_under_the_same_topic(place: Place) -> None:
    """FT-10, FT-13: the repeat replaces what may have arrived, and is counted once."""
    [row] = add_subscribers(place, [Behaviour(offline=True)])
    place.sandbox.script(status=201, delay_ms=1500, times=1)
    impatient = new_transport(place.sandbox, attempt_seconds=0.4)
    send = launch(place)
    started = time.monotonic()
    drain_once(impatient)
    assert time.monotonic() - started < 1.5
    deferred = ledger(place, send)[row.pk]
    assert (deferred.outcome, deferred.status) == (Outcome.DEFERRED, 0)
    assert "timed out" in deferred.reason
    send = finish(place, send, impatient)
    impatient.close()
    check_conservation(place, send)
    assert figures(send) == {"accepted": 1}
    assert counts_of(place, send) == {"accepted": 2, "distinct": 1, "repeated": 1}
    assert len(place.sandbox.waiting(row)) == 1  # type: ignore[arg-type]


def test_sandbox_endpoints_are_refused_where_there_is_no_sandbox(
    place: Place, transport: Transport, settings: Any
) -> None:
    """The endpoint rules hold at send time too."""
    [row] = add_subscribers(place, [NORMAL])
    settings.SANDBOX_ORIGIN = ""
    send = finish(place, launch(place), transport)
    assert figures(send) == {"failed": 1}
    entry = ledger(place, send)[row.pk]
    assert (entry.reason, entry.attempts) == (
        "not_sendable: localhost is not the host of a known push service",
        0,
    )
    assert place.sandbox.counts()["connections"] <= 1  # the one that asks for the counts


def test_keys_that_cannot_be_used_fail_alone(place: Place, transport: Transport) -> None:
    """FT-18: a poisoned row ends, all others are delivered."""
    rows = add_subscribers(place, [NORMAL] * 5)
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk=rows[1].pk).update(p256dh=b"\x04" + bytes(64))
        Subscriber.objects.filter(pk=rows[2].pk).update(auth=b"short")
        Subscriber.objects.filter(pk=rows[3].pk).update(endpoint="https://localhost\r\n/x")
    send = finish(place, launch(place), transport)
    check_conservation(place, send)
    assert figures(send) == {"accepted": 2, "failed": 3}
    assert send.reasons == {"failed not_sendable": 3}
    entries = ledger(place, send)
    assert "is not a point on the curve" in entries[rows[1].pk].reason
    assert "5 octets" in entries[rows[2].pk].reason
    assert "localhost" not in entries[rows[3].pk].reason
