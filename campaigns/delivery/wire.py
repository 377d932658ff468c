"""One TLS connection to a push service, and what both versions of HTTP have in common on it."""

import os
import selectors
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from campaigns.delivery.dialling import words_of
from truepush.lib.version import VERSION

MOST_ANSWER = 64 * 1024
MOST_TEXT = 2048
READ_OCTETS = 256 * 1024
USER_AGENT = f"Truepush/{VERSION.rpartition('.')[0]}".encode()
KEPT_HEADERS = frozenset({b"retry-after", b"ttl", b"x-wns-status", b"apns-id"})


class Post(NamedTuple):
    """One request. `key` comes back with its reply; `target` is a secret and never leaves this module in a text.

    `origin` is "https://host[:port]", `target` path and query. Names of `headers` are lower case; the same tuple
    object may serve many posts, its encoded form is then made once.
    """

    key: Any
    origin: str
    target: str
    is_sandbox: bool
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(slots=True)
class Reply:
    """`status` is 0 when no complete answer came: then `error` says why, and `is_refused` if our guard did it.

    `is_ambiguous` is set when no answer came but the push service may have got the request.
    """

    key: Any
    status: int
    headers: dict[str, str]
    text: str
    error: str = ""
    is_refused: bool = False
    is_ambiguous: bool = False


@dataclass(slots=True, eq=False)
class Attempt:
    """A request under way. `is_sent` once a server may have acted on it."""

    post: Post
    deadline: float
    status: int = 0
    headers: dict[str, str] | None = None
    text: bytearray | None = None
    octets: int = 0
    is_sent: bool = False
    is_over: bool = False
    repeats: int = 0
    wire: "Wire | None" = None
    stream: int = 0

    def keep(self, name: bytes, value: bytes) -> None:
        """Keep a header field of the answer that is one of KEPT_HEADERS."""
        if self.headers is None:
            self.headers = {}
        self.headers[name.decode()] = value.decode("latin-1").strip()[:200]

    def add(self, data: bytes) -> bool:
        """Keep the start of the answer's body; False when it has had enough octets."""
        self.octets += len(data)
        if self.text is None:
            self.text = bytearray()
        if len(self.text) < MOST_TEXT:
            self.text += data[: MOST_TEXT - len(self.text)]
        return self.octets <= MOST_ANSWER


class Owner(Protocol):
    """Whoever hands requests to wires and takes what comes of them."""

    def ended(self, attempt: Attempt, error: str = "") -> None:
        """The answer is complete, or with an error there is none; one whose status is known counts as answered."""

    def again(self, attempt: Attempt) -> None:
        """The server surely did not act on it: it may be sent on another connection."""

    def greeted(self, wire: "Wire", protocol: str) -> None:
        """TLS is up; the server chose this protocol."""

    def has_room(self, wire: "Wire") -> None:
        """The server has said how many requests it takes."""

    def gone(self, wire: "Wire") -> None:
        """The connection takes nothing any more; its socket is still open."""

    def closed(self, wire: "Wire", error: str) -> None:
        """The connection is closed, and what was on it has been told."""


class Talk(Protocol):
    """The protocol spoken on a wire."""

    @property
    def is_ready(self) -> bool: ...
    @property
    def room(self) -> int: ...
    @property
    def busy(self) -> int: ...
    def send(self, attempt: Attempt) -> bool: ...
    def outgoing(self) -> bytes: ...
    def incoming(self, data: bytes) -> None: ...
    def cancel(self, attempt: Attempt) -> None: ...
    def drop(self) -> list[Attempt]: ...


class Wire:
    """A non-blocking TLS connection that belongs to one origin.

    TLS works on memory: one system call then takes in, or gives out, many records; on the socket itself each record
    costs two (measured: 70 us of CPU a request instead of 20).
    """

    def __init__(self, owner: Owner, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._owner = owner
        self.sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self.talk: Talk | None = None
        self.is_closed = False
        self.is_connected = False
        self.since = self.heard = self.used = time.monotonic()
        self._pending = b""

    @property
    def is_up(self) -> bool:
        return self.talk is not None and not self.is_closed

    @property
    def wants(self) -> int:
        """Which events the selector should tell of."""
        if not self.is_connected:
            return selectors.EVENT_WRITE
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._pending else 0)

    def close(self, error: str = "connection closed") -> None:
        """Close, and give every request that was on it back: sent ones as unanswered, others to be sent again."""
        if self.is_closed:
            return
        self.is_closed = True
        attempts = self.talk.drop() if self.talk else []
        self._owner.gone(self)
        self.sock.close()
        for attempt in attempts:
            if attempt.is_sent or attempt.status:
                self._owner.ended(attempt, error)
            else:
                self._owner.again(attempt)
        self._owner.closed(self, error)

    def serve(self, *, readable: bool) -> None:
        """Go on with whatever is possible now."""
        try:
            if not self.is_connected:
                self._check_connected()
            if readable:
                self._read()
            if self.talk is None and not self.is_closed:
                self._greet()
            self.flush()
        except (OSError, ssl.CertificateError) as error:
            self.close(words_of(error))

    def _check_connected(self) -> None:
        code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self.is_connected = True

    def _greet(self) -> None:
        """Go on with the handshake; its end brings the protocol."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        self._owner.greeted(self, self._tls.selected_alpn_protocol() or "http/1.1")
        self._decrypt()

    def _read(self) -> None:
        try:
            data = self.sock.recv(READ_OCTETS)
        except BlockingIOError:
            return
        if not data:
            self.close("connection closed by the push service")
            return
        self.heard = time.monotonic()
        self._in.write(data)
        if self.talk is not None:
            self._decrypt()

    def _decrypt(self) -> None:
        """Hand on what is in the records that have come."""
        parts = []
        is_over = False
        try:
            while data := self._tls.read(READ_OCTETS):
                parts.append(data)
            is_over = True
        except ssl.SSLWantReadError:
            pass
        if parts and self.talk is not None:
            self.talk.incoming(b"".join(parts))
        if is_over:
            self.close("connection closed by the push service")

    def flush(self) -> None:
        """Write what the protocol has to say, as far as the socket takes it."""
        if self.is_closed:
            return
        if self.talk is not None and (said := self.talk.outgoing()):
            self._tls.write(said)
        data = self._pending + self._out.read() if self._pending else self._out.read()
        self._pending = b""
        while data:
            try:
                count = self.sock.send(data)
            except BlockingIOError:
                self._pending = data
                return
            data = data[count:]
