"""The database commits a page, and its answer is lost on the way: nothing of it is written twice, and nothing after it
is left out."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from django.db import connection

from campaigns.delivery.sender import Sender
from campaigns.delivery.transport import Transport
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    figures,
    fresh,
    launch,
)

SIZE = 60


class Wire:
    """Between this thread and PostgreSQL; `lost` are commits of pages whose answer did not get through, once."""

    def __init__(self, host: str, port: int, *, most: int) -> None:
        self._to, self._most, self.lost = (host, port), most, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        """PostgreSQL is asked and answers in turn, so the answer of a commit is what comes next."""
        has_page = False
        with near, socket.create_connection(self._to) as far, suppress(OSError):
            threading.Thread(target=self._bring_back, args=(far, near), daemon=True).start()
            while asked := near.recv(1 << 20):
                has_page |= b'INSERT INTO "campaigns_ledgerpage"' in asked
                if has_page and b"COMMIT\x00" in asked and self.lost < self._most:
                    self.lost += 1
                    near.shutdown(socket.SHUT_RDWR)  # what PostgreSQL says to it is not heard any more
                    far.sendall(asked)
                    return
                if b"COMMIT\x00" in asked:
                    has_page = False
                far.sendall(asked)

    @staticmethod
    def _bring_back(far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while said := far.recv(1 << 20):
                near.sendall(said)


@contextmanager
def through(wire: Wire) -> Iterator[None]:
    """Have this thread's connection take that way."""
    direct = connection.settings_dict
    connection.close()
    connection.settings_dict = {**direct, "HOST": "127.0.0.1", "PORT": wire.port}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = direct


@pytest.mark.parametrize("most", [1, 3])
def test_what_is_heard_after_a_commit_whose_answer_was_lost_is_written_too(
    lasting: Place, transport: Transport, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("campaigns.delivery.sender.DATABASE_PATIENCE_SECONDS", 0.3)
    add_subscribers(lasting, [NORMAL] * SIZE)
    lasting.sandbox.script(status=201, delay_ms=60)
    send = launch(lasting)
    wire = Wire(connection.settings_dict["HOST"], int(connection.settings_dict["PORT"]), most=most)
    with through(wire):
        assert Sender(transport, lambda: False, lingers=True).run() == SIZE
    wire.close()
    assert wire.lost == most
    check_conservation(lasting, send)
    assert fresh(lasting, send).state == "finished"
    assert figures(fresh(lasting, send)) == {"accepted": SIZE}
    assert counts_of(lasting, send) == {"accepted": SIZE, "distinct": SIZE, "repeated": 0}
