"""Endpoints and keys that are spelt as usual are read in a short way, which takes and refuses what the long one does.

For endpoints the long way is reached by another spelling of the same, a scheme in capitals.
"""

import os
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.subscribers.samples import base64url, new_public_key
from truepush.lib.webpush.endpoints import Endpoint, EndpointRefused, parse_endpoint, usual_service
from truepush.lib.webpush.keys import KeyRefused, any_keys, parse_subscription_keys, usual_keys

HOSTS = (
    "fcm.googleapis.com", "jmt17.google.com", "updates.push.services.mozilla.com", "web.push.apple.com",
    "api.push.apple.com", "wns2-par02p.notify.windows.com", "db5p.notify.windows.com", "api.notify.windows.com",
    "a-b-c.notify.windows.com", "-a.notify.windows.com", "notify.windows.com", "FCM.googleapis.com",
    "fcm.googleapis.com.evil.test", "fcmxgoogleapis.com", "x@fcm.googleapis.com", "fcm.googleapis.com:443",
)  # fmt: skip
PATHS = (
    "/fcm/send/", "/wp/", "/preprod/wp/", "/wpush/v1/", "/wpush/v2/", "/wpush/v3/", "/w/?token=", "/w/", "/", "",
    "//", "/wp/../", "/wp/%2e%2e/", "/fcm/send",
)  # fmt: skip
SIGNS = "aZ09-_:%2eF./?#&=+@~\\ \t\né\uff11[]"
TOKENS = st.text(st.sampled_from(SIGNS), max_size=12) | st.sampled_from(
    [
        "x",
        "dXn-_4:APA91bH",
        "%2b",
        "%2",
        "x" * 600,
        "x" * 601,
        "x" * 1500,
        "x" * 1501,
        "%2b" * 600,
        "%2b" * 601,
    ]
)
GOOD = "https://fcm.googleapis.com/fcm/send/x"


def read(url: str) -> Endpoint | str:
    try:
        return parse_endpoint(url, sandbox_origin="https://localhost:8002")
    except EndpointRefused as refusal:
        return refusal.reason


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(HOSTS), st.sampled_from(PATHS), TOKENS)
def test_any_endpoint_is_taken_or_refused_as_by_the_long_way(host: str, path: str, token: str) -> None:
    url = f"https://{host}{path}{token}"
    assert usual_service(f"HTTPS{url[5:]}") is None
    assert read(url) == read(f"HTTPS{url[5:]}")


def test_what_browsers_are_given_goes_the_short_way() -> None:
    given_out = {
        GOOD: "fcm",
        "https://fcm.googleapis.com/wp/dXn-_4:APA91bH": "fcm",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAA_-": "mozilla",
        "https://web.push.apple.com/QGuQyavXutnMH-_": "apple",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAC%2bx%3d%3d": "wns",
        "https://db5p.notify.windows.com/w/?token=BQYAAAC": "wns",
    }
    assert {url: usual_service(url) for url in given_out} == given_out
    assert usual_service(f"{GOOD}\n") is usual_service("https://api.notify.windows.com/w/?token=x") is None


def outcome(read: Callable[[str, str], tuple[bytes, bytes]], p256dh: str, auth: str) -> tuple[object, object]:
    try:
        return read(p256dh, auth)
    except KeyRefused as refusal:
        return refusal.field, refusal.reason


POINT, SECRET = base64url(new_public_key()), base64url(os.urandom(16))
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CHANGES = st.lists(st.tuples(st.integers(0, 86), st.sampled_from(BASE64URL + "+/=! \n\0é")), max_size=2)
PADDING = st.sampled_from(["", "", "=", "=="])


def changed(text: str, changes: list[tuple[int, str]]) -> str:
    signs = list(text)
    for at, sign in changes:
        signs[at % len(signs)] = sign
    return "".join(signs)


@settings(max_examples=1000, deadline=None)
@given(CHANGES, CHANGES, PADDING, PADDING)
@example([(86, "B")], [], "", "")  # two spare bits that are not zero, or not all of them
@example([(86, "A")], [], "=", "==")
@example([], [(21, "B")], "", "")
@example([], [(21, "g")], "=", "==")
@example([(0, "A")], [], "", "")  # no uncompressed point
@example([(86, "=")], [(21, "="), (20, "=")], "=", "==")
def test_any_keys_are_taken_or_refused_as_by_the_long_way(
    point: list[tuple[int, str]], secret: list[tuple[int, str]], after_point: str, after_secret: str
) -> None:
    given = changed(POINT, point) + after_point, changed(SECRET, secret) + after_secret
    assert outcome(parse_subscription_keys, *given) == outcome(any_keys, *given)


def test_keys_with_and_without_padding_go_the_short_way_and_no_others() -> None:
    for _ in range(100):
        point, secret = new_public_key(), os.urandom(16)
        assert usual_keys(base64url(point), base64url(secret)) == point + secret
        assert usual_keys(f"{base64url(point)}=", f"{base64url(secret)}==") == point + secret
    for p256dh, auth in (
        (f"{POINT}=", f"{SECRET}="), (f"{POINT}==", f"{SECRET}=="),
        (f"{POINT[:-1]}=", SECRET), (POINT, f"{SECRET[:-1]}="), (POINT, f"{SECRET[:-2]}=="), (POINT[:-1], SECRET),
        (f"{POINT}A", SECRET), (POINT, f"{SECRET}A"), (f"={POINT[1:]}", SECRET), (POINT, ""), ("", ""),
        (f"{POINT}{SECRET[0]}", SECRET[1:]), (f"{POINT[:-4]}===A", SECRET),
    ):  # fmt: skip
        assert usual_keys(p256dh, auth) is None
    above = b"\4" + b"\xff" * 64  # coordinates beyond the field
    assert usual_keys(base64url(above), SECRET) is None
