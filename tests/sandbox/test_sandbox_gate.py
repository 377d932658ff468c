import pytest

from tests.sandbox.driver import KEYS
from truepush.lib.webpush import vapid
from truepush.local.sandbox.authorization import Gate
from truepush.local.sandbox.refusal import Fault, Refused
from truepush.local.sandbox.subscriptions import ANY_KEY, key_hash

ORIGIN = "https://localhost:8002"


def test_a_remembered_token_expires_all_the_same() -> None:
    time = [1_000_000.0]
    gate = Gate(ORIGIN, clock=lambda: time[0])
    token = vapid.sign(KEYS.private, aud=ORIGIN, sub="mailto:a@example.com", exp=1_000_060)
    header = vapid.authorization_header(token, KEYS.public)

    assert gate.check(header, key_hash(KEYS.public)) is not None
    time[0] += 60

    with pytest.raises(Refused) as refused:
        gate.check(header, key_hash(KEYS.public))
    assert refused.value.fault is Fault.VAPID_EXPIRY


def test_an_unrestricted_subscription_takes_messages_without_vapid() -> None:
    assert Gate(ORIGIN).check(None, ANY_KEY) is None
