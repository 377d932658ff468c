"""Pause, resume, cancel, change of rate, while a send runs: verbs and what the push service sees."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from campaigns.actions.control import cancel, pause, resume
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.freeze import freeze
from campaigns.delivery.guards import refuse_key
from campaigns.delivery.sender import Sender
from campaigns.delivery.transport import Transport
from campaigns.delivery.work import Work
from campaigns.models import Batch, Send
from subscribers.models import Subscriber
from tenants.actions.sending import pause_sending, resume_sending
from tenants.actions.support import start_everything, stop_everything
from tenants.doorway import in_tenant
from tenants.models import Alert, AuditEntry, DueWork, SendIndex, Tenant
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
    in_threads,
    launch,
    ledger,
    new_transport,
)

IN_FLIGHT = 10


def steer(verb: Callable[..., None], place: Place, send: Send) -> None:
    with in_tenant(place.schema):
        verb(actor=place.workspace.owner, tenant=place.workspace.tenant, send=send)


def run_and(place: Place, send: Send, then: Callable[[], None]) -> int:
    """Deliver in a thread, do `then` when a fifth is out, and answer how many requests came after it was done."""
    place.sandbox.script(status=201, delay_ms=30)
    after = [0]

    def work(number: int) -> None:
        if number:
            while int(str(place.sandbox.counts()["accepted"])) < 40:
                time.sleep(0.01)
            then()
            after[0] = int(str(place.sandbox.counts()["requests"]))
        else:
            narrow = new_transport(place.sandbox, concurrency=IN_FLIGHT)
            Sender(narrow, lambda: False).run()
            narrow.close()

    in_threads(2, work)
    return int(str(place.sandbox.counts()["requests"])) - after[0]


@pytest.fixture
def running(lasting: Place) -> tuple[Place, Send]:
    add_subscribers(lasting, [NORMAL] * 200)
    return lasting, launch(lasting)


def test_a_paused_send_stops_at_once_and_goes_on_with_the_rest(
    running: tuple[Place, Send], transport: Transport
) -> None:
    """RE-07: at most what is in flight follows, nothing is lost, nothing is repeated."""
    place, send = running
    later = run_and(place, send, lambda: steer(pause, place, send))
    assert later <= 3 * IN_FLIGHT  # what was in flight, and one page's time of a sender that has no heartbeat
    assert fresh(place, send).state == "paused"
    before = int(str(place.sandbox.counts()["requests"]))
    assert drain_once(transport) == 0
    assert place.sandbox.counts()["requests"] == before
    with in_tenant(place.schema):
        assert not Batch.objects.filter(lease_until__isnull=False).exists()
    steer(resume, place, send)
    finish(place, send, transport)
    check_conservation(place, send)
    assert counts_of(place, send) == {"accepted": 200, "distinct": 200, "repeated": 0}


def test_a_cancelled_send_writes_down_whom_it_did_not_reach(
    running: tuple[Place, Send], transport: Transport
) -> None:
    """RE-07, RE-01: final, and every recipient has an end."""
    place, send = running
    run_and(place, send, lambda: steer(cancel, place, send))
    drain_once(transport)
    ended = fresh(place, send)
    assert (ended.state, ended.finished_at is not None) == ("cancelled", True)
    found = figures(ended)
    assert found["accepted"] + found["cancelled"] == ended.audience == 200
    assert found["accepted"] == counts_of(place, send)["accepted"]
    ends = [entry.outcome.counter for entry in ledger(place, send).values()]
    assert ends.count("cancelled") == found["cancelled"]
    assert not DueWork.objects.filter(send_id=send.pk).exists()
    for verb in (pause, resume, cancel):
        with pytest.raises(CampaignRefused, match="This send is cancelled now"):
            steer(verb, place, send)


def test_what_waits_for_a_retry_is_cancelled_at_once(place: Place, transport: Transport) -> None:
    add_subscribers(place, [NORMAL] * 4)
    place.sandbox.script(status=429, headers={"Retry-After": "3600"})
    send = launch(place)
    drain_once(transport)
    steer(pause, place, send)
    steer(cancel, place, send)
    drain_once(transport)
    assert figures(fresh(place, send)) == {"cancelled": 4}
    assert fresh(place, send).finished_at is not None


def test_a_send_that_is_still_prepared_is_cancelled_without_a_worker(
    place: Place, transport: Transport
) -> None:
    add_subscribers(place, [NORMAL] * 4)
    send = launch(place)
    steer(cancel, place, send)
    assert drain_once(transport) == 0
    ended = fresh(place, send)
    assert (ended.state, ended.audience, ended.finished_at is not None) == ("cancelled", 0, True)
    assert place.sandbox.counts()["requests"] == 0


def test_of_two_clicks_on_pause_the_second_is_refused(lasting: Place, transport: Transport) -> None:
    add_subscribers(lasting, [NORMAL] * 2)
    send = launch(lasting)
    with in_tenant(lasting.schema):
        Send.objects.filter(pk=send.pk).update(state="running")
    refused = []

    def click(_: int) -> None:
        try:
            steer(pause, lasting, send)
        except CampaignRefused as error:
            refused.append(str(error))

    in_threads(2, click)
    assert refused == ["This send is paused now, so that cannot be done."]
    assert AuditEntry.objects.filter(action="send.pause").count() == 1
    assert SendIndex.objects.get(send_id=send.pk).state == "paused"


def test_a_paused_tenant_sends_nothing_and_afterwards_all_but_what_a_person_paused(
    place: Place, transport: Transport
) -> None:
    add_subscribers(place, [NORMAL] * 3)
    going, paused = launch(place), launch(place)
    drain_once(transport)
    add_subscribers(place, [NORMAL] * 3)
    going, paused = launch(place), launch(place)
    with in_tenant(place.schema):
        Send.objects.filter(pk=paused.pk).update(state="running")
    steer(pause, place, paused)
    tenant = place.workspace.tenant
    assert pause_sending(actor=None, tenant_id=tenant.pk, why="Because.", kind="paused")
    assert not pause_sending(actor=None, tenant_id=tenant.pk, why="Again.", kind="paused")
    held = launch(place)
    assert drain_once(transport) == 0
    assert Alert.objects.get(tenant_id=tenant.pk).text == "Because."
    assert resume_sending(actor=place.workspace.owner, tenant=tenant)
    drain_once(transport)
    states = [fresh(place, send).state for send in (going, paused, held)]
    assert states == ["finished", "paused", "finished"]
    assert Alert.objects.get(tenant_id=tenant.pk).closed_at is not None
    assert Tenant.objects.get(pk=tenant.pk).sending_paused_why == ""


@pytest.mark.parametrize(("launches", "is_paused"), [(9, False), (10, True)])
def test_a_tenant_whose_sends_reach_ten_times_its_audience_is_paused(
    place: Place, transport: Transport, settings: Any, launches: int, is_paused: bool
) -> None:
    """The one that is too much sends nothing; test sends do not count; it and the staff are told."""
    add_subscribers(place, [NORMAL] * 101)
    sends = []
    for _ in range(launches):
        sends.append(launch(place))
        drain_once(transport)
    tenant = Tenant.objects.get(pk=place.workspace.tenant.pk)
    assert (tenant.sending_paused_at is not None) is is_paused
    assert figures(fresh(place, sends[8])) == {"accepted": 101}
    if is_paused:
        assert figures(fresh(place, sends[9])) == {}
        assert "10 campaigns to 1,010 recipients were started within 15 minutes" in tenant.sending_paused_why
        assert Alert.objects.get(tenant_id=tenant.pk).kind == "runaway"


def test_a_small_audience_may_be_written_to_often(place: Place, transport: Transport) -> None:
    """Only above 1,000 recipients."""
    add_subscribers(place, [NORMAL] * 5)
    for _ in range(30):
        launch(place)
    drain_once(transport)
    assert Tenant.objects.get(pk=place.workspace.tenant.pk).sending_paused_at is None


def test_a_key_that_is_refused_pauses_its_tenant_and_deletes_nobody(
    lasting: Place, transport: Transport
) -> None:
    """PS-06: 401 and 403 never cost a subscription."""
    add_subscribers(lasting, [NORMAL] * 120)
    lasting.sandbox.script(status=403, body='{"reason":"BadJwtToken"}')
    launch(lasting)
    refused: list[Any] = []
    Sender(
        transport, lambda: False, on_refused=lambda source: (refused.append(source), refuse_key(source))
    ).run()
    assert refused
    tenant = Tenant.objects.get(pk=lasting.workspace.tenant.pk)
    assert "refuses the key of your website" in tenant.sending_paused_why
    with in_tenant(lasting.schema):
        assert Subscriber.objects.filter(state="active").count() == 120


@pytest.mark.parametrize(
    "words",
    [
        "the VAPID credentials in the authorization header do not correspond to the credentials used to create",
        '{"errno": 109, "message": "VAPID public key mismatch"}',
        '{"reason":"VapidPkHashMismatch"}',
        "UnauthorizedRegistration",
    ],
)
def test_a_single_subscription_of_another_key_is_paused_alone(
    place: Place, transport: Transport, words: str
) -> None:
    """PS-06, 1.5: its browser subscribes anew on its next visit."""
    rows = add_subscribers(place, [NORMAL] * 20)
    place.sandbox.script(match={"subscription": rows[19].endpoint}, status=403, body=words)
    send = launch(place)
    drain_once(transport)
    assert figures(fresh(place, send)) == {"accepted": 19, "failed": 1}
    with in_tenant(place.schema):
        states = Subscriber.objects.order_by("pk").values_list("state", flat=True)
        assert list(states) == ["active"] * 19 + ["disabled"]
    again = launch(place)
    drain_once(transport)
    assert figures(fresh(place, again)) == {"accepted": 19}


def test_staff_hear_of_answers_that_are_mistakes_of_ours(place: Place, transport: Transport) -> None:
    """PS-13, and 400: failed, not tried again, the row kept, and somebody is to look at it."""
    rows = add_subscribers(place, [NORMAL] * 3)
    for row, status in zip(rows, (413, 400, 201), strict=True):
        place.sandbox.script(match={"subscription": row.endpoint}, status=status)
    send = launch(place)
    drain_once(transport)
    assert figures(fresh(place, send)) == {"accepted": 1, "failed": 2}
    alerts = dict(Alert.objects.values_list("kind", "text"))
    assert set(alerts) == {"push_too_large", "push_bad_request"}
    assert f"Send {send.pk} of {place.schema}: the message is too large." in alerts.values()
    with in_tenant(place.schema):
        assert Subscriber.objects.filter(state="active").count() == 3


def test_staff_hear_when_far_more_subscriptions_end_than_usual(place: Place, transport: Transport) -> None:
    """1.5: more than five times the mean of the week before."""
    rows = add_subscribers(place, [NORMAL] * 600)

    def end(members: list[Subscriber]) -> Send:
        for row in members:
            place.sandbox.script(match={"subscription": row.endpoint}, status=410)
        return finish(place, launch(place), transport)

    first = end(rows[:30])
    assert figures(first) == {"accepted": 570, "gone": 30}
    end(rows[30:135])  # 105 of 570: 18 %, not five times 5 %
    assert not Alert.objects.filter(kind="gone_many").exists()
    SendIndex.objects.filter(send_id=first.pk).update(gone=3)
    SendIndex.objects.exclude(send_id=first.pk).update(finished_at=timezone.now() - timedelta(days=8))
    found = end(rows[135:245])  # 110 of 465, where 3 of 600 is usual
    assert Alert.objects.get(kind="gone_many").text == (
        f"Send {found.pk} of {place.schema}: 23.7% of subscriptions have ended, 0.5% in the 7 days before. "
        "See which push service says so and why."
    )


def test_what_is_cancelled_in_the_moment_of_a_pause_is_not_held(lasting: Place) -> None:
    """Its rest is still to be written down, and nobody lets go of a cancelled send."""
    add_subscribers(lasting, [NORMAL])
    send, tenant = launch(lasting), lasting.workspace.tenant
    with in_tenant(lasting.schema):
        freeze(Work(tenant.pk, lasting.schema, send.pk))
    is_made, may_end = threading.Event(), threading.Event()

    def both(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                steer(cancel, lasting, send)
                is_made.set()
                may_end.wait(10)
            return
        is_made.wait(10)
        threading.Timer(0.3, may_end.set).start()
        pause_sending(actor=None, tenant_id=tenant.pk, why="Too many.", kind="runaway")
        may_end.set()

    in_threads(2, both)
    assert list(DueWork.objects.filter(tenant_id=tenant.pk).values_list("is_held", flat=True)) == [False]


@pytest.mark.parametrize("stops", ["workspace", "all"])
def test_what_is_launched_in_the_moment_of_a_pause_does_not_miss_it(lasting: Place, stops: str) -> None:
    add_subscribers(lasting, [NORMAL])
    tenant = lasting.workspace.tenant
    is_made, may_end = threading.Event(), threading.Event()

    def both(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                launch(lasting)
                is_made.set()
                may_end.wait(10)
            return
        is_made.wait(10)
        threading.Timer(0.3, may_end.set).start()
        if stops == "all":
            stop_everything(actor=lasting.workspace.owner, why="Everybody gets it twice.")
        else:
            pause_sending(actor=None, tenant_id=tenant.pk, why="Too many.", kind="runaway")
        may_end.set()

    in_threads(2, both)
    assert list(DueWork.objects.filter(tenant_id=tenant.pk).values_list("is_held", flat=True)) == [True]
    if stops == "all":
        start_everything(actor=lasting.workspace.owner, why="What others share goes on.")
