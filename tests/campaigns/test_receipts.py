"""What browsers report, through the endpoint: counted once, whoever says it how often, and nothing else is."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from campaigns.delivery.transport import Transport
from campaigns.models import Batch, Receipt, Send
from tenants.doorway import in_tenant
from tenants.models import SendIndex
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    drain_once,
    finish,
    fresh,
    in_threads,
    launch,
    let_time_pass,
    open_place,
)
from tests.conftest import Workspace
from truepush.lib.receipt_token import ReceiptToken, pack
from truepush.local.sandbox.subscriptions import Answer, Behaviour

URL = "/sdk/v1/receipts"
SIZE = 4


def report(client: Client, *receipts: tuple[str, str], **options: Any) -> HttpResponse:
    """Report (token, kind) pairs as a browser does."""
    body = json.dumps({"receipts": [{"token": token, "kind": kind} for token, kind in receipts]})
    return client.post(URL, body, content_type="text/plain;charset=UTF-8", **options)


def post(client: Client, body: Any, content_type: str = "text/plain") -> HttpResponse:
    return client.post(
        URL, body if isinstance(body, str | bytes) else json.dumps(body), content_type=content_type
    )


def told(place: Place, send: Send) -> dict[str, int]:
    """The figures of the send; its public row must say the same."""
    send = fresh(place, send)
    index = SendIndex.objects.get(tenant_id=place.workspace.tenant.pk, send_id=send.pk)
    assert (index.displayed, index.clicked) == (send.displayed, send.clicked)
    with in_tenant(place.schema):
        rows = list(Receipt.objects.filter(batch__send_id=send.pk).values_list("kind", flat=True))
    figures = {"displayed": send.displayed, "clicked": send.clicked, "closed": send.closed}
    assert [rows.count(kind) for kind in (1, 2, 3)] == list(figures.values())
    return {name: count for name, count in figures.items() if count}


class Sent:
    """A finished send to four, and its tokens."""

    def __init__(self, place: Place, transport: Transport) -> None:
        self.place = place
        add_subscribers(place, [NORMAL] * SIZE)
        self.send = finish(place, launch(place), transport)
        with in_tenant(place.schema):
            self.batch = Batch.objects.get(send_id=self.send.pk)

    def token(self, ordinal: int = 0, keys: Mapping[int, bytes] | None = None, **changes: int) -> str:
        true = ReceiptToken(self.place.workspace.tenant.pk, self.send.pk, self.batch.pk, ordinal, 0)
        return pack(keys or settings.RECEIPT_KEYS, true._replace(**changes))

    def told(self) -> dict[str, int]:
        return told(self.place, self.send)


@pytest.fixture
def sent(place: Place, transport: Transport) -> Sent:
    return Sent(place, transport)


def check_taken(answer: HttpResponse) -> None:
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert not answer.cookies


def test_each_kind_of_report_is_counted(sent: Sent, sdk: Client) -> None:
    check_taken(report(sdk, (sent.token(0), "displayed"), (sent.token(1), "displayed")))
    check_taken(report(sdk, (sent.token(1), "clicked"), (sent.token(2), "closed")))
    assert sent.told() == {"displayed": 2, "clicked": 1, "closed": 1}


def test_a_hundred_repeats_are_counted_once(sent: Sent, sdk: Client) -> None:
    """RL-04"""
    for _ in range(100):
        check_taken(report(sdk, (sent.token(), "clicked")))
    check_taken(report(sdk, *[(sent.token(), "displayed")] * 50))
    assert sent.told() == {"displayed": 1, "clicked": 1}


def test_twenty_browsers_at_once_are_counted_once_each(
    lasting: Place, transport: Transport, sdk: Client
) -> None:
    """RL-04: also while the same reports come from several of them, in any order."""
    sent = Sent(lasting, transport)
    tokens = [sent.token(ordinal) for ordinal in range(SIZE)]

    def run(number: int) -> None:
        client = Client(headers={"host": "sdk.localhost:8000"})
        for turn in range(4):
            ordered = tokens if (number + turn) % 2 else tokens[::-1]
            check_taken(report(client, *[(token, "clicked") for token in ordered]))

    in_threads(20, run)
    assert sent.told() == {"displayed": SIZE, "clicked": SIZE}


def test_a_click_says_that_it_was_displayed(sent: Sent, sdk: Client) -> None:
    """Safari has no worker that could say so."""
    report(sdk, (sent.token(), "clicked"))
    assert sent.told() == {"displayed": 1, "clicked": 1}
    report(sdk, (sent.token(), "displayed"))
    assert sent.told() == {"displayed": 1, "clicked": 1}


def test_reports_come_while_the_send_still_runs(place: Place, transport: Transport, sdk: Client) -> None:
    add_subscribers(place, [NORMAL, Behaviour(Answer.UNAVAILABLE)])
    send = launch(place)
    drain_once(transport)
    with in_tenant(place.schema):
        root = Batch.objects.get(send_id=send.pk, root=None)
        child = Batch.objects.get(send_id=send.pk, root=root)
    keys, tenant = settings.RECEIPT_KEYS, place.workspace.tenant.pk
    report(sdk, (pack(keys, ReceiptToken(tenant, send.pk, root.pk, 0, 0)), "displayed"))
    assert told(place, send) == {"displayed": 1}
    # The child batch has no tokens of its own: its recipients keep those of the root.
    check_taken(report(sdk, (pack(keys, ReceiptToken(tenant, send.pk, child.pk, 0, 0)), "displayed")))
    assert told(place, send) == {"displayed": 1}
    let_time_pass(place)
    finish(place, send, transport)
    assert told(place, send) == {"displayed": 1}


def test_tokens_that_do_not_fit_are_passed_over_in_silence(
    sent: Sent, globex: Workspace, sandbox: Any, transport: Transport, sdk: Client
) -> None:
    """RL-04: forged, foreign, of another send, beyond the batch, of an unknown key."""
    place = open_place(globex, sandbox)
    foreign = Sent(place, transport)
    another = Sent(open_place(sent.place.workspace, sandbox, origin="https://b.example"), transport)
    good = sent.token()
    bad = {
        "one bit is wrong": good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1],
        "beyond the batch": sent.token(SIZE),
        "far beyond": sent.token(2**31 - 1),
        "another send": sent.token(send_id=another.send.pk),
        "another batch": sent.token(batch_id=another.batch.pk),
        "no such send": sent.token(send_id=2**40),
        "no such batch": sent.token(batch_id=2**40),
        "no such tenant": sent.token(tenant_id=2**31),
        "unknown key id": sent.token(keys={99: settings.RECEIPT_KEYS[next(iter(settings.RECEIPT_KEYS))]}),
        "another key": sent.token(keys={next(iter(settings.RECEIPT_KEYS)): bytes(32)}),
        "empty": "",
        "too long": good + "AA",
        "not base64": "!" * 58,
        "not ASCII": "ä" * 58,
    }
    for name, token in bad.items():
        for kind in ("displayed", "clicked", "closed"):
            check_taken(report(sdk, (token, kind)))
        assert sent.told() == foreign.told() == another.told() == {}, name
    # A bad one beside a good one does not take it along; a token names its own tenant.
    check_taken(report(sdk, (bad["empty"], "clicked"), (good, "displayed"), (foreign.token(), "closed")))
    assert (sent.told(), foreign.told(), another.told()) == ({"displayed": 1}, {"closed": 1}, {})


def test_a_tenants_token_counts_for_that_tenant_only(
    sent: Sent, globex: Workspace, sandbox: Any, transport: Transport, sdk: Client
) -> None:
    """The same numbers in two schemas are two things."""
    foreign = Sent(open_place(globex, sandbox), transport)
    report(sdk, (sent.token(tenant_id=globex.tenant.pk), "displayed"))
    assert sent.told() == {}
    same = (foreign.send.pk, foreign.batch.pk) == (sent.send.pk, sent.batch.pk)
    assert foreign.told() == ({"displayed": 1} if same else {})


def test_a_token_that_is_no_text_is_passed_over(sent: Sent, sdk: Client) -> None:
    tokens = [None, 7, ["x"], {"a": 1}, True]
    check_taken(post(sdk, {"receipts": [{"token": token, "kind": "clicked"} for token in tokens]}))
    check_taken(post(sdk, {"receipts": [{"kind": "clicked"}]}))
    check_taken(post(sdk, {"receipts": []}))
    assert sent.told() == {}


@pytest.mark.parametrize(
    "body",
    [
        " ",
        "nonsense",
        "[]",
        "null",
        "7",
        '"receipts"',
        "{}",
        '{"receipts": null}',
        '{"receipts": {}}',
        '{"receipts": "x"}',
        '{"receipts": [7]}',
        '{"receipts": [null]}',
        '{"receipts": [{}]}',
        '{"receipts": [{"token": "x"}]}',
        '{"receipts": [{"token": "x", "kind": "opened"}]}',
        '{"receipts": [{"token": "x", "kind": 1}]}',
        '{"receipts": [{"token": "x", "kind": ["clicked"]}]}',
        '{"receipts": [{"token": "x", "kind": {}}]}',
        '{"receipts": [NaN]}',
        "[" * 8000,
        '{"receipts":' * 1200,
        b"\xff\xfe\x00",
        '{"receipts": [{"token": "\\ud800", "kind": "nothing"}]}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_report_gets_a_400_that_says_so(acme: Workspace, sdk: Client, body: str | bytes) -> None:
    answer = post(sdk, body)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert answer["Access-Control-Allow-Origin"] == "*"
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "field"}
    assert error["code"] in ("invalid_json", "invalid_receipts")
    assert error["message"].endswith(".")
    with in_tenant(acme.schema):
        assert not Receipt.objects.exists()


def test_too_many_and_too_much_are_refused_whole(sent: Sent, sdk: Client) -> None:
    many = report(sdk, *[(sent.token(), "clicked")] * 51)
    assert (many.status_code, many.json()["error"]["code"]) == (413, "too_many")
    body = json.dumps({"receipts": [{"token": sent.token(), "kind": "clicked"}], "x": "y" * 16_384})
    much = post(sdk, body)
    assert (much.status_code, much.json()["error"]["code"]) == (413, "too_large")
    for answer in (many, much):
        assert answer["Access-Control-Allow-Origin"] == "*"
    assert sent.told() == {}
    check_taken(report(sdk, *[(sent.token(), "clicked")] * 50))
    assert sent.told() == {"displayed": 1, "clicked": 1}


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "head"])
def test_only_post_reports(db: None, sdk: Client, method: str) -> None:
    answer = getattr(sdk, method)(URL)
    assert answer.status_code == 405
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert method == "head" or answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 204),
        ("text/plain;charset=UTF-8", 204),
        ("application/json", 204),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/html", 415),
        ("", 415),
    ],
)
def test_only_text_and_json_are_read(sent: Sent, sdk: Client, content_type: str, status: int) -> None:
    body = json.dumps({"receipts": [{"token": sent.token(), "kind": "displayed"}]})
    answer = sdk.generic("POST", URL, body, content_type=content_type)
    assert answer.status_code == status
    assert sent.told() == ({"displayed": 1} if status == 204 else {})


def test_no_cookie_and_no_origin_is_asked_for(sent: Sent, sdk: Client) -> None:
    for origin in ("https://shop.example", "https://evil.example", "null"):
        check_taken(report(sdk, (sent.token(), "displayed"), headers={"origin": origin}))
    strict = Client(enforce_csrf_checks=True, headers={"host": "sdk.localhost:8000"})
    check_taken(report(strict, (sent.token(), "clicked")))
    assert sent.told() == {"displayed": 1, "clicked": 1}


def test_consoles_take_no_receipts(sent: Sent, console: Any) -> None:
    assert report(console(sent.place.workspace), (sent.token(), "clicked")).status_code == 404
    assert sent.told() == {}


def test_a_report_costs_as_many_queries_for_fifty_as_for_one(
    sent: Sent, sdk: Client, django_assert_num_queries: Any
) -> None:
    report(sdk, (sent.token(0), "displayed"))
    with django_assert_num_queries(9):
        report(sdk, (sent.token(1), "displayed"))
    with django_assert_num_queries(9):
        report(sdk, *[(sent.token(n % SIZE), "clicked") for n in range(50)])
    assert sent.told() == {"displayed": SIZE, "clicked": SIZE}
