"""Subscriptions need no memory: the endpoint says all."""

import time
from collections import Counter
from pathlib import Path

import http_ece
import pytest

from tests.sandbox.driver import KEYS, SEED, Sandbox, Subscription
from truepush.lib import base64url
from truepush.lib.webpush.encryption import encrypt
from truepush.local.sandbox.subscriptions import (
    Answer,
    Behaviour,
    PlayedToken,
    demo_behaviour,
    make_subscription,
    read_token,
    receiver_keys,
)

ORIGIN = "https://localhost:8002"


def test_a_subscription_is_made_without_the_server_and_works_there(sandbox: Sandbox) -> None:
    made = make_subscription(
        SEED, sandbox.origin, 41, application_server_key=KEYS.public, behaviour=Behaviour()
    )
    subscription = Subscription(made.endpoint, made.p256dh, made.auth)

    assert sandbox.push(subscription, b"hello").status_code == 201
    assert sandbox.messages(subscription)[0]["payload"] == "hello"


def test_an_unrestricted_subscription_takes_messages_without_vapid(sandbox: Sandbox) -> None:
    made = make_subscription(SEED, sandbox.origin, 42, application_server_key=None, behaviour=Behaviour())
    subscription = Subscription(made.endpoint, made.p256dh, made.auth)

    assert sandbox.push(subscription, headers={"Authorization": None}).status_code == 201
    assert sandbox.push(subscription).status_code == 201
    assert sandbox.push(subscription, headers={"Authorization": "vapid"}).status_code == 403


def test_subscriptions_survive_a_restart_and_the_authority_stays(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.program.start()
    authority = sandbox.ca.read_bytes()
    subscription = sandbox.subscribe()
    assert sandbox.program.stop() == 0
    sandbox.program.start()

    assert sandbox.push(subscription).status_code == 201
    assert sandbox.ca.read_bytes() == authority
    assert sandbox.program.stop() == 0


def test_the_token_carries_index_behaviour_and_key() -> None:
    behaviour = Behaviour(Answer.THROTTLE, slow=True, offline=True, display_share=85, click_share=7)
    made = make_subscription(SEED, ORIGIN, 2**63 + 5, application_server_key=KEYS.public, behaviour=behaviour)

    token = read_token(SEED, made.endpoint.rpartition("/")[2])

    assert isinstance(token, PlayedToken)
    assert (token.index, token.behaviour) == (2**63 + 5, behaviour)
    assert read_token(bytes(32), token.text) is None


def test_the_keys_decrypt_with_an_independent_implementation() -> None:
    made = make_subscription(SEED, ORIGIN, 1, application_server_key=None, behaviour=Behaviour())
    keys = receiver_keys(SEED, made.endpoint.rpartition("/")[2])
    body = encrypt(b"hello", made.p256dh, made.auth)

    assert http_ece.decrypt(body, private_key=keys.private, auth_secret=keys.auth) == b"hello"


def test_ten_thousand_are_made_in_a_few_seconds_and_all_differ() -> None:
    started = time.monotonic()
    made = [
        make_subscription(SEED, ORIGIN, index, application_server_key=KEYS.public, behaviour=Behaviour())
        for index in range(10_000)
    ]

    assert time.monotonic() - started < 5
    for values in zip(*((one.endpoint, one.p256dh, one.auth) for one in made), strict=True):
        assert len(set(values)) == 10_000


def test_the_demo_audience_has_the_shares_promised() -> None:
    behaviours = Counter(demo_behaviour(index) for index in range(1, 10_001))
    live = Behaviour(display_share=85, click_share=7)

    assert behaviours == {
        live: 9_200,
        Behaviour(Answer.GONE): 300,
        Behaviour(Answer.MISSING): 100,
        Behaviour(slow=True, display_share=85, click_share=7): 200,
        Behaviour(offline=True, display_share=85, click_share=7): 200,
    }


def test_shares_are_per_cent_and_a_click_needs_a_display() -> None:
    for display, click in ((101, 0), (50, 51), (-1, -1)):
        with pytest.raises(ValueError, match="per cent"):
            Behaviour(display_share=display, click_share=click)


def test_any_page_may_subscribe(sandbox: Sandbox) -> None:
    url = f"{sandbox.origin}/subscriptions"
    page = {"Origin": "http://localhost:8001"}

    preflight = sandbox.http.options(url, headers=page)
    asked = {"application_server_key": base64url.encode(KEYS.public)}
    answer = sandbox.http.post(url, json=asked, headers=page)

    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Headers"]) == (204, "content-type")
    assert answer.status_code == 201
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert len(base64url.decode(answer.json()["keys"]["auth"])) == 16


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], ""),
        ({}, "application_server_key"),
        ({"application_server_key": "%"}, "application_server_key"),
        ({"application_server_key": base64url.encode(b"\4" * 65)}, "application_server_key"),
        ({"application_server_key": base64url.encode(KEYS.public), "behaviour": 1}, "behaviour"),
        (
            {"application_server_key": base64url.encode(KEYS.public), "behaviour": {"answer": "no"}},
            "behaviour",
        ),
        (
            {"application_server_key": base64url.encode(KEYS.public), "behaviour": {"display_share": []}},
            "behaviour",
        ),
    ],
)
def test_a_wrong_subscription_is_refused_with_the_field(
    sandbox: Sandbox, document: object, field: str
) -> None:
    answer = sandbox.http.post(f"{sandbox.origin}/subscriptions", json=document)

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
