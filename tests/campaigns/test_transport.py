"""The transport against servers that misbehave: limits, deadline, guard, and nothing left behind."""

import gzip
import os
import resource
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from campaigns.delivery.transport import MOST_ANSWER, Post, Reply, Transport, header_lines
from tests.campaigns.raw_server import (
    Handler,
    RawServer,
    answering,
    dripping,
    never_greeting,
    raw_server,
    read_request,
    silent,
)
from truepush.local.sandbox.authority import server_context

BODY = bytes(range(256))
HEADERS = header_lines([("TTL", "60"), ("Content-Type", "application/octet-stream")])
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nTTL: 60\r\nLocation: /m/1\r\n\r\n"
DEADLINE = 0.5
Serve = Callable[..., RawServer]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    server_context(path)
    return path


@pytest.fixture
def serve(ca: Path) -> Iterator[Serve]:
    """Start a server with the sandbox's kind of certificate, or another one."""
    running = []

    def start(handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> RawServer:
        manager = raw_server(handler, tls or server_context(ca), host)
        running.append(manager)
        return manager.__enter__()

    yield start
    for manager in running:
        manager.__exit__(None, None, None)


@pytest.fixture
def client(ca: Path) -> Iterator[Transport]:
    made = Transport(concurrency=20, attempt_seconds=DEADLINE, sandbox_ca=str(ca))
    yield made
    made.close()


def post_to(server: RawServer, key: Any = 0, *, is_sandbox: bool = True) -> Post:
    return Post(key, server.url, is_sandbox, HEADERS, BODY)


def replies(client: Transport, *posts: Post) -> list[Reply]:
    """Send them all and wait for what comes of each, in order of their keys."""
    for post in posts:
        client.start(post)
    found: list[Reply] = []
    while client.in_flight:
        found += client.poll(0.05)
    return sorted(found, key=lambda reply: reply.key)


def one_reply(client: Transport, server: RawServer) -> Reply:
    [reply] = replies(client, post_to(server))
    return reply


def test_a_request_travels_as_it_was_made(serve: Serve, client: Transport) -> None:
    """PS-01"""
    server = serve(answering(CREATED))
    reply = one_reply(client, server)
    assert reply == Reply(0, 201, {"ttl": "60"}, "")
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == BODY
    assert sorted(head.decode().split("\r\n")) == [
        "Content-Length: 256",
        "Content-Type: application/octet-stream",
        f"Host: localhost:{server.port}",
        "POST /push/secret-token HTTP/1.1",
        "TTL: 60",
        "User-Agent: Truepush/0.1",
    ]


def test_connections_are_reused(serve: Serve, client: Transport) -> None:
    """PS-16: at most one connection for each request in flight, and none anew while one is free."""
    server = serve(answering(CREATED))
    for _ in range(10):
        assert {reply.status for reply in replies(client, *(post_to(server, n) for n in range(20)))} == {201}
    assert len(server.requests) == 200
    assert server.connections <= 20


def test_a_cookie_is_never_sent_back(serve: Serve, client: Transport) -> None:
    server = serve(answering(CREATED.replace(b"TTL: 60", b"Set-Cookie: id=1")))
    replies(client, post_to(server))
    replies(client, post_to(server))
    assert all(b"ookie" not in request for request in server.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(serve: Serve, client: Transport, status: int) -> None:
    """PS-12"""
    target = serve(answering(CREATED))
    server = serve(
        answering(f"HTTP/1.1 {status} Moved\r\nLocation: {target.url}\r\nContent-Length: 0\r\n\r\n".encode())
    )
    assert one_reply(client, server).status == status
    assert target.connections == 0


def test_a_wait_that_the_service_asks_for_comes_back(serve: Serve, client: Transport) -> None:
    answer = b"HTTP/1.1 429 Slow\r\nretry-AFTER:  120 \r\nX-WNS-Status: appthrottled\r\nContent-Length: 4\r\n\r\nslow"
    reply = one_reply(client, serve(answering(answer)))
    assert reply == Reply(0, 429, {"retry-after": "120", "x-wns-status": "appthrottled"}, "slow")


def test_an_interim_answer_is_not_the_answer(serve: Serve, client: Transport) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
    assert one_reply(client, serve(answering(early + CREATED))) == Reply(0, 201, {"ttl": "60"}, "")


@pytest.mark.parametrize("handler", [silent, never_greeting], ids=["no answer", "no TLS"])
def test_a_service_that_says_nothing_is_left_at_the_deadline(
    serve: Serve, client: Transport, handler: Any
) -> None:
    """FT-10, for many requests at once"""
    started = time.monotonic()
    found = replies(client, *(post_to(serve(handler), number) for number in range(5)))
    assert DEADLINE - 0.05 < time.monotonic() - started < DEADLINE + 0.5
    assert [(reply.status, reply.is_refused) for reply in found] == [(0, False)] * 5
    assert all("timed out" in reply.error for reply in found)


def test_requests_that_wait_for_one_silent_connection_end_at_the_deadline_too(
    serve: Serve, client: Transport
) -> None:
    server = serve(never_greeting)
    started = time.monotonic()
    found = replies(client, *(post_to(server, number) for number in range(20)))
    assert time.monotonic() - started < DEADLINE + 0.5
    assert [reply.status for reply in found] == [0] * 20


def test_an_answer_that_drips_ends_at_the_deadline(serve: Serve, client: Transport) -> None:
    """L11: the deadline is for the whole attempt, not for each read."""
    started = time.monotonic()
    reply = one_reply(client, serve(dripping(b"HTTP/1.1 201 Created\r\n", b"X-Drip: drip\r\n")))
    assert DEADLINE - 0.05 < time.monotonic() - started < DEADLINE + 0.5
    assert (reply.status, reply.text) == (0, "")


@pytest.mark.parametrize("status", [201, 410])
def test_a_body_that_drips_changes_nothing_in_what_was_said(
    serve: Serve, client: Transport, status: int
) -> None:
    """After "201" a repeat would reach the browser twice."""
    head = f"HTTP/1.1 {status} Said\r\nContent-Length: 9999\r\n\r\n".encode()
    started = time.monotonic()
    assert one_reply(client, serve(dripping(head, b"d"))).status == status
    assert time.monotonic() - started < DEADLINE + 0.5


def test_of_a_long_answer_only_64_kb_are_read(serve: Serve, client: Transport) -> None:
    """L12"""
    sent = 0

    def handler(server: RawServer, connection: Any) -> None:
        nonlocal sent
        read_request(connection)
        connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 99999999\r\n\r\n")
        for _ in range(999):
            connection.sendall(b"x" * 99_999)
            sent += 99_999

    reply = one_reply(client, serve(handler))
    assert (reply.status, reply.text) == (500, "x" * 2048)
    # What is in the sockets' buffers was sent, too.
    assert MOST_ANSWER <= sent + 99_999 < 20_000_000
    assert client.in_flight == 0


def test_a_compressed_answer_is_not_unpacked(serve: Serve, client: Transport) -> None:
    """L12: 200 kB of gzip become 200 MB."""
    packed = gzip.compress(bytes(10_000_000))
    head = f"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    reply = one_reply(client, serve(answering(head.encode() + packed)))
    assert (reply.status, len(reply.text)) == (400, 2048)


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
def test_garbage_and_broken_connections_are_no_answer(serve: Serve, client: Transport, answer: bytes) -> None:
    def handler(server: RawServer, connection: Any) -> None:
        read_request(connection)
        connection.sendall(answer)

    reply = one_reply(client, serve(handler))
    assert (reply.status, reply.is_refused) == (0, False)
    assert reply.error


def test_an_unknown_authority_gets_no_request(serve: Serve, ca: Path) -> None:
    """SR-11: 0 request bodies, and the error says why."""
    server = serve(answering(CREATED))
    stranger = Transport(concurrency=2, attempt_seconds=DEADLINE, sandbox_ca=certifi.where())
    reply = one_reply(stranger, server)
    stranger.close()
    assert (reply.status, reply.is_refused, server.requests) == (0, False, [])
    assert "certificate" in reply.error


def test_a_certificate_for_another_name_gets_no_request(serve: Serve, client: Transport) -> None:
    """SR-11"""
    server = serve(answering(CREATED), host="127.0.0.2")
    [reply] = replies(client, Post(0, server.url.replace("localhost", "127.0.0.2"), True, HEADERS, BODY))
    assert (reply.status, reply.is_refused, server.connections, server.requests) == (0, False, 1, [])


def test_an_expired_certificate_gets_no_request(
    serve: Serve, client: Transport, ca: Path, tmp_path: Path
) -> None:
    """SR-11"""
    server = serve(answering(CREATED), tls=expired(ca, tmp_path))
    reply = one_reply(client, server)
    assert (reply.status, server.connections, server.requests) == (0, 1, [])
    assert "expired" in reply.error


def expired(ca: Path, folder: Path) -> ssl.SSLContext:
    """A certificate of the same authority and name that ended yesterday."""
    authority = x509.load_pem_x509_certificate(ca.read_bytes())
    authority_key = load_pem_private_key((ca.parent / "ca-key.pem").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(yesterday - timedelta(days=1))
        .not_valid_after(yesterday)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(authority_key, hashes.SHA256())  # type: ignore[arg-type]
    )
    file = folder / "expired.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_plain_http_is_not_spoken(serve: Serve, client: Transport) -> None:
    server = serve(answering(CREATED))
    [reply] = replies(client, Post(0, server.url.replace("https", "http"), True, HEADERS, BODY))
    assert (reply.status, server.connections) == (0, 0)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::1]", "0.0.0.0"],  # noqa: S104  # a name here
)
def test_the_guard_refuses_every_way_to_this_machine(serve: Serve, client: Transport, host: str) -> None:
    """SR-06, L10: the resolved address is judged, before anything is dialled."""
    server = serve(answering(CREATED))
    url = server.url.replace("localhost", host)
    [reply] = replies(client, Post(0, url, False, HEADERS, BODY))
    assert (reply.status, reply.is_refused, server.connections) == (0, True, 0)


def test_the_guard_refuses_private_networks(client: Transport) -> None:
    hosts = [
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "[fe80::1]",
    ]
    posts = [Post(n, f"https://{host}/x", False, HEADERS, BODY) for n, host in enumerate(hosts)]
    assert [(reply.status, reply.is_refused) for reply in replies(client, *posts)] == [(0, True)] * len(hosts)


def test_the_sandboxs_connection_is_not_lent_to_other_endpoints(serve: Serve, client: Transport) -> None:
    """Loopback is allowed for the sandbox's origin alone."""
    server = serve(answering(CREATED))
    assert one_reply(client, server).status == 201
    [reply] = replies(client, post_to(server, is_sandbox=False))
    assert (reply.status, reply.is_refused) == (0, True)
    assert (server.connections, len(server.requests)) == (1, 1)


def test_the_sandbox_may_be_on_this_machine_only(client: Transport) -> None:
    [reply] = replies(client, Post(0, "https://10.0.0.1/x", True, HEADERS, BODY))
    assert (reply.status, reply.is_refused) == (0, True)


def test_no_proxy_of_the_environment_is_asked(
    serve: Serve, client: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SR-10"""
    proxy, server = serve(silent), serve(answering(CREATED))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert one_reply(client, server).status == 201
    [refused] = replies(client, post_to(server, is_sandbox=False))
    assert (refused.is_refused, proxy.connections) == (True, 0)


def test_no_error_tells_the_endpoint(serve: Serve, client: Transport) -> None:
    """PR-07"""
    closed = serve(silent)
    closed.close()
    posts = [
        post_to(closed, 0),
        post_to(closed, 1, is_sandbox=False),
        Post(2, "https://does-not-exist.invalid/push/secret-token", False, HEADERS, BODY),
        Post(3, f"http://localhost:{closed.port}/push/secret-token", True, HEADERS, BODY),
        Post(4, "https://localhost:bad/push/secret-token", True, HEADERS, BODY),
    ]
    for reply in replies(client, *posts):
        assert reply.status == 0
        assert reply.error
        assert "secret" not in repr(reply)
        assert "/push" not in repr(reply)


def test_what_is_abandoned_stays_away_and_the_transport_works_on(serve: Serve, client: Transport) -> None:
    slow, server = serve(silent), serve(answering(CREATED))
    for number in range(20):
        client.start(post_to(slow, number))
    client.poll(0.1)
    assert sorted(client.abandon()) == list(range(20))
    assert (client.in_flight, client.free) == (0, 20)
    assert replies(client, post_to(server, "next")) == [Reply("next", 201, {"ttl": "60"}, "")]


def test_nothing_is_left_open(serve: Serve, ca: Path) -> None:
    """Ten transports that end badly leave no descriptor behind."""
    server = serve(silent)

    def use() -> None:
        made = Transport(concurrency=10, attempt_seconds=DEADLINE, sandbox_ca=str(ca))
        for number in range(10):
            made.start(post_to(server, number))
        made.poll(0.05)
        made.close()

    use()
    before = _open_sockets()
    for _ in range(10):
        use()
    # The server's threads close theirs a moment later.
    deadline = time.monotonic() + 3
    while _open_sockets() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _open_sockets() <= before


def _open_sockets() -> int:
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(entry))
        except FileNotFoundError:
            continue
    return sum(link.startswith("socket:") for link in links)


def test_descriptors_over_1024_are_served(serve: Serve, client: Transport) -> None:
    """select() takes numbers below 1,024 only; requests go on without it, and without a processor's full time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip(f"this machine allows {hard} open files, the test needs 2,048")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        server, never = serve(answering(CREATED)), serve(silent)
        found = replies(client, *(post_to(server, number) for number in range(20)))
        assert [reply.status for reply in found] == [201] * 20
        used = time.process_time()
        assert one_reply(client, never).status == 0
        assert time.process_time() - used < DEADLINE / 2
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_header_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        header_lines([("TTL", "60\r\nX-Evil: 1")])
