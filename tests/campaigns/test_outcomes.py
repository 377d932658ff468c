"""Every answer of push-services 1.5, row by row."""

import pytest

from campaigns.delivery.outcomes import Answer, Outcome, classify, reason_of
from truepush.lib.webpush.endpoints import PushService

EVERY_SERVICE = tuple(PushService)
TOKEN = "dGVzdA:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx_Zt5y8RjE1Dd0dQ3nY2i0xH"


@pytest.mark.parametrize(
    ("status", "answer", "outcome", "is_retried"),
    [
        *[(status, Answer.ACCEPTED, Outcome.ACCEPTED, False) for status in (200, 201, 202, 204)],  # PS-14
        *[(status, Answer.REDIRECT, Outcome.FAILED, False) for status in (301, 302, 303, 307, 308)],
        (400, Answer.BAD_REQUEST, Outcome.FAILED, False),
        *[(status, Answer.NOT_AUTHORISED, Outcome.FAILED, False) for status in (401, 403)],
        *[(status, Answer.GONE, Outcome.GONE, False) for status in (404, 410)],
        (413, Answer.TOO_LARGE, Outcome.FAILED, False),
        (429, Answer.THROTTLED, Outcome.FAILED, True),
        *[(status, Answer.SERVER_ERROR, Outcome.FAILED, True) for status in (408, 425)],
        *[(status, Answer.SERVER_ERROR, Outcome.FAILED, True) for status in (500, 502, 503, 504, 507, 599)],
        *[
            (status, Answer.OTHER, Outcome.FAILED, False)
            for status in (203, 300, 402, 405, 409, 418, 451, 600)
        ],
    ],
)
def test_each_status_has_one_meaning_whoever_sent_it(
    status: int, answer: Answer, outcome: Outcome, is_retried: bool
) -> None:
    for service in EVERY_SERVICE:
        found = classify(status, service)
        assert (found, found.outcome, found.is_retried) == (answer, outcome, is_retried)


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_only_wns_says_slow_down_with_406(service: PushService) -> None:
    """PS-08"""
    expected = Answer.THROTTLED if service is PushService.WNS else Answer.OTHER
    assert classify(406, service) is expected


def test_what_became_of_the_network_is_tried_again_and_what_is_ours_to_mend_is_not() -> None:
    assert (Answer.NETWORK.outcome, Answer.NETWORK.is_retried) == (Outcome.FAILED, True)
    assert (Answer.REFUSED_BY_GUARD.outcome, Answer.REFUSED_BY_GUARD.is_retried) == (Outcome.FAILED, False)
    assert (Answer.NOT_SENDABLE.outcome, Answer.NOT_SENDABLE.is_retried) == (Outcome.FAILED, False)


def test_only_404_and_410_end_a_subscription() -> None:
    """PS-06, PS-13: nothing else is ever GONE."""
    ending = {
        status for status in range(100, 1000) for s in EVERY_SERVICE if classify(status, s).outcome == 2
    }
    assert ending == {404, 410}


def test_the_stored_numbers_of_outcomes_are_fixed() -> None:
    assert {outcome.name: outcome.value for outcome in Outcome} == {
        "ACCEPTED": 1, "GONE": 2, "FAILED": 3, "EXPIRED": 4, "SKIPPED": 5, "CANCELLED": 6, "DEFERRED": 7,
    }  # fmt: skip


def test_each_end_has_a_counter_and_a_deferral_has_none() -> None:
    assert [outcome.counter for outcome in Outcome] == [
        "accepted", "gone", "failed", "expired", "skipped", "cancelled", "",
    ]  # fmt: skip


def test_a_reason_is_one_line_of_at_most_512_characters() -> None:
    """PS-15"""
    said = '{"reason":\n  "BadJwtToken"}\r\n' + "too long " * 200
    reason = reason_of(Answer.NOT_AUTHORISED, 403, said)
    assert reason.startswith('not_authorised 403: {"reason": "BadJwtToken"} too long')
    assert len(reason) == 512
    assert "\n" not in reason


def test_a_reason_without_words_or_status_is_the_label() -> None:
    assert reason_of(Answer.SERVER_ERROR, 503, " \n ") == "server_error 503"
    assert reason_of(Answer.NETWORK, 0, "") == "network"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"no such token {TOKEN}.", "no such token [...]"),
        (f"GET https://fcm.googleapis.com/fcm/send/{TOKEN} failed", "GET [...] failed"),
        ('{"url":"https://a.example/x","errno":109}', '{"url":"[...]","errno":109}'),
        ("/w/?token=BQYAAACxVJzY%2bSGFvc3RhbmR0aGVyZXN0b2Zp", "/w/?[...]"),
        ('{"errno":109,"message":"VAPID public key mismatch"}',) * 2,
        ("VapidPkHashMismatch UnauthorizedRegistration",) * 2,
    ],
)
def test_a_reason_holds_no_endpoint(said: str, kept: str) -> None:
    """PR-07: endpoints are secrets, also in what a push service says back."""
    assert reason_of(Answer.BAD_REQUEST, 400, said) == f"bad_request 400: {kept}"


def test_compressed_answers_become_text_that_the_database_takes() -> None:
    binary = bytes(range(256)).decode("utf-8", "replace")
    reason = reason_of(Answer.SERVER_ERROR, 500, binary)
    assert reason.isprintable()
    assert "\x00" not in reason
