"""PR-07: endpoints and keys are secrets. They reach the database and the push service, and nothing that people read."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from subscribers.models import Site
from tenants.doorway import in_tenant
from tenants.models import AuditEntry
from tests.conftest import Workspace
from tests.subscribers.samples import Browser, subscribe, unsubscribe

SECRET = "device-secret-4711"
GOOD = f"https://fcm.googleapis.com/fcm/send/{SECRET}"
BAD = [
    f"https://evil.test/{SECRET}",
    f"https://user:{SECRET}@fcm.googleapis.com/fcm/send/x",
    f"http://fcm.googleapis.com/fcm/send/{SECRET}",
    f"https://fcm.googleapis.com/other/{SECRET}",
    f"https://fcm.googleapis.com:8443/fcm/send/{SECRET}",
    f"https://fcm.googleapis.com/fcm/send/{SECRET}#x",
    f"https://fcm.googleapis.com/fcm/send/{SECRET}\x00",
    f"https://fcm.googleapis.com/fcm/send/{SECRET}\ud800",
    f"https://127.0.0.1/{SECRET}",
    f"https://[{SECRET}]/",
    f"https://fcm.googleapis.com:{SECRET}/fcm/send/x",
    f"https://fcm.googleapis.com/fcm/send/{SECRET}" + "x" * 2048,
]


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """Everything that any logger says, at the level of DEBUG."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    caplog.set_level(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


def readable(said: io.StringIO, *answers: Any) -> str:
    """Join what was logged with what was answered, headers too."""
    parts = [said.getvalue()]
    for answer in answers:
        parts += [answer.content.decode(), str(answer.headers), answer.reason_phrase]
    return "\n".join(parts)


@pytest.mark.parametrize("endpoint", BAD, ids=range(len(BAD)))
def test_a_refused_endpoint_is_not_repeated(
    sdk: Client, shop: Site, said: io.StringIO, endpoint: str
) -> None:
    body = Browser(endpoint).json(old_endpoint=GOOD)
    text = readable(said, subscribe(sdk, shop, body), unsubscribe(sdk, shop, endpoint, SECRET))
    assert SECRET not in text


def test_refused_keys_are_not_repeated(sdk: Client, shop: Site, said: io.StringIO) -> None:
    body = Browser(GOOD).json()
    answers = []
    for name in ("p256dh", "auth"):
        wrong = {**body, "keys": {**body["keys"], name: SECRET}}
        answers.append(subscribe(sdk, shop, wrong))
    assert [answer.status_code for answer in answers] == [400, 400]
    assert SECRET not in readable(said, *answers)
    assert body["keys"]["auth"] not in readable(said, *answers)


def test_what_succeeds_is_not_repeated_either(sdk: Client, shop: Site, said: io.StringIO) -> None:
    browser = Browser(GOOD)
    first = subscribe(sdk, shop, browser.json())
    token = first.json()["subscriber"]
    moved = Browser(f"{GOOD}-2")
    second = subscribe(sdk, shop, moved.json(old_endpoint=GOOD))
    last = unsubscribe(sdk, shop, moved.endpoint, second.json()["subscriber"])
    wrong = unsubscribe(sdk, shop, moved.endpoint, token)
    text = readable(said, first, second, last, wrong)
    assert [one.status_code for one in (first, second, last, wrong)] == [201, 200, 204, 404]
    assert SECRET not in text
    assert browser.json()["keys"]["auth"] not in text


def test_capabilities_are_not_logged(sdk: Client, shop: Site, said: io.StringIO) -> None:
    browser = Browser(GOOD)
    token = subscribe(sdk, shop, browser.json()).json()["subscriber"]
    unsubscribe(sdk, shop, browser.endpoint, token)
    unsubscribe(sdk, shop, browser.endpoint, token[::-1])
    assert token not in said.getvalue()
    assert token[::-1] not in said.getvalue()


def test_pages_of_the_console_show_neither_endpoint_nor_keys(
    sdk: Client, acme: Workspace, shop: Site, console: Any
) -> None:
    browser = Browser(GOOD)
    subscribe(sdk, shop, browser.json())
    client = console(acme)
    for path in (
        "/",
        "/sites/",
        f"/sites/{shop.pk}/",
        f"/sites/{shop.pk}/waiting/",
        f"/sites/{shop.pk}/edit/",
    ):
        text = client.get(path).content.decode()
        assert SECRET not in text
        assert browser.json()["keys"]["auth"] not in text


def test_a_subscriber_in_a_message_or_a_trace_is_a_number(sdk: Client, acme: Workspace, shop: Site) -> None:
    subscribe(sdk, shop, Browser(GOOD).json())
    with in_tenant(acme.schema):
        row = shop.subscribers.get()
    assert SECRET not in f"{row} {row!r}"
    assert not [entry for entry in AuditEntry.objects.all() if SECRET in f"{entry.target} {entry.detail}"]
