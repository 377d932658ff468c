"""Breakers and throttles: what opens them, what they let through, and how they heal."""

import random
from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from campaigns.delivery import throttles
from campaigns.delivery.outcomes import Answer
from campaigns.delivery.sender import Sender
from campaigns.delivery.throttles import Brakes, Source, Standing, judged_rate, report
from campaigns.delivery.transport import Transport
from campaigns.models import Batch, Send
from tenants.doorway import in_tenant
from tenants.models import Throttle
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    drain_once,
    figures,
    fresh,
    launch,
    what_is_left,
)
from tests.conftest import make_site
from tests.sandbox.driver import until

ORIGIN = "https://push.example"
KEY, ORIGIN_KIND = Throttle.Kind.KEY, Throttle.Kind.ORIGIN


def feed(
    brakes: Brakes, source: Source, answers: dict[Answer, int], retry_after: float | None = None
) -> None:
    drawn = [answer for answer, number in answers.items() for _ in range(number)]
    random.Random(1).shuffle(drawn)
    for answer in drawn:
        brakes.count(source, answer, retry_after)


@pytest.mark.parametrize(
    ("answers", "retry_after", "lanes"),
    [
        ({Answer.SERVER_ERROR: 10, Answer.ACCEPTED: 9}, None, set()),
        ({Answer.SERVER_ERROR: 10, Answer.ACCEPTED: 10}, None, {"o"}),
        ({Answer.NETWORK: 20}, None, {"o"}),
        ({Answer.SERVER_ERROR: 45, Answer.ACCEPTED: 105}, None, set()),
        ({Answer.SERVER_ERROR: 45, Answer.ACCEPTED: 105}, 60.0, {"o"}),
        ({Answer.THROTTLED: 99}, None, set()),
        ({Answer.THROTTLED: 100}, None, {"k"}),
        ({Answer.THROTTLED: 20, Answer.ACCEPTED: 80}, None, {"k"}),
        ({Answer.THROTTLED: 19, Answer.ACCEPTED: 81}, None, set()),
        ({Answer.GONE: 500, Answer.TOO_LARGE: 100, Answer.NOT_AUTHORISED: 1}, None, set()),
    ],
)
def test_what_opens_a_lane(
    db: None, answers: dict[Answer, int], retry_after: float | None, lanes: set[str]
) -> None:
    """FT-08: half of at least 20; FT-09: a fifth of at least 100; PS-19: a Retry-After holds for the origin."""
    brakes = Brakes()
    feed(brakes, Source(ORIGIN, 1, 2), answers, retry_after)
    brakes.judge()
    assert {lane[0] for lane in brakes.active} == lanes
    assert set(Throttle.objects.values_list("lane", flat=True)) == brakes.active


def test_one_websites_trouble_is_not_anothers(db: None) -> None:
    brakes = Brakes()
    feed(brakes, Source(ORIGIN, 1, 2), {Answer.THROTTLED: 200})
    feed(brakes, Source(ORIGIN, 1, 3), {Answer.ACCEPTED: 200})
    brakes.judge()
    assert brakes.lane_of(Source(ORIGIN, 1, 2)) == f"k:1:2:{ORIGIN}"
    assert brakes.lane_of(Source(ORIGIN, 1, 3)) == ""
    assert brakes.lane_of(Source("https://other.example", 1, 2)) == ""


def test_an_origin_slows_when_it_throttles_three_tenants(db: None) -> None:
    brakes = Brakes()
    for tenant in (1, 2, 3):
        feed(brakes, Source(ORIGIN, tenant, 1), {Answer.THROTTLED: 60, Answer.ACCEPTED: 140})
    brakes.judge()
    assert f"o:{ORIGIN}" in brakes.active


def test_a_key_that_is_refused_for_more_than_a_fifth_of_fifty_is_told(db: None) -> None:
    """PS-06"""
    brakes = Brakes()
    bad, single, few = Source(ORIGIN, 1, 1), Source(ORIGIN, 2, 1), Source(ORIGIN, 3, 1)
    feed(brakes, bad, {Answer.NOT_AUTHORISED: 11, Answer.ACCEPTED: 39})
    feed(brakes, single, {Answer.KEY_MISMATCH: 10, Answer.ACCEPTED: 40})
    feed(brakes, few, {Answer.NOT_AUTHORISED: 49})
    assert brakes.judge() == [bad]
    assert [brakes.is_key_doubted(source) for source in (single, few)] == [True, True]


@pytest.mark.parametrize(
    ("standing", "per_second"),
    [
        (Standing(1, 1, 0.2, 500.0, None, KEY, 5.0, 5.0), 0.2),  # a probe that failed
        (Standing(1, 0, 0.2, 500.0, None, KEY, 5.0, 5.0), 10.0),  # one that did not
        (Standing(10, 0, 10.0, 500.0, None, KEY, 1.0, 6.0), 20.0),  # then it doubles
        (
            Standing(40, 10, 40.0, 500.0, None, KEY, 1.0, 6.0),
            15.0,
        ),  # a quarter too much: half of what was good
        (Standing(20, 0, 16.0, 500.0, 16.0, KEY, 1.0, 6.0), 16.32),  # above the ceiling with care
        (Standing(20, 0, 16.0, 500.0, 16.0, KEY, 1.0, 61.0), 32.0),  # which is forgotten after a minute
        (Standing(100, 30, 100.0, 160.0, None, ORIGIN_KIND, 1.0, 6.0), 35.0),
        (Standing(100, 30, 20.0, 160.0, None, ORIGIN_KIND, 1.0, 6.0), 20.0),
        (Standing(20, 10, 40.0, 160.0, None, ORIGIN_KIND, 1.0, 6.0), 0.2),
    ],
)
def test_how_a_slow_lane_goes_on(standing: Standing, per_second: float) -> None:
    assert judged_rate(standing, probing=0.2).per_second == pytest.approx(per_second)


def test_a_lane_whose_answers_are_good_again_is_free_within_a_few_steps(db: None, settings: Any) -> None:
    """FT-08, FT-09: full speed within 60 s after it heals."""
    settings.PUSH_PROBE_SECONDS = 0.0001
    brakes = Brakes()
    feed(brakes, Source(ORIGIN, 1, 2), {Answer.SERVER_ERROR: 500})
    brakes.judge()
    Throttle.objects.update(per_second=0.2, normal=2000.0)
    steps = 0
    while (row := Throttle.objects.first()) is not None:
        report(row.lane, max(1, int(row.per_second)), 0)
        steps += 1
    assert steps <= 10  # one a second, after the probe that comes every 5 s


@pytest.fixture
def quick_probes(settings: Any) -> None:
    settings.PUSH_PROBE_SECONDS = 0.5
    settings.PUSH_RETRY_BASE_SECONDS = 0.2


def test_an_origin_that_fails_gets_a_probe_now_and_then_and_all_arrives_when_it_heals(
    lasting: Place, transport: Transport, quick_probes: None
) -> None:
    """FT-08, the windows a tenth as long: lost 0, and nobody uses up attempts by waiting."""
    add_subscribers(lasting, [NORMAL] * 400)
    lasting.sandbox.script(status=503)
    send = launch(lasting)
    Sender(transport, lambda: False).run()
    [row] = Throttle.objects.all()
    assert (row.kind, row.per_second) == (ORIGIN_KIND, 2.0)
    first = int(str(lasting.sandbox.counts()["requests"]))
    assert first < 200  # what was in flight when half of twenty had failed
    with in_tenant(lasting.schema):
        waiting = Batch.objects.filter(send_id=send.pk, state="open").exclude(lane="")
        assert {(batch.lane, batch.attempt) for batch in waiting} == {(row.lane, 1)}
    drained_until_finished(lasting, send, transport)
    # On a slow machine all may have arrived before the last of the steps by which the lane becomes free.
    assert all(row.per_second > 2.0 for row in Throttle.objects.all())


def drained_until_finished(place: Place, send: Send, transport: Transport) -> None:
    """Heal the service and deliver, waiting as a worker does."""
    assert place.sandbox.control("DELETE", "answers").status_code == 204
    work_until_finished(place, send, transport)
    check_conservation(place, send)
    assert figures(fresh(place, send)) == {"accepted": 400}
    assert counts_of(place, send)["repeated"] == 0


def work_until_finished(place: Place, send: Send, transport: Transport) -> None:
    """Run delivery tasks, as a worker's clock does while something is due."""

    def is_finished() -> bool:
        Sender(transport, lambda: False, lingers=True).run()
        return fresh(place, send).state == Send.State.FINISHED

    until(is_finished, 60, lambda: what_is_left(place, send))


def test_a_subscription_that_throttles_does_not_slow_the_others(place: Place, transport: Transport) -> None:
    """PS-19"""
    rows = add_subscribers(place, [NORMAL] * 300)
    place.sandbox.script(
        match={"subscription": rows[0].endpoint}, status=429, headers={"Retry-After": "3600"}
    )
    send = launch(place)
    drain_once(transport)
    assert figures(fresh(place, send)) == {"accepted": 299}
    assert not Throttle.objects.exists()
    with in_tenant(place.schema):
        rows[0].refresh_from_db()
    assert rows[0].wait_until is not None
    assert 3500 < (rows[0].wait_until - timezone.now()).total_seconds() <= 3600


def test_a_website_that_is_throttled_is_nearly_stopped_and_another_at_the_same_origin_is_not(
    lasting: Place, transport: Transport, quick_probes: None
) -> None:
    """FT-09, and the figure: another site at the same origin keeps its rate."""
    other = Place(
        lasting.workspace, make_site(lasting.workspace, origin="https://other.example"), lasting.sandbox
    )
    slow, free = add_subscribers(lasting, [NORMAL] * 300), add_subscribers(other, [NORMAL] * 300)
    assert {row.vapid_key_id for row in slow} != {row.vapid_key_id for row in free}
    for row in slow:
        lasting.sandbox.script(
            match={"subscription": row.endpoint}, status=429, headers={"Retry-After": "120"}
        )
    sends = [launch(lasting), launch(other)]
    Sender(transport, lambda: False).run()
    assert figures(fresh(other, sends[1])) == {"accepted": 300}
    [row] = Throttle.objects.all()
    assert row.kind == KEY
    answers: Counter[str] = Counter(lasting.sandbox.counts()["answers"])
    assert 100 <= answers["429"] <= 200  # a hundred, and what was in flight


def test_without_trouble_nothing_is_written(db: None) -> None:
    brakes = Brakes()
    feed(brakes, Source(ORIGIN, 1, 2), {Answer.ACCEPTED: 10_000})
    assert brakes.judge() == []
    assert not Throttle.objects.exists()
    assert throttles.ORIGIN_CALLS <= 10_000


def test_a_fifth_of_requests_that_fail_is_tried_again_and_slows_nobody_down(
    lasting: Place, transport: Transport, quick_probes: None
) -> None:
    """FT-07: at most 3 failures a recipient; all accepted, retries at most 1.5 times the failures, no breaker."""
    rows = add_subscribers(lasting, [NORMAL] * 400)
    draw = random.Random(7)
    failures = 0
    for row in rows:
        times = next((n for n in range(3) if draw.random() >= 0.2), 3)
        failures += times
        if times:
            lasting.sandbox.script(match={"subscription": row.endpoint}, status=500, times_each=times)
    send = launch(lasting)
    work_until_finished(lasting, send, transport)
    assert figures(fresh(lasting, send)) == {"accepted": 400}
    check_conservation(lasting, send)
    answers: Counter[str] = Counter(lasting.sandbox.counts()["answers"])
    assert answers == {"201": 400, "500": failures}
    assert not Throttle.objects.exists()
