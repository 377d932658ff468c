"""HTTP/2 on a wire, by nghttp2's state machine (ngh2): framing, HPACK, flow control and their limits are its own."""

from collections.abc import Callable

import ngh2
from ngh2.enums import Setting
from ngh2.events import (
    ConnectionClosed,
    DataReceived,
    Event,
    GoAwayReceived,
    ResponseReceived,
    SettingsReceived,
    StreamClosed,
    StreamReset,
)
from ngh2.exceptions import NGH2Error

from campaigns.delivery.wire import KEPT_HEADERS, USER_AGENT, Attempt, Owner, Post, Wire

# Streams at once on a connection, whatever the server says it takes; before it has said so, none.
MOST_STREAMS = 250
REFUSED_STREAM, CANCEL = 0x7, 0x8
WINDOW = 1 << 20

_CONFIGURATION = ngh2.Configuration(max_inbound_header_list_size=16_384, max_inbound_header_count=100)
_SETTINGS = {
    Setting.ENABLE_PUSH: 0,
    Setting.INITIAL_WINDOW_SIZE: 65_536,
    Setting.MAX_HEADER_LIST_SIZE: 16_384,
}

Field = tuple[bytes, bytes]


class HeadCache:
    """Encoded header fields by the identity of the tuple they came from; the tuple is kept, so its id stays its own."""

    def __init__(self, most: int = 512) -> None:
        self._most = most
        self._known: dict[tuple[int, str], tuple[object, list[Field], list[Field]]] = {}

    def fields(self, post: Post) -> tuple[list[Field], list[Field]]:
        """Give what goes before the path, and what goes after it."""
        key = id(post.headers), post.origin
        known = self._known.get(key)
        if known is not None:
            return known[1], known[2]
        before = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", post.origin[8:].encode())]
        after = [(name.encode(), value.encode("latin-1")) for name, value in post.headers]
        after.append((b"user-agent", USER_AGENT))
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[key] = post.headers, before, after
        return before, after


class Http2:
    """One HTTP/2 connection. Whatever the server does wrong ends it: the wire is closed and says why."""

    def __init__(self, wire: Wire, owner: Owner, heads: HeadCache) -> None:
        self._wire, self._owner, self._heads = wire, owner, heads
        self._machine = ngh2.Connection(ngh2.Role.CLIENT, _CONFIGURATION)
        self._machine.initiate_connection(_SETTINGS)
        self._machine.set_local_window_size(WINDOW)
        self._streams: dict[int, Attempt] = {}
        self._unsent: list[Attempt] = []
        self._limit = 0
        self._has_settings = False
        self.is_leaving = False
        self._by_event: dict[type[Event], Callable[..., None]] = {
            ResponseReceived: self._on_response,
            DataReceived: self._on_data,
            StreamReset: self._on_reset,
            StreamClosed: self._on_closed,
            GoAwayReceived: self._on_goaway,
            SettingsReceived: self._on_settings,
            ConnectionClosed: self._on_end,
        }

    @property
    def is_ready(self) -> bool:
        """Whether the server has said how many requests it takes."""
        return self._has_settings

    @property
    def room(self) -> int:
        """How many more requests it takes now."""
        return 0 if self.is_leaving else self._limit - len(self._streams)

    @property
    def busy(self) -> int:
        return len(self._streams)

    def send(self, attempt: Attempt) -> bool:
        """Hand a request to the state machine; it leaves with the next flush. False if it takes none any more."""
        post = attempt.post
        before, after = self._heads.fields(post)
        path = (b":path", post.target.encode())
        length = (b"content-length", b"%d" % len(post.body))
        try:
            stream = self._machine.send_request([*before, path, *after, length])
            self._machine.send_data(stream, post.body, end_stream=True)
        except NGH2Error:
            self.is_leaving = True
            return False
        attempt.wire, attempt.stream = self._wire, stream
        self._streams[stream] = attempt
        self._unsent.append(attempt)
        return True

    def outgoing(self) -> bytes:
        for attempt in self._unsent:
            attempt.is_sent = True
        self._unsent.clear()
        try:
            return self._machine.data_to_send()
        except NGH2Error as error:
            self._wire.close(f"HTTP/2 failed: {type(error).__name__}")
            return b""

    def incoming(self, data: bytes) -> None:
        try:
            self._machine.receive_data(data)
        except NGH2Error as error:
            self._events()
            self._wire.close(f"HTTP/2 broken by the push service: {type(error).__name__}")
            return
        self._events()
        if self.is_leaving and not self._streams:
            self._wire.close("the push service closed the connection")

    def _events(self) -> None:
        known = self._by_event
        for event in self._machine.events():
            handler = known.get(type(event))
            if handler is not None and not self._wire.is_closed:
                handler(event)

    def cancel(self, attempt: Attempt) -> None:
        """Leave a request at its deadline; the others on the connection go on."""
        self._reset(attempt.stream)
        self._streams.pop(attempt.stream, None)

    def _reset(self, stream: int) -> None:
        try:
            self._machine.reset_stream(stream, CANCEL)
        except NGH2Error:
            self.is_leaving = True  # it is on its way out in any case

    def drop(self) -> list[Attempt]:
        attempts = list(self._streams.values())
        self._streams.clear()
        return attempts

    # --- What the server says

    def _on_response(self, event: ResponseReceived) -> None:
        attempt = self._streams.get(event.stream_id)
        if attempt is None:
            return
        for name, value in event.headers:
            if name == b":status":
                attempt.status = int(value) if value.isdigit() else 0
            elif name in KEPT_HEADERS:
                attempt.keep(name, value)
        if event.end_stream:
            self._finish(event.stream_id)

    def _on_data(self, event: DataReceived) -> None:
        attempt = self._streams.get(event.stream_id)
        if attempt is None:
            return
        is_enough = not attempt.add(event.data)
        if is_enough:
            self._reset(event.stream_id)
        if is_enough or event.end_stream:
            self._finish(event.stream_id)

    def _finish(self, stream: int, error: str = "") -> None:
        attempt = self._streams.pop(stream, None)
        if attempt is not None:
            self._owner.ended(attempt, error)

    def _on_reset(self, event: StreamReset) -> None:
        self._lose(event.stream_id, event.error_code)

    def _on_closed(self, event: StreamClosed) -> None:
        self._lose(event.stream_id, event.error_code)

    def _lose(self, stream: int, code: int) -> None:
        """A stream ended before its answer did; one that was refused was not acted on (RFC 9113 section 8.7)."""
        attempt = self._streams.pop(stream, None)
        if attempt is None:
            return
        if code == REFUSED_STREAM and not attempt.status:
            self._owner.again(attempt)
        else:
            self._owner.ended(attempt, f"the push service reset the request ({code})")

    def _on_goaway(self, event: GoAwayReceived) -> None:
        """What is above the last stream was not and will not be acted on; the others still get their answers."""
        self.is_leaving = True
        for stream in [stream for stream in self._streams if stream > event.last_stream_id]:
            self._owner.again(self._streams.pop(stream))

    def _on_settings(self, event: SettingsReceived) -> None:
        asked = event.settings.get(int(Setting.MAX_CONCURRENT_STREAMS))
        if asked is not None:
            self._limit = min(asked, MOST_STREAMS)
        elif not self._has_settings:
            self._limit = MOST_STREAMS
        self._has_settings = True
        self._owner.has_room(self._wire)

    def _on_end(self, event: ConnectionClosed) -> None:
        self.is_leaving = True
