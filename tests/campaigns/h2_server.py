"""A real HTTP/2 server over TLS whose connections do what a test says; h2 keeps the protocol, tests break it."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings

from tests.campaigns.raw_server import RawServer
from truepush.local.sandbox.authority import server_context

SETTINGS = h2.settings.SettingCodes
CREATED = [(":status", "201"), ("ttl", "60"), ("location", "/m/1")]


class Conversation:
    """One connection: `streams` are those that were asked and not answered, `bodies` what came on each."""

    def __init__(
        self, server: RawServer, connection: socket.socket, settings: dict[int, int] | None = None
    ) -> None:
        self.server, self.socket = server, connection
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, validate_outbound_headers=False)
        )
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=False, initial_values=settings)
        self.h2.initiate_connection()
        self.bodies: dict[int, bytes] = {}
        self.complete: list[int] = []
        self.flush()

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def hear(self) -> list[int]:
        """Wait for more and answer the streams whose requests have become complete; [] at the end."""
        while True:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError
            done = []
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.server.requests.append(repr(event.headers).encode())
                    self.bodies[event.stream_id] = b""
                elif isinstance(event, h2.events.DataReceived):
                    self.bodies[event.stream_id] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    done.append(event.stream_id)
            self.flush()
            if done:
                return done

    def answer(self, stream: int, headers: list[tuple[str, str]] | None = None, body: bytes = b"") -> None:
        self.h2.send_headers(stream, headers or CREATED, end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.flush()


def talking(run: Callable[[Conversation], None], **settings: int) -> Any:
    """Make a handler for RawServer that speaks HTTP/2 with each client."""
    chosen = {int(SETTINGS[name]): value for name, value in settings.items()}

    def handler(server: RawServer, connection: socket.socket) -> None:
        run(Conversation(server, connection, chosen))

    return handler


def h2_context(authority: Any) -> ssl.SSLContext:
    context = server_context(authority)
    context.set_alpn_protocols(["h2"])
    return context


def answer_all(talk: Conversation) -> None:
    while True:
        for stream in talk.hear():
            talk.answer(stream)
