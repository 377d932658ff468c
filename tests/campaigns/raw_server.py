"""Servers that misbehave, one octet at a time if need be, and the requests that meet them."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from campaigns.delivery.transport import Post, Reply, Transport

Handler = Callable[["RawServer", socket.socket], None]
Serve = Callable[..., "RawServer"]
TARGET = "/push/secret-token"
BODY = bytes(range(256))
HEADERS = (("ttl", "60"), ("content-type", "application/octet-stream"))
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nTTL: 60\r\nLocation: /m/1\r\n\r\n"
DEADLINE = 0.5


class RawServer:
    """Listens on loopback, counts connections, and gives each one to a handler in a thread of its own."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext, host: str) -> None:
        self._handler, self._tls = handler, tls
        self._listener = socket.create_server((host, 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return self.origin + TARGET

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def close(self) -> None:
        self.ended.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            # never_greeting takes the bare connection
            if self._handler is never_greeting:
                self._handler(self, connection)
                return
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self._handler(self, secured)


def read_request(connection: socket.socket) -> bytes:
    """Read one request whole; raises OSError when the client goes."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise ConnectionResetError
    return received


def answering(*answers: bytes) -> Handler:
    """Answer the requests of a connection with these octets, the last one again and again."""

    def handler(server: RawServer, connection: socket.socket) -> None:
        for number in range(1000):
            server.requests.append(read_request(connection))
            connection.sendall(answers[min(number, len(answers) - 1)])

    return handler


def dripping(start: bytes, drop: bytes) -> Handler:
    """Answer with a start, and then with a drop every 50 ms for as long as somebody listens."""

    def handler(server: RawServer, connection: socket.socket) -> None:
        server.requests.append(read_request(connection))
        connection.sendall(start)
        while not server.ended.wait(0.05):
            connection.sendall(drop)

    return handler


def silent(server: RawServer, connection: socket.socket) -> None:
    """Take everything and say nothing, until the client goes."""
    server.requests.append(read_request(connection))
    connection.recv(1)


def never_greeting(server: RawServer, connection: socket.socket) -> None:
    """Accept the connection and not even begin with TLS."""
    server.ended.wait(30)


def post_to(server: RawServer, key: Any = 0, *, is_sandbox: bool = True) -> Post:
    return Post(key, server.origin, TARGET, is_sandbox, HEADERS, BODY)


def replies(transport: Transport, *posts: Post) -> list[Reply]:
    """Send them all and wait for what comes of each, in order of their keys."""
    for post in posts:
        transport.start(post)
    found = transport.poll(0)
    while transport.in_flight:
        found += transport.poll(0.05)
    return sorted(found, key=lambda reply: reply.key)


def one_reply(transport: Transport, server: RawServer) -> Reply:
    [reply] = replies(transport, post_to(server))
    return reply
