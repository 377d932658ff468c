"""Many POSTs in flight on few connections, without waiting. It knows HTTP and nothing of campaigns.

The guard: the address that was checked is the one that is dialled (dialling.py), redirects are not followed, no proxy
from the environment, https only, one total deadline per attempt, at most 64 kB of an answer, no decompression.
"""

import contextlib
import errno
import selectors
import socket
import time
from collections import Counter, deque
from typing import Any

from campaigns.delivery.dialling import (
    CONNECT_SECONDS,
    Found,
    Target,
    authority_for,
    open_socket,
    resolve,
    target_of,
    tls_context,
    words_of,
)
from campaigns.delivery.http1 import Http1
from campaigns.delivery.http2 import HeadCache, Http2
from campaigns.delivery.wire import MOST_ANSWER, Attempt, Post, Reply, Wire

__all__ = ["MOST_ANSWER", "Post", "Reply", "Transport"]

MOST_HTTP1 = 150
MOST_HTTP2_PER_ORIGIN = 4
IDLE_SECONDS = 60.0
TIDY_SECONDS = 0.25
GATHER_SECONDS = 0.002
MOST_REPEATS = 2
TIMED_OUT = "timed out"
NO_HEADERS: dict[str, str] = {}
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS)


class Pool:
    """The connections to one origin, and the requests that wait for one."""

    def __init__(self, target: Target, origin: str) -> None:
        self.target, self.origin = target, origin
        self.wires: list[Wire] = []
        self.queue: deque[Attempt] = deque()
        self.protocol = ""
        self.found: Found | None = None
        self.is_resolving = False
        # Which of the addresses is tried next, after one that failed.
        self.next_address = 0

    def free_wire(self) -> Wire | None:
        """Find a connection with room for a request."""
        for wire in self.wires:
            if wire.talk is not None and wire.talk.room > 0:
                return wire
        return None


class Transport:
    """At most `concurrency` requests at once; only `wake` is for other threads."""

    def __init__(self, *, concurrency: int, attempt_seconds: float, sandbox_ca: str) -> None:
        self.concurrency = concurrency
        self._attempt_seconds = attempt_seconds
        self._sandbox_ca = sandbox_ca
        self._selector = selectors.DefaultSelector()
        self._pools: dict[tuple[str, bool], Pool] = {}
        self._pool_of: dict[Wire, Pool] = {}
        self._registered: dict[Wire, int] = {}
        self._running: set[Attempt] = set()
        self._deadlines: deque[Attempt] = deque()
        self._of: Counter[str] = Counter()
        self._replies: list[Reply] = []
        self._dirty: set[Wire] = set()
        self._heads = HeadCache()
        self._resolved: deque[tuple[Pool, Found]] = deque()
        self._bell, self._clapper = socket.socketpair()
        self._bell.setblocking(False)
        self._clapper.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._tidied = self._moved = 0.0

    # --- What the sender asks

    @property
    def free(self) -> int:
        return self.concurrency - len(self._running)

    @property
    def in_flight(self) -> int:
        return len(self._running)

    @property
    def connections(self) -> int:
        return len(self._pool_of)

    def in_flight_of(self, origin: str) -> int:
        return self._of[origin]

    def wake(self) -> None:
        """Make a poll that waits return; any thread may call it."""
        with contextlib.suppress(OSError):
            self._clapper.send(b"!")

    def start(self, post: Post) -> None:
        """Take a request; raises ValueError for a header value with a line break, before anything is sent."""
        _check_headers(post)
        attempt = Attempt(post, time.monotonic() + self._attempt_seconds)
        self._running.add(attempt)
        self._deadlines.append(attempt)
        self._of[post.origin] += 1
        pool = self._pools.get((post.origin, post.is_sandbox))
        if pool is None:
            try:
                target = target_of(post.origin, is_sandbox=post.is_sandbox)
            except ValueError:
                self._end(attempt, error="not an https address")
                return
            pool = self._pools[post.origin, post.is_sandbox] = Pool(target, post.origin)
        pool.queue.append(attempt)
        self._assign(pool)

    def poll(self, seconds: float) -> list[Reply]:
        """Move the network on, wait at most `seconds` for something to happen, and answer what ended.

        Headers of a reply are for reading: those without any share one dictionary.
        """
        self._flush()
        # One look at the network costs as much as three answers: let some gather.
        gap = self._moved + GATHER_SECONDS - time.monotonic()
        if gap > 0 and self._running and seconds > 0:
            time.sleep(min(gap, seconds))
        self._move(0.0 if self._replies else seconds)
        now = self._moved = time.monotonic()
        if self._deadlines and self._deadlines[0].deadline <= now:
            self._expire(now)
        if now - self._tidied > TIDY_SECONDS:
            self._tidy(now)
        self._flush()
        replies, self._replies = self._replies, []
        return replies

    def abandon(self) -> list[Any]:
        """Stop every request in flight; answer their keys, whose outcome nobody knows."""
        keys = [attempt.post.key for attempt in self._running]
        for attempt in list(self._running):
            self._forget(attempt)
            if attempt.wire is not None and attempt.wire.talk is not None:
                attempt.wire.talk.cancel(attempt)
                self._dirty.add(attempt.wire)
        for pool in self._pools.values():
            pool.queue.clear()
        self._deadlines.clear()
        self._replies.clear()
        self._flush()
        return keys

    def close(self) -> None:
        self.abandon()
        for wire in list(self._pool_of):
            wire.close()
        self._selector.close()
        self._bell.close()
        self._clapper.close()

    # --- Moving

    def _move(self, seconds: float) -> None:
        if self._deadlines:
            seconds = min(seconds, max(self._deadlines[0].deadline - time.monotonic(), 0.0))
        for key, events in self._selector.select(seconds):
            if key.data is None:
                self._hear_bell()
            else:
                wire: Wire = key.data
                wire.serve(readable=bool(events & selectors.EVENT_READ))
                self._dirty.add(wire)
        while self._resolved:
            self._resolve_done(*self._resolved.popleft())

    def _hear_bell(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)

    def _flush(self) -> None:
        """Write what was handed to wires, many requests in one record, and tell the selector what each waits for."""
        while self._dirty:
            wire = self._dirty.pop()
            if wire.is_up:
                wire.serve(readable=False)
            if not wire.is_closed and self._registered.get(wire) != wire.wants:
                self._selector.modify(wire.sock, wire.wants, wire)
                self._registered[wire] = wire.wants

    # --- Connections

    def _assign(self, pool: Pool) -> None:
        """Hand waiting requests to connections with room, and dial when there is none."""
        while pool.queue:
            if pool.queue[0].is_over:
                pool.queue.popleft()
                continue
            wire = pool.free_wire()
            if wire is None or wire.talk is None:
                break
            if wire.talk.send(pool.queue[0]):
                pool.queue.popleft()
                wire.used = time.monotonic()
                self._dirty.add(wire)
        if pool.queue and self._may_dial(pool):
            self._dial(pool)

    def _may_dial(self, pool: Pool) -> bool:
        # Also one whose server has not said how many requests it takes is still on its way.
        dialling = sum(not wire.is_up or wire.talk is None or not wire.talk.is_ready for wire in pool.wires)
        if pool.is_resolving:
            return False
        if pool.protocol == "http/1.1":
            return dialling < len(pool.queue) and self._has_http1_room(pool)
        return not dialling and len(pool.wires) < MOST_HTTP2_PER_ORIGIN

    def _has_http1_room(self, pool: Pool) -> bool:
        """Keep to the limit over all origins; an idle connection of another one makes place."""
        most = min(self.concurrency, MOST_HTTP1)
        if len(self._pool_of) < most:
            return True
        for wire, other in list(self._pool_of.items()):
            if other is not pool and wire.talk is not None and not wire.talk.busy:
                wire.close("made place for another")
                return True
        return False

    def _dial(self, pool: Pool) -> None:
        if pool.found is None or not pool.found.is_fresh:
            pool.is_resolving = True
            resolve(pool.target, lambda found: self._tell_resolved(pool, found))
            return
        while pool.queue and self._may_dial(pool):
            address = pool.found.addresses[pool.next_address % len(pool.found.addresses)]
            try:
                sock = open_socket(address)
            except OSError as error:
                # Without a free descriptor those who wait may still use a connection that is open.
                if not (error.errno in NO_DESCRIPTORS and pool.wires):
                    self._dial_failed(pool, words_of(error))
                return
            context = tls_context(authority_for(pool.target, self._sandbox_ca))
            wire = Wire(self, sock, context, pool.target.host)
            pool.wires.append(wire)
            self._pool_of[wire] = pool
            self._selector.register(sock, wire.wants, wire)
            self._registered[wire] = wire.wants

    def _tell_resolved(self, pool: Pool, found: Found) -> None:
        """Called in the resolver's thread."""
        self._resolved.append((pool, found))
        self.wake()

    def _resolve_done(self, pool: Pool, found: Found) -> None:
        pool.is_resolving = False
        if found.addresses:
            pool.found, pool.next_address = found, 0
            self._assign(pool)
            return
        pool.found = None
        for attempt in self._take_queue(pool):
            self._end(attempt, error=found.error, is_refused=found.is_refused)

    def _dial_failed(self, pool: Pool, error: str) -> None:
        """Try the name's next address; when all have failed those who wait are told."""
        pool.next_address += 1
        if pool.found is None or pool.next_address % len(pool.found.addresses) == 0:
            pool.found = None
            for attempt in self._take_queue(pool):
                self._end(attempt, error=error)
        else:
            self._assign(pool)

    @staticmethod
    def _take_queue(pool: Pool) -> list[Attempt]:
        waiting = list(pool.queue)
        pool.queue.clear()
        return waiting

    # --- What wires tell (wire.Owner)

    def greeted(self, wire: Wire, protocol: str) -> None:
        pool = self._pool_of[wire]
        pool.protocol = protocol
        wire.talk = Http2(wire, self, self._heads) if protocol == "h2" else Http1(wire, self)
        self._assign(pool)

    def has_room(self, wire: Wire) -> None:
        self._assign(self._pool_of[wire])

    def gone(self, wire: Wire) -> None:
        self._registered.pop(wire, None)
        self._dirty.discard(wire)
        self._selector.unregister(wire.sock)
        self._pool_of[wire].wires.remove(wire)

    def closed(self, wire: Wire, error: str) -> None:
        pool = self._pool_of.pop(wire)
        if wire.talk is None:
            self._dial_failed(pool, error)
        elif pool.queue:
            self._assign(pool)

    def ended(self, attempt: Attempt, error: str = "") -> None:
        # Status and headers decide: a body that is too long, drips or breaks off changes nothing, and a repeat after
        # "201" would reach the browser twice.
        self._end(attempt, error="" if attempt.status else error or "no answer")
        pool = self._pools[attempt.post.origin, attempt.post.is_sandbox]
        if pool.queue:
            self._assign(pool)

    def again(self, attempt: Attempt) -> None:
        if attempt.is_over:
            return
        attempt.repeats += 1
        attempt.wire, attempt.is_sent = None, False
        if attempt.repeats > MOST_REPEATS:
            self._end(attempt, error="the push service refused the connection again and again")
            return
        pool = self._pools[attempt.post.origin, attempt.post.is_sandbox]
        pool.queue.append(attempt)
        self._assign(pool)

    # --- Ends

    def _end(self, attempt: Attempt, *, error: str = "", is_refused: bool = False) -> None:
        if attempt.is_over:
            return
        self._forget(attempt)
        if attempt.status and not error:
            text = attempt.text.decode("utf-8", "replace") if attempt.text else ""
            self._replies.append(Reply(attempt.post.key, attempt.status, attempt.headers or NO_HEADERS, text))
        else:
            self._replies.append(
                Reply(
                    attempt.post.key, 0, attempt.headers or NO_HEADERS, "", error, is_refused, attempt.is_sent
                )
            )

    def _forget(self, attempt: Attempt) -> None:
        attempt.is_over = True
        self._running.discard(attempt)
        self._of[attempt.post.origin] -= 1

    def _expire(self, now: float) -> None:
        """End what has used its time; a connection that was silent all that time is closed."""
        while self._deadlines and (self._deadlines[0].is_over or self._deadlines[0].deadline <= now):
            attempt = self._deadlines.popleft()
            if attempt.is_over:
                continue
            wire = attempt.wire
            self._end(attempt, error="" if attempt.status else TIMED_OUT)
            if wire is None or wire.is_closed or wire.talk is None:
                continue
            wire.talk.cancel(attempt)
            self._dirty.add(wire)
            if now - wire.heard >= self._attempt_seconds:
                wire.close("the connection was silent")

    def _tidy(self, now: float) -> None:
        """Close what is idle, and what does not come up."""
        self._tidied = now
        while self._deadlines and self._deadlines[0].is_over:
            self._deadlines.popleft()
        for wire in list(self._pool_of):
            limit = min(CONNECT_SECONDS, self._attempt_seconds)
            if wire.talk is None and now - wire.since > limit:
                wire.close(TIMED_OUT)
            elif wire.talk is not None and not wire.talk.busy and now - wire.used > IDLE_SECONDS:
                wire.close("idle")


_checked: dict[int, object] = {}


def _check_headers(post: Post) -> None:
    """Refuse line breaks in header values; a tuple that was looked at is known by its identity."""
    if _checked.get(id(post.headers)) is post.headers:
        return
    if any("\r" in text or "\n" in text or "\0" in text for field in post.headers for text in field):
        raise ValueError("A header value has a line break.")
    if len(_checked) > 1024:
        _checked.clear()
    _checked[id(post.headers)] = post.headers
