"""HTTP/1.1 of the receipts' own process: httptools reads, each call is answered, nobody waits for ever.

Without a task, two events and a future for each call, as a general server has them, a call costs half.
"""

import asyncio
import http
from functools import lru_cache, partial
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from campaigns.intake_app import Answer, Intake, overloaded, refusal
from subscribers.json_body import MOST_OCTETS
from tenants.api_errors import ApiError

# A connection without a call is closed after so many seconds.
IDLE_SECONDS = 30.0
# For all of one call's octets.
CALL_SECONDS = 10.0
# Of the request line with all header fields.
MOST_HEAD = 16 * 1024
# Of a call that has no end yet, with the frames of its chunks and what comes behind them.
MOST_CALL = MOST_HEAD + 2 * MOST_OCTETS
SWEEP_SECONDS = 1.0
# Connections beyond the limit that are heard, to be told why; they need open files too.
MOST_REFUSED = 20
REFUSED_SECONDS = 2.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Call(NamedTuple):
    method: str
    path: str
    content_type: str
    body: bytes
    is_kept: bool


class Server:
    """The connections of this process. `most` of them are served, whoever comes then is answered 503 at once."""

    def __init__(self, intake: Intake, most: int) -> None:
        self.intake, self.most = intake, most
        self.connections: set[Connection] = set()
        self.is_stopping = False

    async def sweep_for_ever(self) -> None:
        """Close who says nothing: cheaper than a timer for each call."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for connection in list(self.connections):
                connection.look_at_clock(now)

    async def run(self, host: str, port: int, stop: asyncio.Event, *, backlog: int, patience: float) -> None:
        """Serve until `stop`; then calls that are being answered have `patience` seconds."""
        loop = asyncio.get_running_loop()
        works = [
            asyncio.create_task(self.intake.commit_for_ever()),
            asyncio.create_task(self.sweep_for_ever()),
        ]
        stopped = asyncio.create_task(stop.wait())
        listener = await loop.create_server(partial(Connection, self), host, port, backlog=backlog)
        await asyncio.wait([stopped, *works], return_when=asyncio.FIRST_COMPLETED)
        self.is_stopping = True
        listener.close()
        until = loop.time() + patience
        for connection in list(self.connections):
            connection.close_if_idle()
        while self.connections and loop.time() < until:
            await asyncio.sleep(0.05)
        for connection in list(self.connections):
            connection.transport.abort()
        for work in works:
            if work.done():
                work.result()  # raises what ended it: without its commits or its sweep this process is of no use
            work.cancel()


class Connection(asyncio.Protocol):
    """One browser's, or a proxy's, for many calls one after the other.

    Neither asks again before it was answered. Who does gets the answer that is due, and the connection ends with it.
    """

    transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self.server = server
        self.parser = HttpRequestParser(self)
        self.since = asyncio.get_running_loop().time()
        self.is_reading = self.is_answering = self.is_last = self.is_over = self.is_refused = False
        self.unfinished = 0  # octets of a call that has no end yet
        self._begin()

    # --- What asyncio says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is none of asyncio's
        known = len(self.server.connections)
        if known >= self.server.most + MOST_REFUSED:
            return self._end_with(overloaded())
        # Whoever is answered before the call has come may see a connection that was reset instead.
        self.is_refused = known >= self.server.most
        self.server.connections.add(self)
        return None

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over = True
        self.server.connections.discard(self)

    def pause_writing(self) -> None:
        """Hear no more of who does not read the answers."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.is_last:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self.is_over or self.is_last:
            return
        self.unfinished += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # the call before it is answered as any other, and is the last
        except HttpParserError as error:
            refused = error.__context__ if isinstance(error.__context__, ApiError) else None
            self._stop_hearing(refused or ApiError(400, "bad_request", "This is no HTTP request."))
        # The parser tells of a header field, of the head or behind the body, when it is whole, and looks at all of it
        # again with each piece.
        if self.unfinished > (MOST_HEAD if self.is_in_head else MOST_CALL):
            self._stop_hearing(_too_long() if self.is_in_head else _too_large())

    def _stop_hearing(self, why: ApiError) -> None:
        """Say why, unless an answer is due: then that one is the last."""
        if self.is_answering:
            self.is_last = True
            self.transport.pause_reading()
        elif not self.is_over:
            self._end_with(refusal(why))

    # --- What the parser says

    def _begin(self) -> None:
        self.url, self.content_type, self.body = b"", b"", b""
        self.head = 0
        self.expects = self.is_in_head = False

    def on_message_begin(self) -> None:
        self.is_in_head = self.is_reading = True
        self.since = asyncio.get_running_loop().time()

    def on_url(self, url: bytes) -> None:
        self.url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        lower = name.lower()
        if lower == b"content-type":
            self.content_type = value
        elif lower == b"expect":
            self.expects = value.lower() == b"100-continue"

    def _count(self, octets: int) -> None:
        self.head += octets
        if self.head > MOST_HEAD:
            raise _too_long()

    def on_headers_complete(self) -> None:
        self.is_in_head = False
        if self.expects and not self.is_answering:
            self.transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        if len(self.body) <= MOST_OCTETS:  # an octet more is enough to see that it is longer
            self.body += body

    def on_message_complete(self) -> None:
        self.is_reading = False
        self.unfinished = 0  # of what came with the call's end, nothing counts for the next one
        call = Call(
            self.parser.get_method().decode("latin-1"),
            self.url.partition(b"?")[0].decode("latin-1"),
            self.content_type.decode("latin-1"),
            self.body,
            self.parser.should_keep_alive() and not self.parser.should_upgrade(),
        )
        self._begin()
        if self.is_answering:
            self._stop_hearing(ApiError(400, "bad_request", "Wait for the answer before you ask again."))
        elif not self.is_over:
            self._take(call)

    # --- Answers

    def _take(self, call: Call) -> None:
        self.is_answering = True
        if self.is_refused:
            return self._end_with(overloaded())
        reply = partial(self._reply, call)
        self.server.intake.take(call.method, call.path, call.content_type, call.body, reply)
        return None

    def _reply(self, call: Call, answer: Answer) -> None:
        if self.is_over:
            return  # the caller has gone
        is_kept = call.is_kept and not self.is_last and not self.server.is_stopping
        is_silent = call.method == "HEAD"
        self.is_answering = False
        self.since = asyncio.get_running_loop().time()
        if is_kept:
            self.transport.write(_written(answer, is_kept, is_silent))
        else:
            self._end_with(answer, is_silent)

    def _end_with(self, answer: Answer, is_silent: bool = False) -> None:
        self.transport.write(_written(answer, False, is_silent))
        self._close()

    def _close(self) -> None:
        self.is_over, self.since = True, asyncio.get_running_loop().time()
        self.transport.close()

    # --- Time

    def look_at_clock(self, now: float) -> None:
        waited = now - self.since
        if self.is_over:
            if waited > CALL_SECONDS:  # it does not read what was said last
                self.transport.abort()
        elif self.is_answering:
            pass
        elif self.is_reading and waited > CALL_SECONDS:
            late = f"The call did not come within {CALL_SECONDS:.0f} s."
            self._end_with(refusal(ApiError(408, "timeout", late)))
        elif waited > (REFUSED_SECONDS if self.is_refused else IDLE_SECONDS):
            self._close()

    def close_if_idle(self) -> None:
        if not self.is_answering and not self.is_reading:
            self._close()


def _too_long() -> ApiError:
    return ApiError(431, "too_large", f"The header has more than {MOST_HEAD} octets.")


def _too_large() -> ApiError:
    return ApiError(413, "too_large", f"The call has more than {MOST_CALL} octets.")


@lru_cache(maxsize=64)
def _written(answer: Answer, is_kept: bool, is_silent: bool) -> bytes:
    """The octets of an answer, to a HEAD (`is_silent`) without the body; refusals say the same again and again."""
    lines = [f"HTTP/1.1 {answer.status} {http.HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if answer.status != 204:
        lines.append(f"content-length: {len(answer.body)}")
    if not is_kept:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if is_silent else answer.body)
