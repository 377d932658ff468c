"""The transport against servers that misbehave: limits, deadline, guard, and nothing left behind."""

import gzip
import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from campaigns.delivery.transport import MOST_ANSWER, Reply, Transport
from tests.campaigns.raw_server import (
    BODY,
    CREATED,
    DEADLINE,
    RawServer,
    Serve,
    answering,
    dripping,
    never_greeting,
    one_reply,
    post_to,
    read_request,
    replies,
    silent,
)


def test_a_request_travels_as_it_was_made(serve: Serve, quick: Transport) -> None:
    """PS-01"""
    server = serve(answering(CREATED))
    reply = one_reply(quick, server)
    assert reply == Reply(0, 201, {"ttl": "60"}, "")
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == BODY
    assert sorted(head.decode().split("\r\n")) == [
        "Content-Length: 256",
        f"Host: localhost:{server.port}",
        "POST /push/secret-token HTTP/1.1",
        "User-Agent: Truepush/0.1",
        "content-type: application/octet-stream",
        "ttl: 60",
    ]


def test_connections_are_reused(serve: Serve, quick: Transport) -> None:
    """PS-16: at most one connection for each request in flight, and none anew while one is free."""
    server = serve(answering(CREATED))
    for _ in range(10):
        assert {reply.status for reply in replies(quick, *(post_to(server, n) for n in range(20)))} == {201}
    assert len(server.requests) == 200
    assert server.connections <= 20


def test_a_cookie_is_never_sent_back(serve: Serve, quick: Transport) -> None:
    server = serve(answering(CREATED.replace(b"TTL: 60", b"Set-Cookie: id=1")))
    replies(quick, post_to(server))
    replies(quick, post_to(server))
    assert all(b"ookie" not in request for request in server.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(serve: Serve, quick: Transport, status: int) -> None:
    """PS-12"""
    target = serve(answering(CREATED))
    server = serve(
        answering(f"HTTP/1.1 {status} Moved\r\nLocation: {target.url}\r\nContent-Length: 0\r\n\r\n".encode())
    )
    assert one_reply(quick, server).status == status
    assert target.connections == 0


def test_a_wait_that_the_service_asks_for_comes_back(serve: Serve, quick: Transport) -> None:
    answer = b"HTTP/1.1 429 Slow\r\nretry-AFTER:  120 \r\nX-WNS-Status: appthrottled\r\nContent-Length: 4\r\n\r\nslow"
    reply = one_reply(quick, serve(answering(answer)))
    assert reply == Reply(0, 429, {"retry-after": "120", "x-wns-status": "appthrottled"}, "slow")


def test_an_interim_answer_is_not_the_answer(serve: Serve, quick: Transport) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
    assert one_reply(quick, serve(answering(early + CREATED))) == Reply(0, 201, {"ttl": "60"}, "")


@pytest.mark.parametrize("handler", [silent, never_greeting], ids=["no answer", "no TLS"])
def test_a_service_that_says_nothing_is_left_at_the_deadline(
    serve: Serve, quick: Transport, handler: Any
) -> None:
    """FT-10, for many requests at once"""
    started = time.monotonic()
    found = replies(quick, *(post_to(serve(handler), number) for number in range(5)))
    assert DEADLINE - 0.05 < time.monotonic() - started < DEADLINE + 0.5
    assert [(reply.status, reply.is_refused) for reply in found] == [(0, False)] * 5
    assert all("timed out" in reply.error for reply in found)


def test_requests_that_wait_for_one_silent_connection_end_at_the_deadline_too(
    serve: Serve, quick: Transport
) -> None:
    server = serve(never_greeting)
    started = time.monotonic()
    found = replies(quick, *(post_to(server, number) for number in range(20)))
    assert time.monotonic() - started < DEADLINE + 0.5
    assert [reply.status for reply in found] == [0] * 20


def test_an_answer_that_drips_ends_at_the_deadline(serve: Serve, quick: Transport) -> None:
    """L11: the deadline is for the whole attempt, not for each read."""
    started = time.monotonic()
    reply = one_reply(quick, serve(dripping(b"HTTP/1.1 201 Created\r\n", b"X-Drip: drip\r\n")))
    assert DEADLINE - 0.05 < time.monotonic() - started < DEADLINE + 0.5
    assert (reply.status, reply.text) == (0, "")


@pytest.mark.parametrize("status", [201, 410])
def test_a_body_that_drips_changes_nothing_in_what_was_said(
    serve: Serve, quick: Transport, status: int
) -> None:
    """After "201" a repeat would reach the browser twice."""
    head = f"HTTP/1.1 {status} Said\r\nContent-Length: 9999\r\n\r\n".encode()
    started = time.monotonic()
    assert one_reply(quick, serve(dripping(head, b"d"))).status == status
    assert time.monotonic() - started < DEADLINE + 0.5


def test_of_a_long_answer_only_64_kb_are_read(serve: Serve, quick: Transport) -> None:
    """L12"""
    sent = 0

    def handler(server: RawServer, connection: Any) -> None:
        nonlocal sent
        read_request(connection)
        connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 99999999\r\n\r\n")
        for _ in range(999):
            connection.sendall(b"x" * 99_999)
            sent += 99_999

    reply = one_reply(quick, serve(handler))
    assert (reply.status, reply.text) == (500, "x" * 2048)
    # What is in the sockets' buffers was sent, too.
    assert MOST_ANSWER <= sent + 99_999 < 20_000_000
    assert quick.in_flight == 0


def test_a_compressed_answer_is_not_unpacked(serve: Serve, quick: Transport) -> None:
    """L12: 200 kB of gzip become 200 MB."""
    packed = gzip.compress(bytes(10_000_000), mtime=0)
    head = f"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    reply = one_reply(quick, serve(answering(head.encode() + packed)))
    # Where the text is cut, half a character may fall away.
    assert reply.status == 400
    assert 2040 <= len(reply.text) <= 2048


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\1\2",
        b"HTTP/1.1 201",
        b"HTTP/1.1 xyz\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_garbage_and_broken_connections_are_no_answer(serve: Serve, quick: Transport, answer: bytes) -> None:
    def handler(server: RawServer, connection: Any) -> None:
        read_request(connection)
        connection.sendall(answer)

    reply = one_reply(quick, serve(handler))
    assert (reply.status, reply.is_refused) == (0, False)
    assert reply.error


def test_what_is_abandoned_stays_away_and_the_transport_works_on(serve: Serve, quick: Transport) -> None:
    slow, server = serve(silent), serve(answering(CREATED))
    for number in range(20):
        quick.start(post_to(slow, number))
    quick.poll(0.1)
    assert sorted(quick.abandon()) == list(range(20))
    assert (quick.in_flight, quick.free) == (0, 20)
    assert replies(quick, post_to(server, "next")) == [Reply("next", 201, {"ttl": "60"}, "")]


def test_nothing_is_left_open(serve: Serve, authority: Path) -> None:
    """Ten transports that end badly leave no descriptor behind: ten at least, if each left one."""
    server = serve(silent)

    def use() -> None:
        made = Transport(concurrency=10, attempt_seconds=DEADLINE, sandbox_ca=str(authority))
        for number in range(10):
            made.start(post_to(server, number))
        made.poll(0.05)
        made.close()

    use()
    before = _open_sockets()
    for _ in range(10):
        use()
    # The server's threads close theirs a moment later, and may be late with one.
    deadline = time.monotonic() + 3
    while _open_sockets() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _open_sockets() < before + 10


def _open_sockets() -> int:
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(entry))
        except FileNotFoundError:
            continue
    return sum(link.startswith("socket:") for link in links)


def test_descriptors_over_1024_are_served(serve: Serve, quick: Transport) -> None:
    """select() takes numbers below 1,024 only: without it requests go on, though each step takes a poll's time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip(f"this machine allows {hard} open files, the test needs 2,048")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        server, never = serve(answering(CREATED)), serve(silent)
        found = replies(quick, *(post_to(server, number) for number in range(20)))
        assert [reply.status for reply in found] == [201] * 20
        used = time.process_time()
        assert one_reply(quick, never).status == 0
        assert time.process_time() - used < DEADLINE / 2
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("value", ["60\r\nX-Evil: 1", "60\n", "6\x000"])
def test_a_header_with_a_line_break_is_refused(serve: Serve, quick: Transport, value: str) -> None:
    server = serve(answering(CREATED))
    with pytest.raises(ValueError, match="line break"):
        quick.start(post_to(server)._replace(headers=(("ttl", value),)))
    assert (quick.in_flight, server.connections) == (0, 0)
