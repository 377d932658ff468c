"""RFC 8292: whom the sandbox lets send."""

import pytest

from tests.sandbox.driver import KEYS, OTHER_KEYS, Sandbox, now, sign_claims
from truepush.lib import base64url
from truepush.lib.webpush import vapid


def test_a_restricted_subscription_without_authorization_is_answered_401(sandbox: Sandbox) -> None:
    answer = sandbox.push(sandbox.subscribe(), headers={"Authorization": None})

    assert (answer.status_code, answer.json()["error"]) == (401, "vapid_missing")


def test_another_key_than_the_one_subscribed_with_is_answered_403_cr16(sandbox: Sandbox) -> None:
    """CR-16: the sandbox checks k per endpoint."""
    answer = sandbox.push(sandbox.subscribe(), headers={"Authorization": sandbox.authorization(OTHER_KEYS)})

    assert (answer.status_code, answer.json()["error"]) == (403, "vapid_key")


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"aud": "https://push.example.net"}, "vapid_audience"),
        ({"aud": None}, "vapid_audience"),
        ({"exp": None}, "vapid_expiry"),
        ({"exp": str(now(3600))}, "vapid_expiry"),
        ({"exp": True}, "vapid_expiry"),
        ({"exp": now(-1)}, "vapid_expiry"),
        ({"exp": now(26 * 3600)}, "vapid_expiry"),
        ({"sub": None}, "vapid_contact"),
        ({"sub": "ops@example.com"}, "vapid_contact"),
        ({"sub": "mailto:"}, "vapid_contact"),
        ({"sub": "http://example.com"}, "vapid_contact"),
        ({"sub": "https://"}, "vapid_contact"),
    ],
)
def test_wrong_claims_are_answered_403(sandbox: Sandbox, claims: dict[str, object], fault: str) -> None:
    answer = sandbox.push(sandbox.subscribe(), headers={"Authorization": sandbox.authorization(**claims)})

    assert (answer.status_code, answer.json()["error"]) == (403, fault)


def test_the_port_is_part_of_the_audience(sandbox: Sandbox) -> None:
    answer = sandbox.push(
        sandbox.subscribe(), headers={"Authorization": sandbox.authorization(aud="https://localhost")}
    )

    assert answer.json()["error"] == "vapid_audience"


def test_an_https_contact_is_accepted(sandbox: Sandbox) -> None:
    header = sandbox.authorization(sub="https://example.com/contact")

    assert sandbox.push(sandbox.subscribe(), headers={"Authorization": header}).status_code == 201


def test_one_changed_bit_breaks_the_signature(sandbox: Sandbox) -> None:
    claims = {"aud": sandbox.origin, "exp": now(3600), "sub": "mailto:a@example.com"}
    unsigned, _, signature = sign_claims(KEYS, claims).rpartition(".")
    changed = bytearray(base64url.decode(signature))
    changed[40] ^= 1
    for token in (f"{unsigned}.{base64url.encode(bytes(changed))}", f"{unsigned}x.{signature}"):
        header = vapid.authorization_header(token, KEYS.public)
        answer = sandbox.push(sandbox.subscribe(), headers={"Authorization": header})
        assert (answer.status_code, answer.json()["error"]) == (403, "vapid_signature")


@pytest.mark.parametrize(
    "header", ["", "vapid", "Bearer x", "vapid t=a.b.c", "vapid t=a.b.c, k=AAAA", "vapid t=a, k=%%, x=y"]
)
def test_an_authorization_header_of_another_form_is_answered_403(sandbox: Sandbox, header: str) -> None:
    answer = sandbox.push(sandbox.subscribe(), headers={"Authorization": header})

    assert (answer.status_code, answer.json()["error"]) == (403, "vapid_malformed")


def test_scheme_order_and_spaces_are_free(sandbox: Sandbox) -> None:
    token, _, key = sandbox.authorization().removeprefix("vapid t=").partition(", k=")

    header = f"VAPID k={key},t={token}"

    assert sandbox.push(sandbox.subscribe(), headers={"Authorization": header}).status_code == 201


def test_a_token_that_is_used_again_counts_once_cr13(sandbox: Sandbox) -> None:
    """CR-13 is judged by this count."""
    header, subscription = sandbox.authorization(), sandbox.subscribe()
    for _ in range(3):
        assert sandbox.push(subscription, headers={"Authorization": header}).status_code == 201

    assert sandbox.counts()["vapid_tokens"] == 1
