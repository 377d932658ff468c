"""What the sandbox keeps and counts of what it accepted."""

import time

import requests

from tests.sandbox.driver import Sandbox, Subscription, payload
from truepush.local.sandbox.fingerprints import FingerprintSet
from truepush.local.sandbox.mailbox import IN_TOTAL, PER_OWNER, Mailbox


def test_the_payload_is_there_decrypted(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe()

    sandbox.push(subscription, payload(0), headers={"Topic": "news", "Urgency": "low"})

    [message] = sandbox.messages(subscription)
    assert message["payload"] == payload(0).decode()
    assert (message["ttl"], message["topic"], message["urgency"]) == (60, "news", "low")


def test_messages_are_counted_by_their_receipt_token(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe()
    for ordinal in (0, 5, 5, 2):
        assert sandbox.push(subscription, payload(ordinal)).status_code == 201
    sandbox.push(subscription, payload(1, send=8))
    sandbox.push(subscription, b"not of ours")

    counts = sandbox.counts()

    assert counts["accepted"] == counts["bodies"] == counts["distinct_salts"] == counts["distinct_keys"] == 6
    assert counts["answers"] == {"201": 6}
    assert counts["messages"] == {"accepted": 5, "distinct": 4, "repeated": 1}
    assert counts["sends"] == [
        {"tenant": 3, "send": 7, "accepted": 4, "distinct": 3, "repeated": 1},
        {"tenant": 3, "send": 8, "accepted": 1, "distinct": 1, "repeated": 0},
    ]
    assert counts["untracked"] == 1


def test_a_salt_and_key_used_twice_are_noticed_cr04(sandbox: Sandbox) -> None:
    """CR-04 is judged by these counts."""
    subscription = sandbox.subscribe()
    answer = sandbox.push(subscription)
    sandbox.push(subscription, body=answer.request.body)

    counts = sandbox.counts()

    assert (counts["bodies"], counts["distinct_salts"], counts["distinct_keys"]) == (2, 1, 1)


def test_connections_are_counted_ps16(sandbox: Sandbox) -> None:
    """PS-16 is judged by this count."""
    before = sandbox.counts()["connections"]
    sandbox.push(sandbox.subscribe())
    requests.get(f"{sandbox.origin}/healthz", verify=str(sandbox.ca), timeout=5)

    assert sandbox.counts()["connections"] == before + 1


def test_an_offline_browser_is_kept_its_messages_until_it_comes_back(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe(offline=True)
    for topic, text in (("a", b"first"), ("", b"second"), ("a", b"third")):
        headers = {"Topic": topic or None}
        assert sandbox.push(subscription, text, headers=headers).status_code == 201

    assert sandbox.waiting(subscription) == ["second", "third"]
    assert _come_online(sandbox, subscription) == 2
    assert sandbox.waiting(subscription) == []


def test_a_message_is_dropped_when_its_ttl_is_over(sandbox: Sandbox) -> None:
    subscription = sandbox.subscribe(offline=True)
    sandbox.push(subscription, b"never kept", headers={"TTL": "0"})
    sandbox.push(subscription, b"short", headers={"TTL": "1"})

    assert sandbox.waiting(subscription) == ["short"]
    time.sleep(1.05)
    assert sandbox.waiting(subscription) == []


def test_a_replacement_brings_its_own_ttl() -> None:
    now = [0.0]
    mailbox = Mailbox(clock=lambda: now[0])
    mailbox.keep("owner", "1", b"long", ttl=1000, topic="a")
    mailbox.keep("owner", "2", b"short", ttl=10, topic="a")

    assert [kept.content for kept in mailbox.waiting("owner")] == [b"short"]
    now[0] = 10.0
    assert mailbox.waiting("owner") == []


def test_the_mailbox_forgets_the_oldest_beyond_its_bounds() -> None:
    mailbox = Mailbox()
    for number in range(PER_OWNER + 1):
        mailbox.keep("first", str(number), b"", ttl=60, topic="")
    kept = mailbox.waiting("first")
    assert (len(kept), kept[0].message_id) == (PER_OWNER, "1")

    for number in range(IN_TOTAL):
        mailbox.keep(f"owner {number}", "1", b"", ttl=60, topic="")

    assert mailbox.waiting("first") == []
    assert len(mailbox.waiting("owner 0")) == 1


def test_fingerprints_grow_and_tell_known_from_new() -> None:
    fingerprints = FingerprintSet()
    values = [number.to_bytes(16, "big") for number in range(30_000)]

    assert all(fingerprints.add(value) for value in values)
    assert not any(fingerprints.add(value) for value in values)
    assert fingerprints.distinct == 30_000


def _come_online(sandbox: Sandbox, subscription: Subscription) -> int:
    answer = sandbox.control("POST", "online", json={"subscription": subscription.endpoint})
    return int(answer.json()["delivered"])
