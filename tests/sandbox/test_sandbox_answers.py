"""Answers other than 201: by a subscription's behaviour, and by script."""

import time

import pytest

from tests.sandbox.driver import Sandbox, payload


@pytest.mark.parametrize(
    ("answer", "status", "header"),
    [
        ("gone", 410, ("Cache-Control", "max-age=86400")),
        ("missing", 404, None),
        ("throttle", 429, ("Retry-After", "60")),
        ("unavailable", 503, ("Retry-After", "120")),
    ],
)
def test_a_subscription_answers_as_it_was_made(
    sandbox: Sandbox, answer: str, status: int, header: tuple[str, str] | None
) -> None:
    subscription = sandbox.subscribe(answer=answer)

    got = sandbox.push(subscription, payload(0))

    assert got.status_code == status
    assert header is None or got.headers[header[0]] == header[1]
    assert sandbox.counts()["accepted"] == 0
    assert sandbox.counts()["bodies"] == 1


def test_a_slow_subscription_takes_its_time(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe(slow=True)
    started = time.monotonic()

    assert sandbox.push(subscription).status_code == 201

    # 300 ms, divided by the speed of the tests.
    assert time.monotonic() - started >= 0.003


def test_a_scripted_answer_is_given_so_many_times(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe()
    sandbox.script(match="all", status=503, headers={"Retry-After": "7"}, body="busy", times=2)

    answers = [sandbox.push(subscription, payload(0)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 201]
    assert (answers[0].headers["Retry-After"], answers[0].text) == ("7", "busy")
    assert sandbox.counts()["answers"] == {"201": 1, "503": 2}
    assert sandbox.counts()["messages"] == {"accepted": 1, "distinct": 1, "repeated": 0}


def test_a_script_for_one_subscription_leaves_the_others_alone(sandbox: Sandbox) -> None:
    throttled, other = sandbox.subscribe(), sandbox.subscribe()
    sandbox.script(match={"subscription": throttled.endpoint}, status=429, headers={"Retry-After": "3600"})

    assert [sandbox.push(to).status_code for to in (throttled, other, throttled)] == [429, 201, 429]


def test_a_script_may_meet_each_subscription_once(sandbox: Sandbox) -> None:
    first, second = sandbox.subscribe(), sandbox.subscribe()
    sandbox.script(status=500, times_each=1)

    assert [sandbox.push(to).status_code for to in (first, second, first, second)] == [500, 500, 201, 201]


def test_a_share_meets_the_same_subscriptions_every_time(sandbox: Sandbox) -> None:
    subscriptions = [sandbox.subscribe() for _ in range(40)]
    sandbox.script(match={"share": 0.5, "seed": 3}, status=503)

    first, second = ([sandbox.push(to).status_code for to in subscriptions] for _ in range(2))

    assert first == second
    # Forty fair draws lie outside of these bounds once in 40,000 runs.
    assert 7 <= first.count(503) <= 33


def test_a_share_may_be_drawn_for_each_request(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe()
    sandbox.script(match={"share": 0.5, "seed": 3, "per": "request"}, status=503)

    answers = [sandbox.push(subscription).status_code for _ in range(20)]

    assert set(answers) == {201, 503}


def test_a_scripted_success_is_accepted_with_the_headers_given_ps04(sandbox: Sandbox) -> None:
    """PS-04 and PS-14: another TTL in the answer, and 2xx other than 201."""
    subscription = sandbox.subscribe()
    sandbox.script(status=202, headers={"TTL": "5"})

    answer = sandbox.push(subscription, payload(0))

    assert (answer.status_code, answer.headers["TTL"]) == (202, "5")
    assert sandbox.counts()["accepted"] == len(sandbox.messages(subscription)) == 1


def test_a_scripted_redirect_has_its_location(sandbox: Sandbox) -> None:
    sandbox.script(status=307, headers={"Location": "https://localhost:1/"})

    answer = sandbox.push(sandbox.subscribe())

    assert (answer.status_code, answer.headers["Location"]) == (307, "https://localhost:1/")


def test_a_request_against_the_rules_uses_up_no_script(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe()
    sandbox.script(status=503, times=1)

    assert sandbox.push(subscription, headers={"TTL": None}).status_code == 400
    assert sandbox.push(subscription).status_code == 503


@pytest.mark.parametrize(
    ("script", "field"),
    [
        ({}, "status"),
        ({"status": 99}, "status"),
        ({"status": "503"}, "status"),
        ({"status": 503, "times": 0}, "times"),
        ({"status": 503, "headers": {"Retry-After": 60}}, "headers"),
        ({"status": 503, "match": "some"}, "match"),
        ([], ""),
    ],
)
def test_a_wrong_script_is_refused_with_the_field(sandbox: Sandbox, script: object, field: str) -> None:
    answer = sandbox.control("POST", "answers", json=script)

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


def test_control_needs_the_token(sandbox: Sandbox) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}):
        answer = sandbox.http.get(f"{sandbox.origin}/control/counts", headers=headers)
        assert answer.status_code == 401
