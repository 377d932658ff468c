"""RFC 8030 and RFC 8291: what the sandbox refuses, and with which status."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.sandbox.driver import KEYS, Sandbox, payload
from truepush.lib import base64url
from truepush.lib.webpush.encryption import encrypt


def test_a_request_in_order_is_answered_201_with_location_and_ttl(sandbox: Sandbox) -> None:
    answer = sandbox.push(sandbox.subscribe(), payload(0), headers={"Urgency": "high", "Topic": "news"})

    assert answer.status_code == 201
    assert answer.headers["TTL"] == "60"
    assert answer.headers["Location"].startswith(f"{sandbox.origin}/message/")


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({"TTL": None}, "ttl_missing"),
        ({"TTL": ""}, "ttl_invalid"),
        ({"TTL": "-1"}, "ttl_invalid"),
        ({"TTL": "1.5"}, "ttl_invalid"),
        ({"TTL": "60, 60"}, "ttl_invalid"),
        ({"Urgency": "urgent"}, "urgency_invalid"),
        ({"Urgency": "low, high"}, "urgency_invalid"),
        ({"Topic": ""}, "topic_invalid"),
        ({"Topic": "a" * 33}, "topic_invalid"),
        ({"Topic": "new arrivals"}, "topic_invalid"),
        ({"Content-Encoding": None}, "encoding_invalid"),
        ({"Content-Encoding": "aesgcm"}, "encoding_invalid"),
        ({"Encryption": "salt=AAAA"}, "encoding_invalid"),
        ({"Crypto-Key": "dh=AAAA"}, "encoding_invalid"),
    ],
)
def test_wrong_headers_are_answered_400(sandbox: Sandbox, headers: dict[str, str | None], fault: str) -> None:
    subscription = sandbox.subscribe()

    answer = sandbox.push(subscription, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, fault)
    assert sandbox.messages(subscription) == []
    assert sandbox.counts()["accepted"] == 0


@pytest.mark.parametrize("urgency", ["very-low", "low", "normal", "high"])
def test_each_urgency_is_accepted(sandbox: Sandbox, urgency: str) -> None:
    assert sandbox.push(sandbox.subscribe(), headers={"Urgency": urgency}).status_code == 201


@pytest.mark.parametrize("ttl", ["2592001", "9" * 5000])
def test_a_long_ttl_is_shortened_to_thirty_days_and_the_answer_says_so(sandbox: Sandbox, ttl: str) -> None:
    answer = sandbox.push(sandbox.subscribe(), headers={"TTL": ttl})

    assert (answer.status_code, answer.headers["TTL"]) == (201, "2592000")


def test_a_body_of_4096_octets_is_accepted_and_one_more_is_413(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe()

    assert sandbox.push(subscription, b"x" * 3993).status_code == 201
    assert sandbox.push(subscription, body=os.urandom(4097)).status_code == 413
    assert sandbox.push(subscription, body=os.urandom(100_000)).status_code == 413


def test_a_body_that_does_not_decrypt_is_answered_400_and_counted(sandbox: Sandbox) -> None:
    subscription, other = sandbox.subscribe(), sandbox.subscribe()
    changed = bytearray(encrypt(b"hello", subscription.p256dh, subscription.auth))
    changed[-1] ^= 1

    answers = [
        sandbox.push(subscription, body=bytes(changed)),
        sandbox.push(subscription, body=encrypt(b"hello", other.p256dh, other.auth)),
        sandbox.push(subscription, body=encrypt(b"hello", subscription.p256dh, other.auth)),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert sandbox.counts()["undecryptable"] == 3
    assert sandbox.counts()["accepted"] == 0


def test_the_header_of_the_body_is_checked_cr06(sandbox: Sandbox) -> None:
    """CR-06: key length 65, an uncompressed point, one record that is larger than its content."""
    subscription = sandbox.subscribe()
    body = encrypt(b"hello", subscription.p256dh, subscription.auth)
    record = len(body) - 86

    for wrong in (
        b"",
        body[:80],
        body[:20] + b"\x40" + body[21:],
        body[:21] + b"\x02" + body[22:],
        body[:16] + record.to_bytes(4, "big") + body[20:],
        body[:16] + (4097).to_bytes(4, "big") + body[20:],
    ):
        assert sandbox.push(subscription, body=wrong).json()["error"] == "body_malformed"


def test_the_vapid_key_as_ephemeral_key_is_refused_cr05(sandbox: Sandbox) -> None:
    """CR-05: as_public in a body never equals the k of the same request."""
    subscription = sandbox.subscribe()
    signing_key = ec.derive_private_key(int.from_bytes(KEYS.private, "big"), ec.SECP256R1())
    body = encrypt(b"hello", subscription.p256dh, subscription.auth, private_key=signing_key)

    assert sandbox.push(subscription, body=body).json()["error"] == "body_reuses_key"


def test_tampered_and_foreign_tokens_are_answered_404(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe()
    raw = base64url.decode(subscription.token)
    for place in (0, 5, 9, 15, 20, len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 1
        subscription.endpoint = f"{sandbox.origin}/push/{base64url.encode(bytes(changed))}"
        assert sandbox.push(subscription).status_code == 404
    for token in ("x", "AAAA", "%F0%9F%90%88", "A" * 600):
        subscription.endpoint = f"{sandbox.origin}/push/{token}"
        assert sandbox.push(subscription).status_code == 404


def test_other_methods_are_refused(sandbox: Sandbox) -> None:
    assert sandbox.http.get(sandbox.subscribe().endpoint).status_code == 405
