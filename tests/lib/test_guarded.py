"""One request through the guard: each address is checked, and the one that was checked is dialled."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from truepush.lib.guarded import Answer, Failure, GetFailed, Trust, get
from truepush.local.sandbox.authority import server_context

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BOMB = gzip.compress(b"0" * 50_000_000, 9)
MOST = 1_000_000


class Server:
    """Answers each connection on 127.0.0.1 with the same octets; `asked` has the heads."""

    def __init__(self, answer: bytes, tls: ssl.SSLContext | None) -> None:
        self.answer, self._tls = answer, tls
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                with suppress(OSError):
                    self._serve(self._tls.wrap_socket(plain, server_side=True) if self._tls else plain)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            self.asked.append(connection.recv(65536))
            connection.sendall(self.answer)


Start = Callable[..., Server]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority") / "ca.pem"


@pytest.fixture
def start(authority: Path) -> Iterator[Start]:
    running = []

    def begin(answer: bytes = OK, *, is_plain: bool = False) -> Server:
        running.append(Server(answer, None if is_plain else server_context(authority)))
        return running[-1]

    yield begin
    for server in running:
        server.close()


@pytest.fixture
def trust(authority: Path, start: Start) -> Trust:
    server_context(authority)
    return Trust(ssl.create_default_context(cafile=str(authority)), allow_loopback=True)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let names lead where a hostile name server leads them; answers what it was asked."""

    def answering(*answers: tuple[str, ...]) -> list[str]:
        asked: list[str] = []
        left = list(answers)

        def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            addresses = left.pop(0) if len(left) > 1 else left[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return answering


def ask(url: str, trust: Trust | None = None, *, most: int = MOST, seconds: float = 5.0) -> Answer:
    return get(url, most=most, deadline=time.monotonic() + seconds, headers={}, trust=trust)


def refusal(url: str, trust: Trust | None = None) -> Failure:
    with pytest.raises(GetFailed) as caught:
        ask(url, trust)
    return caught.value.failure


def test_an_answer_comes_with_its_headers_and_its_certificate(start: Start, trust: Trust) -> None:
    server = start(b"HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\nContent-Length: 5\r\n\r\nhello")
    answer = ask(f"https://localhost:{server.port}/a?b", trust)
    assert (answer.status, answer.body, answer.is_cut, answer.header("a")) == (200, b"hello", False, "1, 2")
    assert answer.certificate_ends is not None
    assert round((answer.certificate_ends - time.time()) / 86_400) == 365
    assert server.asked[0].startswith(b"GET /a?b HTTP/1.1\r\n")
    assert b"Accept-Encoding: identity" in server.asked[0]


def test_a_redirect_is_told_and_not_followed(start: Start, trust: Trust) -> None:
    server = start(b"HTTP/1.1 302 Found\r\nLocation: https://10.0.0.1/\r\nContent-Length: 9\r\n\r\nelsewhere")
    answer = ask(f"https://localhost:{server.port}/", trust)
    assert (answer.status, answer.location, answer.body) == (302, "https://10.0.0.1/", b"")


@pytest.mark.parametrize(
    ("location", "onward"),
    [("/b", "/b"), ("b?c", "/a/b?c"), ("//shop.example/", "https://shop.example/"), ("?x", "/a/?x")],
)
def test_an_address_that_it_leads_on_to_is_made_whole(
    start: Start, trust: Trust, location: str, onward: str
) -> None:
    server = start(f"HTTP/1.1 301 Moved\r\nLocation: {location}\r\n\r\n".encode())
    here = f"https://localhost:{server.port}"
    answer = ask(f"{here}/a/", trust)
    assert answer.onward == (onward if "://" in onward else here + onward)


def test_an_address_that_is_none_is_refused_as_one(start: Start, trust: Trust) -> None:
    server = start(b"HTTP/1.1 301 Moved\r\nLocation: https://[::1/\r\n\r\n")
    with pytest.raises(GetFailed) as caught:
        _ = ask(f"https://localhost:{server.port}/", trust).onward
    assert caught.value.failure == Failure.ADDRESS


def test_sr10_the_address_that_was_checked_is_the_one_that_is_dialled(
    start: Start, trust: Trust, resolver: Callable[..., list[str]]
) -> None:
    """A name that leads elsewhere the second time is not asked a second time (DNS rebinding)."""
    server = start()
    asked = resolver(("127.0.0.1",), ("10.0.0.1",))
    assert ask(f"https://localhost:{server.port}/", trust).body == b"hello"
    assert asked == ["localhost"]
    assert refusal(f"https://localhost:{server.port}/", trust) == Failure.PRIVATE


@pytest.mark.parametrize(
    "addresses",
    [("10.0.0.1",), ("169.254.169.254",), ("127.0.0.1",), ("203.0.114.1", "192.168.0.1"), ("100.100.100.200",)],
)  # fmt: skip
def test_sr10_one_private_address_of_a_name_is_enough_to_refuse_it(
    resolver: Callable[..., list[str]], addresses: tuple[str, ...]
) -> None:
    resolver(addresses)
    assert refusal("https://shop.example/") == Failure.PRIVATE


def test_sr10_a_proxy_of_the_environment_is_not_asked(
    start: Start, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = start(is_plain=True), start()
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert ask(f"https://localhost:{server.port}/", trust).body == b"hello"
    assert proxy.asked == []


def test_plain_http_is_for_this_machine_where_that_is_allowed(start: Start) -> None:
    server = start(is_plain=True)
    local = Trust(allow_loopback=True, allow_plain=True)
    answer = ask(f"http://shop.localhost:{server.port}/", local)
    assert (answer.body, answer.certificate_ends) == (b"hello", None)
    assert f"Host: shop.localhost:{server.port}\r\n".encode() in server.asked[0]
    assert refusal(f"http://shop.localhost:{server.port}/") == Failure.ADDRESS
    assert refusal("http://10.0.0.1/", local) == Failure.PRIVATE


def test_what_is_longer_is_cut_and_what_swells_is_not_unpacked(start: Start, trust: Trust) -> None:
    long = start(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000)
    answer = ask(f"https://localhost:{long.port}/", trust)
    assert (len(answer.body), answer.is_cut) == (MOST, True)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    bomb = ask(f"https://localhost:{start(head % len(BOMB) + BOMB).port}/", trust)
    assert (bomb.body, bomb.is_cut) == (b"0" * MOST, True)
    packed = gzip.compress(b"hello")
    small = ask(f"https://localhost:{start(head % len(packed) + packed).port}/", trust)
    assert (small.body, small.is_cut) == (b"hello", False)
    broken = ask(f"https://localhost:{start(head % 4 + b'none').port}/", trust)
    assert (broken.status, broken.body) == (200, b"")


def test_a_resolver_that_hangs_does_not_outlast_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(20))
    began = time.monotonic()
    with pytest.raises(GetFailed) as caught:
        ask("https://shop.example/", seconds=0.3)
    ended.set()
    assert (caught.value.failure, time.monotonic() - began < 5) == (Failure.TIME, True)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", Failure.CONNECTION),
        (b"nonsense\r\n\r\n", Failure.CONNECTION),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nhello", Failure.CONNECTION),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9000, Failure.CONNECTION),
    ],
)
def test_what_a_server_can_do_wrong(start: Start, trust: Trust, answer: bytes, failure: Failure) -> None:
    assert refusal(f"https://localhost:{start(answer).port}/", trust) == failure


def test_a_server_without_tls_and_one_of_an_unknown_authority(start: Start, trust: Trust) -> None:
    assert refusal(f"https://localhost:{start(is_plain=True).port}/", trust) in (
        Failure.TLS,
        Failure.CONNECTION,
    )
    unknown = Trust(allow_loopback=True)
    assert refusal(f"https://localhost:{start().port}/", unknown) == Failure.CERTIFICATE
