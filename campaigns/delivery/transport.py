"""Many POSTs in flight on few connections, by libcurl's multi interface. It knows HTTP and nothing of campaigns.

The guard: the address that was checked is the one that is dialled (the open-socket callback sees it), redirects are
not followed, no proxy from the environment, https only, one total deadline per attempt, at most 64 kB of an answer.
"""

import ipaddress
import socket
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import certifi
import pycurl

from truepush.lib.outbound import AddressRefused, check_address

MOST_ANSWER = 64 * 1024
MOST_CONNECTIONS = 150
USER_AGENT = "Truepush/0.1"
_KEPT_HEADERS = frozenset({"retry-after", "ttl", "x-wns-status", "apns-id"})


class Post(NamedTuple):
    """One request. `key` comes back with its reply; `url` is a secret and never leaves this module in a text."""

    key: Any
    origin: str
    target: str
    is_sandbox: bool
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass
class Reply:
    """`status` is 0 when no complete answer came: then `error` says why, and `is_refused` if our guard did it."""

    key: Any
    status: int
    headers: dict[str, str]
    text: str
    error: str = ""
    is_refused: bool = False
    is_ambiguous: bool = False


@dataclass
class _Attempt:
    key: Any
    origin: str
    allow_loopback: bool
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytearray = field(default_factory=bytearray)
    has_head: bool = False
    is_refused: bool = False

    def open_socket(self, purpose: int, address: Any) -> Any:
        """Check the resolved address and make the socket that libcurl then dials it with."""
        family, kind, protocol, (host, *_) = address
        name = host.decode() if isinstance(host, bytes) else host
        try:
            check_address(str(ipaddress.ip_address(name)), allow_loopback=self.allow_loopback)
        except (AddressRefused, ValueError):
            self.is_refused = True
            return pycurl.SOCKET_BAD
        self.is_refused = False  # another address of the name may do
        return socket.socket(family, kind, protocol)

    def header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            self.has_head = False  # an interim answer (1xx) may have gone before
            self.headers.clear()
        elif not line.strip():
            self.has_head = True
        name, _, value = line.decode("latin-1").partition(":")
        if name.strip().lower() in _KEPT_HEADERS:
            self.headers[name.strip().lower()] = value.strip()[:200]

    def write(self, data: bytes) -> int:
        """Keep what fits; answering a smaller number makes libcurl drop the rest and close the connection."""
        room = MOST_ANSWER - len(self.answer)
        self.answer += data[:room]
        return len(data) if len(data) <= room else 0


class Transport:
    """At most `concurrency` requests at once; not for use by two threads."""

    def __init__(self, *, concurrency: int, attempt_seconds: float, sandbox_ca: str) -> None:
        self.concurrency = concurrency
        self._attempt_ms = int(attempt_seconds * 1000)
        self._sandbox_ca = sandbox_ca
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, min(concurrency, MOST_CONNECTIONS))
        self._idle: list[pycurl.Curl] = []
        self._running: dict[pycurl.Curl, _Attempt] = {}
        self._of: Counter[str] = Counter()

    @property
    def free(self) -> int:
        return self.concurrency - len(self._running)

    @property
    def in_flight(self) -> int:
        return len(self._running)

    def in_flight_of(self, origin: str) -> int:
        return self._of[origin]

    def wake(self) -> None:
        """Do nothing: a poll is short."""

    def start(self, post: Post) -> None:
        handle = self._idle.pop() if self._idle else pycurl.Curl()
        attempt = _Attempt(post.key, post.origin, post.is_sandbox)
        self._of[post.origin] += 1
        self._prepare(handle, post, attempt)
        self._running[handle] = attempt
        self._multi.add_handle(handle)

    def _prepare(self, handle: pycurl.Curl, post: Post, attempt: _Attempt) -> None:
        handle.reset()
        for option, value in (
            (pycurl.URL, post.origin + post.target),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS),
            (pycurl.PROXY, ""),
            (pycurl.NOSIGNAL, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
            (pycurl.PIPEWAIT, 1),
            (pycurl.CAINFO, self._sandbox_ca if post.is_sandbox else certifi.where()),
            (pycurl.USERAGENT, USER_AGENT),
            (pycurl.HTTPHEADER, [*header_lines(post.headers), "Expect:", "Accept:"]),
            (pycurl.POST, 1),
            (pycurl.POSTFIELDS, post.body),
            (pycurl.TIMEOUT_MS, self._attempt_ms),
            (pycurl.OPENSOCKETFUNCTION, attempt.open_socket),
            (pycurl.HEADERFUNCTION, attempt.header),
            (pycurl.WRITEFUNCTION, attempt.write),
        ):
            handle.setopt(option, value)

    def poll(self, seconds: float) -> list[Reply]:
        """Move the network on, wait at most `seconds` for something to happen, and answer what ended."""
        self._perform()
        done = self._collect()
        if not done and self._running:
            self._multi.select(seconds)
            self._perform()
            done = self._collect()
        return done

    def _perform(self) -> None:
        while self._multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass

    def _collect(self) -> list[Reply]:
        replies: list[Reply] = []
        while True:
            waiting, succeeded, failed = self._multi.info_read()
            replies += [self._finish(handle, "") for handle in succeeded]
            replies += [self._finish(handle, f"{message} (curl {code})") for handle, code, message in failed]
            if not waiting:
                return replies

    def _finish(self, handle: pycurl.Curl, error: str) -> Reply:
        attempt = self._running.pop(handle)
        self._of[attempt.origin] -= 1
        status = handle.getinfo(pycurl.RESPONSE_CODE)
        # Status and headers decide: a body that is too long, drips or breaks off changes nothing, and a repeat after
        # "201" would reach the browser twice.
        is_answer = not error or (attempt.has_head and status >= 200)
        self._multi.remove_handle(handle)
        self._idle.append(handle)
        text = bytes(attempt.answer[:2048]).decode("utf-8", "replace")
        if is_answer:
            return Reply(attempt.key, status, attempt.headers, text)
        return Reply(
            attempt.key, 0, attempt.headers, "", error=_without_address(error), is_refused=attempt.is_refused
        )

    def abandon(self) -> list[Any]:
        """Stop every request in flight; answer their keys, whose outcome nobody knows."""
        keys = []
        for handle, attempt in list(self._running.items()):
            self._multi.remove_handle(handle)
            keys.append(attempt.key)
        self._running.clear()
        self._of.clear()
        return keys

    def close(self) -> None:
        self.abandon()
        for handle in self._idle:
            handle.close()
        self._multi.close()


def _without_address(error: str) -> str:
    """Keep libcurl's words up to the first quote or URL: no part of an endpoint belongs in a log or ledger."""
    return error.split("http", maxsplit=1)[0].split("'", maxsplit=1)[0][:200].strip()


def header_lines(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Write request headers as libcurl takes them; raises ValueError on line breaks."""
    lines = tuple(f"{name}: {value}" for name, value in pairs)
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("A header value has a line break.")
    return lines
