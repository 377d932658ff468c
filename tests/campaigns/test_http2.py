"""HTTP/2 with servers that end, limit, reset, flood, drip and lie: nothing is lost, nothing is sent twice unknown."""

import socket
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from campaigns.delivery import transport as module
from campaigns.delivery.dialling import Found
from campaigns.delivery.transport import Reply, Transport
from tests.campaigns.h2_server import Conversation, answer_all, h2_context, talking
from tests.campaigns.raw_server import BODY, DEADLINE, RawServer, Serve, post_to, replies


@pytest.fixture
def start(serve: Serve, authority: Path) -> Any:
    def make(run: Any, **settings: int) -> RawServer:
        return serve(talking(run, **settings), h2_context(authority))

    return make


def statuses(found: list[Reply]) -> list[int]:
    return [reply.status for reply in found]


def test_many_requests_share_a_connection(start: Any, authority: Path) -> None:
    """PS-16: 2,000 requests with 100 in flight, on at most 4 connections."""
    server = start(answer_all)
    made = Transport(concurrency=100, attempt_seconds=5, sandbox_ca=str(authority))
    left, found = 2000, []
    while left or made.in_flight:
        while left and made.free > 0:
            made.start(post_to(server, left))
            left -= 1
        found += made.poll(0.05)
    made.close()
    assert statuses(found) == [201] * 2000
    assert len(server.requests) == 2000
    assert 1 <= server.connections <= 4
    assert found[0].headers == {"ttl": "60"}


def test_what_is_over_the_servers_limit_waits_its_turn(start: Any, quick: Transport) -> None:
    most = [0]

    def run(talk: Conversation) -> None:
        waiting: list[int] = []
        while True:
            waiting += talk.hear()
            most[0] = max(most[0], talk.h2.open_inbound_streams)
            time.sleep(0.002)
            while waiting:
                talk.answer(waiting.pop(0))

    server = start(run, MAX_CONCURRENT_STREAMS=3)
    replies(quick, post_to(server, 0))  # its settings are known now
    assert statuses(replies(quick, *(post_to(server, n) for n in range(20)))) == [201] * 20
    assert most[0] <= 3
    assert server.connections <= 4


def test_a_connection_that_ends_every_few_requests_loses_and_repeats_nothing(
    start: Any, quick: Transport
) -> None:
    """GOAWAY: what is above its last stream is sent anew, what is below is answered."""

    def run(talk: Conversation) -> None:
        for number in range(7):
            for stream in talk.hear():
                talk.answer(stream)
                if number == 6:
                    talk.h2.close_connection(last_stream_id=stream)
                    talk.flush()
                    return

    server = start(run)
    found = []
    for _ in range(30):
        found += replies(quick, *(post_to(server, n) for n in range(10)))
    assert {reply.status for reply in found if not reply.is_ambiguous} == {201}
    assert server.connections > 2


def test_a_stream_that_is_refused_is_sent_again_and_one_that_is_reset_is_not(
    start: Any, quick: Transport
) -> None:
    """RFC 9113 section 8.7: REFUSED_STREAM says that nothing was done; anything else leaves it open (FT-13)."""
    seen: list[int] = []

    def run(talk: Conversation) -> None:
        while True:
            for stream in talk.hear():
                seen.append(stream)
                if len(seen) == 1:
                    talk.h2.reset_stream(stream, 0x7)
                elif len(seen) == 2:
                    talk.answer(stream)
                else:
                    talk.h2.reset_stream(stream, 0x2)
                talk.flush()

    server = start(run)
    [first] = replies(quick, post_to(server, 0))
    assert (first.status, first.is_ambiguous, len(seen)) == (201, False, 2)
    [second] = replies(quick, post_to(server, 1))
    assert (second.status, second.is_ambiguous, len(seen)) == (0, True, 3)


def test_a_body_waits_for_the_servers_window(start: Any, quick: Transport) -> None:
    """Eight octets at a time, and a window that is opened step by step."""

    def run(talk: Conversation) -> None:
        while True:
            for stream in talk.hear():
                assert talk.bodies[stream] == BODY
                talk.answer(stream)

    server = start(run, INITIAL_WINDOW_SIZE=8)
    assert statuses(replies(quick, post_to(server, 0), post_to(server, 1))) == [201, 201]


@pytest.mark.parametrize("kind", ["many fields", "one large field", "continuation flood", "garbage", "reset"])
def test_a_server_that_breaks_the_protocol_costs_its_own_requests_only(
    start: Any, quick: Transport, kind: str
) -> None:
    def run(talk: Conversation) -> None:
        [stream, *_] = talk.hear()
        break_protocol(talk, stream, kind)

    broken, healthy = start(run), start(answer_all)
    started = time.monotonic()
    found = replies(quick, post_to(broken, 0), post_to(healthy, 1), post_to(broken, 2))
    assert time.monotonic() - started < DEADLINE * 10
    assert statuses(found) == [0, 201, 0]
    assert found[0].is_ambiguous
    assert found[0].error
    assert statuses(replies(quick, post_to(healthy, 3))) == [201]


def break_protocol(talk: Conversation, stream: int, kind: str) -> None:
    if kind == "many fields":
        talk.answer(stream, [(":status", "201"), *((f"x-{n}", "y" * 100) for n in range(2000))])
    elif kind == "one large field":
        talk.answer(stream, [(":status", "201"), ("x", "y" * 200_000)])
    elif kind == "continuation flood":
        talk.socket.sendall(_frame(0x1, 0, stream, b"\x88"))
        for _ in range(5000):
            talk.socket.sendall(_frame(0x9, 0, stream, b"\x0f\x00\x01a\x01b"))
    elif kind == "garbage":
        talk.socket.sendall(b"\xff" * 1000)
    else:
        talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talk.socket.close()


def _frame(kind: int, flags: int, stream: int, data: bytes) -> bytes:
    return len(data).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + data


def test_an_answer_whose_body_is_too_long_or_breaks_off_still_counts(start: Any, quick: Transport) -> None:
    def run(talk: Conversation) -> None:
        while True:
            for stream in talk.hear():
                talk.h2.send_headers(stream, [(":status", "410")])
                for _ in range(3):
                    talk.h2.send_data(stream, b"x" * 16_000)
                talk.flush()

    server = start(run)
    started = time.monotonic()
    [reply] = replies(quick, post_to(server, 0))
    assert (reply.status, reply.text) == (410, "x" * 2048)
    assert time.monotonic() - started < DEADLINE + 0.5


def test_a_stream_without_an_answer_ends_at_the_deadline_and_the_others_go_on(
    start: Any, quick: Transport
) -> None:
    """FT-10: the total deadline, per request and not per connection."""

    def run(talk: Conversation) -> None:
        while True:
            for stream in talk.hear():
                if stream != 1:
                    talk.answer(stream)

    server = start(run)
    started = time.monotonic()
    found = replies(quick, *(post_to(server, n) for n in range(10)))
    assert sorted(statuses(found)) == [0] + [201] * 9
    assert DEADLINE - 0.05 < time.monotonic() - started < DEADLINE + 0.5
    assert server.connections == 1


def test_settings_that_forbid_everything_for_a_while_are_obeyed(start: Any, quick: Transport) -> None:
    def run(talk: Conversation) -> None:
        talk.h2.update_settings({0x3: 0})
        talk.flush()
        time.sleep(0.1)
        talk.h2.update_settings({0x3: 10})
        talk.flush()
        answer_all(talk)

    server = start(run)
    found = replies(quick, *(post_to(server, n) for n in range(10)))
    assert statuses(found) == [201] * 10


def test_a_name_that_does_not_resolve_is_a_passing_error(quick: Transport, start: Any) -> None:
    """FT-14: temporary, and not the guard's word."""
    server = start(answer_all)
    post = post_to(server, 0)._replace(origin="https://nowhere.invalid", is_sandbox=False)
    [reply] = replies(quick, post)
    assert (reply.status, reply.is_refused, reply.is_ambiguous) == (0, False, False)
    assert "resolved" in reply.error


def test_a_resolver_that_hangs_does_not_outlast_the_deadline_or_hold_up_others(
    start: Any, quick: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FT-14: 30 s in getaddrinfo."""
    server = start(answer_all)
    ask = socket.getaddrinfo

    def slow(host: Any, *given: Any, **named: Any) -> Any:
        if host == "slow.example":
            time.sleep(3)
        return ask(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    started = time.monotonic()
    hanging = post_to(server, 0)._replace(origin="https://slow.example", is_sandbox=False)
    found = replies(quick, hanging, post_to(server, 1))
    assert time.monotonic() - started < DEADLINE + 0.5
    assert statuses(found) == [0, 201]
    assert not found[0].is_ambiguous


def test_an_address_that_does_not_answer_gives_way_to_the_names_next(
    start: Any, quick: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start(answer_all)
    good = module.resolve

    def both(target: Any, done: Any) -> None:
        def tell(found: Found) -> None:
            bad = found.addresses[0]._replace(family=socket.AF_INET, place=("127.0.0.9", 1))
            done(Found([bad, *found.addresses]))

        good(target, tell)

    monkeypatch.setattr(module, "resolve", both)
    assert statuses(replies(quick, post_to(server, 0))) == [201]


def test_memory_stays_flat_over_many_requests(start: Any, authority: Path) -> None:
    server = start(answer_all)
    made = Transport(concurrency=50, attempt_seconds=5, sandbox_ca=str(authority))

    def send(number: int) -> None:
        left = number
        while left or made.in_flight:
            while left and made.free > 0:
                made.start(post_to(server, left))
                left -= 1
            made.poll(0.05)

    send(500)
    tracemalloc.start()
    send(500)
    before = tracemalloc.get_traced_memory()[0]
    send(2000)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    made.close()
    server.requests.clear()
    assert after - before < 2_000_000  # what the server's own list and the heap's slack hold
