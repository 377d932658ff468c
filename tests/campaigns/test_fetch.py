"""Fetching a picture from an address: over real TLS, through the guard, within limits whatever the server does."""

import socket
import ssl
import time
from pathlib import Path

import pytest

from tests.campaigns.raw_server import Handler, RawServer, Serve
from truepush.lib.fetch import FetchRefused, fetch
from truepush.lib.guarded import Trust

HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
SECONDS = 1.0
MOST = 1000


@pytest.fixture
def trust(authority: Path) -> Trust:
    return Trust(ssl.create_default_context(cafile=str(authority)), allow_loopback=True)


def head_of(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError
        received += piece
    return received


def saying(*answers: bytes) -> Handler:
    """Answer each connection with the next of these, the last one again and again, and close."""

    def handler(server: RawServer, connection: socket.socket) -> None:
        server.requests.append(head_of(connection))
        connection.sendall(answers[min(len(server.requests), len(answers)) - 1])

    return handler


def dripping(start: bytes, drop: bytes) -> Handler:
    def handler(server: RawServer, connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(start)
        while not server.ended.wait(0.05):
            connection.sendall(drop)

    return handler


def get(server: RawServer, trust: Trust) -> bytes:
    return fetch(f"{server.origin}/a.png?b=c", most=MOST, accept="image/png", trust=trust, seconds=SECONDS)


@pytest.mark.parametrize("answer", [HELLO, CHUNKED, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"])
def test_a_file_is_fetched_whole(serve: Serve, trust: Trust, answer: bytes) -> None:
    server = serve(saying(answer))
    assert get(server, trust) == b"hello"
    head = server.requests[0].decode()
    assert head.startswith("GET /a.png?b=c HTTP/1.1\r\n")
    assert "Accept: image/png\r\n" in head
    assert "cookie" not in head.lower()


def test_redirects_are_followed_a_few_times_and_each_is_looked_at(serve: Serve, trust: Trust) -> None:
    def onward(place: str) -> bytes:
        return f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()

    assert get(serve(saying(onward("/b"), onward("/c"), HELLO)), trust) == b"hello"
    with pytest.raises(FetchRefused, match="leads on more than 3 times"):
        get(serve(saying(onward("/again"))), trust)
    for place, said in (
        ("http://localhost/x", "begins with https://"),
        ("https://10.0.0.1/x", "10.0.0.1 is not a public address"),
        ("https://169.254.169.254/latest/meta-data", "is not a public address"),
        ("file:///etc/passwd", "begins with https://"),
    ):
        server = serve(saying(onward(place)))
        with pytest.raises(FetchRefused, match=said):
            get(server, trust)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/x", "https://[::1]/x", "https://localhost/x", "https://0x7f.1/x", "https://2130706433/x",
     "https://[::ffff:127.0.0.1]/x", "https://192.168.1.1/x", "https://100.100.100.200/x"],
)  # fmt: skip
def test_sr06_an_address_that_is_not_public_is_never_dialled(url: str) -> None:
    with pytest.raises(FetchRefused, match=r"is not a public address|cannot be reached"):
        fetch(url, most=MOST, accept="*/*")


@pytest.mark.parametrize(
    "url",
    ["http://example.com/x", "ftp://example.com/x", "https://user:pass@example.com/x", "https:///x", "x",
     "https://exa mple.com", "https://example.com:99999/x", "https://example.com/\r\nHost: evil", "https://ex\u00e4mple.com/x"],
)  # fmt: skip
def test_what_is_no_https_address_is_refused(url: str) -> None:
    with pytest.raises(FetchRefused, match="Give a full address"):
        fetch(url, most=MOST, accept="*/*")


def test_a_name_that_cannot_be_one_is_refused_in_words() -> None:
    with pytest.raises(FetchRefused, match="cannot be reached"):
        fetch(f"https://{'a' * 70}.example/x", most=MOST, accept="*/*")


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "answers 404"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000), "more than 1,000 bytes"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhello"), "cannot be reached"),
        (saying(b"nonsense\r\n\r\n"), "cannot be reached"),
        (saying(b""), "cannot be reached"),
        (saying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9000), "cannot be reached"),
        (dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), "did not answer in time"),
        (dripping(b"HTTP/1.1 200 OK\r\nX-", b"x"), "did not answer in time"),
    ],
)  # fmt: skip
def test_what_a_server_can_do_wrong(serve: Serve, trust: Trust, handler: Handler, said: str) -> None:
    started = time.monotonic()
    with pytest.raises(FetchRefused, match=said):
        get(serve(handler), trust)
    assert time.monotonic() - started < 10 * SECONDS


def test_a_certificate_that_nobody_signed_is_refused(serve: Serve) -> None:
    server = serve(saying(HELLO))
    with pytest.raises(FetchRefused, match="The certificate of localhost is not valid"):
        get(server, Trust(allow_loopback=True))
    assert server.requests == []
