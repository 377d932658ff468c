"""HTTP/1.1 on a wire, one request at a time, kept alive: for push services that offer no HTTP/2."""

import h11

from campaigns.delivery.wire import KEPT_HEADERS, USER_AGENT, Attempt, Owner, Wire

MOST_HEAD = 32 * 1024


class Http1:
    """One HTTP/1.1 connection; h11 reads the answers."""

    def __init__(self, wire: Wire, owner: Owner) -> None:
        self._wire, self._owner = wire, owner
        self._machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
        self._current: Attempt | None = None
        self._out = b""
        self.is_leaving = False

    @property
    def is_ready(self) -> bool:
        return True

    @property
    def room(self) -> int:
        return 0 if self._current or self.is_leaving else 1

    @property
    def busy(self) -> int:
        return 1 if self._current else 0

    def send(self, attempt: Attempt) -> bool:
        post = attempt.post
        fields = [(b"Host", post.origin[8:].encode()), (b"User-Agent", USER_AGENT)]
        fields += [(name.encode(), value.encode("latin-1")) for name, value in post.headers]
        fields.append((b"Content-Length", b"%d" % len(post.body)))
        self._out += self._machine.send(h11.Request(method="POST", target=post.target, headers=fields)) or b""
        self._out += self._machine.send(h11.Data(data=post.body)) or b""
        self._out += self._machine.send(h11.EndOfMessage()) or b""
        attempt.wire = self._wire
        self._current = attempt
        return True

    def outgoing(self) -> bytes:
        data, self._out = self._out, b""
        if data and self._current:
            self._current.is_sent = True
        return data

    def incoming(self, data: bytes) -> None:
        try:
            self._machine.receive_data(data)
            self._read()
        except h11.RemoteProtocolError:
            self._wire.close("the push service did not answer in HTTP")

    def _read(self) -> None:
        while not self._wire.is_closed:
            event = self._machine.next_event()
            attempt = self._current
            if event is h11.NEED_DATA or event is h11.PAUSED or attempt is None:
                if attempt is None:
                    self._wire.close("the push service spoke out of turn")
                return
            if isinstance(event, h11.Response):
                attempt.status = event.status_code
                for name, value in event.headers:
                    if name in KEPT_HEADERS:
                        attempt.keep(name, value)
            elif isinstance(event, h11.Data) and not attempt.add(bytes(event.data)):
                self._wire.close("the answer is too long")
                return
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                self._finish(attempt)
                return

    def _finish(self, attempt: Attempt) -> None:
        self._current = None
        if self._machine.our_state is h11.DONE and self._machine.their_state is h11.DONE:
            self._machine.start_next_cycle()
            self._owner.ended(attempt)
        else:
            self.is_leaving = True
            self._owner.ended(attempt)
            self._wire.close()

    def cancel(self, attempt: Attempt) -> None:
        """Leave the request at its deadline: the connection is of no use any more."""
        self._current = None
        self._wire.close()

    def drop(self) -> list[Attempt]:
        attempts = [self._current] if self._current else []
        self._current = None
        return attempts
