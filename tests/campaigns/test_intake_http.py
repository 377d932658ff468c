"""HTTP of the receipts' own process: odd and slow callers, on real sockets."""

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable

import pytest

from campaigns import intake_http
from campaigns.intake_app import Intake
from campaigns.intake_http import Server

FORGED = json.dumps({"receipts": [{"token": "forged", "kind": "clicked"}]})
OK = "GET /healthz HTTP/1.1\r\n\r\n"
HEAD = "POST /sdk/v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"


def served(work: Callable[[int], Awaitable[None]], most: int = 100) -> None:
    """Run `work` beside a server, which gets its port; whatever it asks needs no database."""

    async def run() -> None:
        stop, port = asyncio.Event(), 0
        server = Server(Intake(), most)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        running = asyncio.create_task(server.run("127.0.0.1", port, stop, backlog=10, patience=1.0))
        await asyncio.sleep(0.1)
        await work(port)
        stop.set()
        await running

    asyncio.run(run())


async def say(port: int, text: str, *, then: str = "", after: float = 0.0) -> str:
    """What comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    if then:
        await asyncio.sleep(after)
        writer.write(then.encode())
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return said.decode()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("\x00\x01\x02\x03\r\n\r\n", 400),
        (HEAD + "Cookie: " + "x" * 17_000 + "\r\n\r\n", 431),
        (HEAD + "Cookie: " + "x" * 17_000, 431),
        ("GET /" + "x" * 17_000 + " HTTP/1.1\r\n\r\n", 431),
        (HEAD + "Content-Length: 99999999999999999999\r\n\r\n", 400),
        (HEAD + "Connection: close\r\nContent-Length: 20000\r\n\r\n" + "x" * 20_000, 413),
        (HEAD + f"Connection: close\r\nContent-Length: {len(FORGED)}\r\n\r\n{FORGED}", 204),
        (
            HEAD
            + f"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{len(FORGED):x}\r\n{FORGED}\r\n0\r\n\r\n",
            204,
        ),
        (HEAD + "Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: " + "x" * 50_000, 413),
        (HEAD + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + f"Trailer: {'x' * 200}\r\n" * 85, 431),
        (HEAD + "Transfer-Encoding: chunked\r\n\r\n1;" + "x" * 50_000, 413),
        (HEAD + "Transfer-Encoding: chunked\r\n\r\n" + "1\r\nx\r\n" * 8_300, 413),
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
        ("GET /healthz?x=1 HTTP/1.1\r\nConnection: close\r\n\r\n", 200),
        ("GET /healthz HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    ],
    ids=lambda value: str(value)[:40].strip(),
)
def test_odd_calls_are_answered_and_the_connection_ends(text: str, status: int) -> None:
    async def work(port: int) -> None:
        said = await say(port, text)
        assert said.startswith(f"HTTP/1.1 {status} "), said[:200]
        assert "connection: close" in said

    served(work)


def test_who_wants_to_be_asked_for_the_body_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(port: int) -> None:
        head = HEAD + f"Expect: 100-continue\r\nConnection: close\r\nContent-Length: {len(FORGED)}\r\n\r\n"
        said = await say(port, head, then=FORGED, after=0.2)
        assert [line for line in said.splitlines() if line.startswith("HTTP")] == [
            "HTTP/1.1 100 Continue",
            "HTTP/1.1 204 No Content",
        ]

    served(work)


def test_a_call_that_does_not_come_is_told_so_and_a_silent_connection_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, seconds in (("SWEEP_SECONDS", 0.05), ("CALL_SECONDS", 0.3), ("IDLE_SECONDS", 0.6)):
        monkeypatch.setattr(intake_http, name, seconds)

    async def work(port: int) -> None:
        late = await say(port, HEAD + "Content-Length: 10\r\n\r\n12345")
        assert late.startswith("HTTP/1.1 408 ")
        assert await say(port, "") == ""
        # One that was answered is kept, and ends as silent later.
        kept = await say(port, OK, then=OK, after=0.4)
        assert kept.count("HTTP/1.1 200 OK") == 2
        assert "connection: close" not in kept
        # Half a call that came with a whole one is waited for like one that came by itself.
        half = await say(port, OK + HEAD)
        assert re.findall(r"HTTP/1.1 (\d+)", half) == ["200", "408"]

    served(work)


def test_many_calls_at_once_are_answered_in_their_order() -> None:
    async def work(port: int) -> None:
        paths = ["/healthz", "/no"] * 100
        calls = [f"GET {path} HTTP/1.1\r\n\r\n" for path in paths]
        said = await say(port, "".join([*calls, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"]))
        assert re.findall(r"HTTP/1.1 (\d+)", said) == ["200", "404"] * 100 + ["200"]

    served(work)


def test_a_call_counts_by_itself_when_it_begins_behind_many_others() -> None:
    call = f"GET /healthz HTTP/1.1\r\nCookie: {'x' * 2_000}\r\n\r\n"

    async def work(port: int) -> None:
        end = "\r\nConnection: close\r\n\r\n"
        said = await say(port, call * 12 + "GET /healthz HTTP/1.1", then=end, after=0.05)
        assert re.findall(r"HTTP/1.1 (\d+)", said) == ["200"] * 13

    served(work)


def test_more_connections_than_are_served_are_refused_with_an_answer() -> None:
    async def work(port: int) -> None:
        first = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.1)
        said = await say(port, "GET /healthz HTTP/1.1\r\n\r\n")
        assert said.startswith("HTTP/1.1 503 ")
        assert "retry-after: " in said
        first[1].close()
        await asyncio.sleep(0.1)
        assert (await say(port, "GET /healthz HTTP/1.0\r\n\r\n")).startswith("HTTP/1.1 200 ")

    served(work, most=1)


def test_a_connection_is_kept_for_any_number_of_calls() -> None:
    """The limit of a head is of each one: together these have fifteen times as much."""
    call = f"GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: {'x' * 2_000}\r\n\r\n".encode()

    async def work(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(120):
            for part in (call[:1_500], call[1_500:]):
                writer.write(part)
                await writer.drain()
            assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()

    served(work)


def test_a_head_is_answered_without_a_body() -> None:
    async def work(port: int) -> None:
        said = await say(port, "HEAD /healthz HTTP/1.1\r\n\r\nHEAD /no HTTP/1.1\r\nConnection: close\r\n\r\n")
        first, second, rest = said.split("\r\n\r\n")
        assert first.startswith("HTTP/1.1 200 ")
        assert "content-length: 3" in first
        assert second.startswith("HTTP/1.1 404 ")
        assert rest == ""

    served(work)


def test_who_does_not_read_the_answers_is_heard_no_more_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("SWEEP_SECONDS", 0.05), ("CALL_SECONDS", 0.3), ("IDLE_SECONDS", 0.6)):
        monkeypatch.setattr(intake_http, name, seconds)

    async def work(port: int) -> None:
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", port), 10) as deaf:
            deaf.setblocking(False)
            with pytest.raises(ConnectionError):
                async with asyncio.timeout(30):
                    while True:  # until its buffers and ours are full, and then until it is let go
                        await loop.sock_sendall(deaf, b"GET /no HTTP/1.1\r\n\r\n" * 1000)
        assert (await say(port, "GET /healthz HTTP/1.0\r\n\r\n")).startswith("HTTP/1.1 200 ")

    served(work, most=1)
