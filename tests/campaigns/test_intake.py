"""The receipts endpoint by a process of its own: durable before it is acknowledged, and never silent."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.test import Client
from django.utils import timezone

from campaigns import intake_app
from campaigns.intake_app import Answer, Intake
from campaigns.models import Batch, Receipt, Send
from campaigns.shared_commit import SharedCommit
from tenants.doorway import in_tenant
from tests.campaigns.places import Place, Worker, in_threads, new_campaign, worker
from tests.sandbox.driver import until
from truepush.lib.receipt_token import ReceiptToken, pack

SIZE = 8000
PATH = "/sdk/v1/receipts"


class Sent:
    """A send whose browsers are many; nothing was pushed."""

    def __init__(self, place: Place) -> None:
        self.place = place
        with in_tenant(place.schema):
            self.send = Send.objects.create(
                campaign=new_campaign(place), site=place.site, kind="campaign", content=[{}], rule={}, seed=1, ttl=60,
                tag="t", state="running", audience=SIZE, due_at=timezone.now(),
            )  # fmt: skip
            self.batch = Batch.objects.create(
                send=self.send, number=0, ids=list(range(1, SIZE + 1)), size=SIZE, first_id=1, last_id=SIZE,
                due_at=timezone.now(),
            )  # fmt: skip

    def token(self, ordinal: int) -> str:
        tenant = self.place.workspace.tenant.pk
        return pack(settings.RECEIPT_KEYS, ReceiptToken(tenant, self.send.pk, self.batch.pk, ordinal, 0))

    def body(self, *ordinals: int, kind: str = "displayed") -> str:
        return json.dumps({"receipts": [{"token": self.token(one), "kind": kind} for one in ordinals]})

    def known(self) -> set[int]:
        with in_tenant(self.place.schema):
            return set(Receipt.objects.filter(batch=self.batch, kind=1).values_list("ordinal", flat=True))

    def displayed(self) -> int:
        with in_tenant(self.place.schema):
            return Send.objects.get(pk=self.send.pk).displayed


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def serving(place: Place, log: Path, **given: Any) -> Iterator[tuple[Worker, str]]:
    """A real `manage.py receipts` on the test's database."""
    port = free_port()
    with worker(
        place.sandbox, log, program="manage.py", arguments=["receipts"],
        RECEIPTS_URL=f"http://localhost:{port}", **given,
    ) as process:  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        until(lambda: answers(address), 20, log.read_text)
        yield process, address


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthz", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


def post(session: requests.Session, address: str, body: str, **headers: str) -> requests.Response:
    return session.post(
        address + PATH, data=body, headers={"Content-Type": "text/plain;charset=UTF-8", **headers}, timeout=15
    )


def test_a_killed_intake_has_kept_all_that_it_acknowledged(lasting: Place, tmp_path: Path) -> None:
    """kill -9 under load: every receipt that was answered 204 is in the database, once."""
    sent = Sent(lasting)
    acknowledged: set[int] = set()
    enough = threading.Event()
    with serving(lasting, tmp_path / "log") as (process, address):

        def browser(number: int) -> None:
            session = requests.Session()
            for ordinal in range(number, SIZE, 12):
                try:
                    answer = post(session, address, sent.body(ordinal))
                except requests.RequestException:
                    return
                if answer.status_code == 204:
                    acknowledged.add(ordinal)
                    if len(acknowledged) > 600:
                        enough.set()

        def killer() -> None:
            enough.wait(60)
            process.kill()

        watcher = threading.Thread(target=killer)
        watcher.start()
        in_threads(12, browser)
        watcher.join()
    assert len(acknowledged) > 600
    known = sent.known()
    assert acknowledged <= known
    assert len(known) < SIZE
    assert sent.displayed() == len(known)


def test_it_answers_as_the_web_server_does(lasting: Place, tmp_path: Path, sdk: Client) -> None:
    sent = Sent(lasting)
    odd = [
        ("POST", "text/plain", sent.body(1, 1, 2)),
        ("POST", "text/plain; charset=utf-8", '{"receipts": [{"token": "forged", "kind": "clicked"}]}'),
        ("POST", "image/png", "{}"),
        ("POST", "text/plain", "not JSON"),
        ("POST", "text/plain", '{"receipts": 1}'),
        ("POST", "text/plain", '{"receipts": [{"token": "x", "kind": "seen"}]}'),
        ("POST", "text/plain", json.dumps({"receipts": [{"token": "x", "kind": "closed"}] * 51})),
        ("POST", "text/plain", "x" * 20_000),
        ("GET", "text/plain", ""),
        ("PUT", "text/plain", sent.body(5)),
    ]
    with serving(lasting, tmp_path / "log") as (process, address):
        for method, kind, body in odd:
            own = requests.request(
                method, address + PATH, data=body, headers={"Content-Type": kind}, timeout=15
            )
            django = sdk.generic(method, PATH, body, content_type=kind)
            assert (own.status_code, own.content) == (django.status_code, django.content), (
                method,
                kind,
                body[:40],
            )
            assert own.headers["Access-Control-Allow-Origin"] == "*"
        assert requests.get(f"{address}/else", timeout=15).status_code == 404
        assert answered_together(address, sent.body(3)) == [204]
        assert post(requests.Session(), address, sent.body(4)).status_code == 204
        assert process.stop() == 0
    assert sent.known() == {1, 2, 3, 4}


def answered_together(address: str, body: str) -> list[int]:
    """The statuses of calls sent at once: who asks again before the answer gets that answer and no other."""
    post = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    calls = [post, *["GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] * 1000]
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 10) as connection:
        connection.sendall("".join(calls).encode())
        said = b""
        with suppress(ConnectionResetError):
            while more := connection.recv(65_536):
                said += more
    return [int(line.split()[1]) for line in said.decode().splitlines() if line.startswith("HTTP/1.1")]


def test_few_open_files_are_said_and_refused_not_passed_over(lasting: Place, tmp_path: Path) -> None:
    sent, log = Sent(lasting), tmp_path / "log"
    with serving(lasting, log, most_files=128) as (_, address), ExitStack() as open_ones:
        port = int(address.rpartition(":")[2])
        for _ in range(80):
            open_ones.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        refused = post(requests.Session(), address, sent.body(1))
        assert refused.status_code == 503
        open_ones.close()
        until(lambda: post(requests.Session(), address, sent.body(1)).status_code == 204, 10)
        said = log.read_text()
    assert "This host allows 128 open files a process: 68 browsers are served at once" in said
    assert "Traceback" not in said


def test_too_much_at_once_is_asked_to_come_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_app, "MOST_WAITING", 0)
    body = Sent(place).body(1).encode()
    said: list[Answer] = []

    async def call() -> None:
        Intake().take("POST", PATH, "text/plain", body, said.append)

    asyncio.run(call())
    assert [answer.status for answer in said] == [503]
    assert 5 <= int(dict(said[0].headers)["retry-after"]) <= 60


# --- What threads of the web server share


def test_threads_that_come_meanwhile_share_the_next_commit() -> None:
    commits: list[list[int]] = []
    first, go = threading.Event(), threading.Event()

    def commit(items: list[int]) -> None:
        commits.append(sorted(items))
        first.set()
        go.wait(10)

    shared = SharedCommit(commit)
    threads = [threading.Thread(target=shared.submit, args=[[number]]) for number in range(9)]
    threads[0].start()
    first.wait(10)
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(shared._waiting) == 8, 10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert commits == [[0], [1, 2, 3, 4, 5, 6, 7, 8]]


def test_each_of_them_hears_of_an_error() -> None:
    def commit(items: list[int]) -> None:
        raise ValueError(f"{len(items)} lost")

    shared = SharedCommit(commit)
    with pytest.raises(ValueError, match="1 lost"):
        shared.submit([7])
    with pytest.raises(ValueError, match="1 lost"):
        shared.submit([8])
