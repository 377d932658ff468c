"""Which endpoints the SDK takes. Refused ones leave no row, and nobody asks DNS about them."""

import socket
from typing import Any

import pytest
from django.test import Client

from subscribers.models import Site
from tests.conftest import Workspace
from tests.subscribers.samples import Browser, count, only_row, subscribe

ACCEPTED = {
    "https://fcm.googleapis.com/fcm/send/x": "https://fcm.googleapis.com/fcm/send/x",
    "https://fcm.googleapis.com/wp/x": "https://fcm.googleapis.com/wp/x",
    "https://jmt17.google.com/fcm/send/x": "https://jmt17.google.com/fcm/send/x",
    "https://updates.push.services.mozilla.com/wpush/v2/x": "https://updates.push.services.mozilla.com/wpush/v2/x",
    "https://web.push.apple.com/x": "https://web.push.apple.com/x",
    "https://wns2-par02p.notify.windows.com/w/?token=x": "https://wns2-par02p.notify.windows.com/w/?token=x",
    "https://FCM.GoogleApis.com/fcm/send/X": "https://fcm.googleapis.com/fcm/send/X",
    "https://web.push.apple.com:443/x": "https://web.push.apple.com/x",
    "HTTPS://web.push.apple.com/x": "https://web.push.apple.com/x",
}
NOT_A_PUSH_SERVICE = [
    "http://fcm.googleapis.com/fcm/send/x",
    "https://attacker.example/webpush",
    "https://api.push.apple.com/3/device/x",
    "https://android.googleapis.com/gcm/send/x",
    "https://login.microsoft.com/",
    "https://notify.windows.com/w/",
    "ftp://fcm.googleapis.com/fcm/send/x",
    "file:///etc/passwd",
    "gopher://fcm.googleapis.com/fcm/send/x",
    "",
    "https://fcm.googleapis.com/fcm/send/" + "x" * (2049 - 36),
    "https://localhost:8002/push/x",
]
LOOKALIKES = [
    "https://attacker.com/x.google.com/push",
    "https://fcm.googleapis.com.attacker.com/",
    "https://web.push.apple.com.evil.test/",
    "https://evilnotify.windows.com/",
    "https://evilgoogle.com/",
    "https://fcm.googleapis.com@evil.test/",
    "https://user:pw@web.push.apple.com/",
    "https://fcm.googleapis.com\\@evil.test/fcm/send/x",
    "https://fcm.googleapis.com/fcm/send/../../x",
    "https://fcm.googleapis.com:8443/fcm/send/x",
]
ADDRESSES = [
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "https://[::ffff:169.254.169.254]/",
    "https://169.254.169.254/fcm/send/x",
]


@pytest.mark.parametrize("endpoint", ACCEPTED)
def test_endpoints_of_push_services_are_stored_as_parsed(
    sdk: Client, acme: Workspace, shop: Site, endpoint: str
) -> None:
    """SR-01."""
    assert subscribe(sdk, shop, Browser(endpoint).json()).status_code == 201
    assert only_row(acme).endpoint == ACCEPTED[endpoint]


@pytest.mark.parametrize("endpoint", [*NOT_A_PUSH_SERVICE, *LOOKALIKES, *ADDRESSES])
def test_other_endpoints_are_refused_without_a_row_or_a_dns_query(
    sdk: Client, acme: Workspace, shop: Site, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SR-02, SR-03, SR-06."""

    def asked(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"DNS was asked: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    answer = subscribe(sdk, shop, Browser(endpoint).json())
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (400, "invalid_endpoint", "endpoint")
    assert count(acme) == 0


def test_an_endpoint_of_2048_characters_is_stored_whole(sdk: Client, acme: Workspace, shop: Site) -> None:
    endpoint = "https://fcm.googleapis.com/fcm/send/" + "x" * (2048 - 36)
    assert subscribe(sdk, shop, Browser(endpoint).json()).status_code == 201
    assert only_row(acme).endpoint == endpoint


def test_the_sandbox_is_taken_only_where_it_is_set_up(
    sdk: Client, acme: Workspace, shop: Site, settings: Any
) -> None:
    settings.SANDBOX_ORIGIN = "https://localhost:8002"
    assert subscribe(sdk, shop, Browser("https://localhost:8002/push/x").json()).status_code == 201
    assert subscribe(sdk, shop, Browser("https://localhost:8003/push/x").json()).status_code == 400
    assert only_row(acme).service == "sandbox"
