"""A load generator that costs little: connections that are kept, requests made beforehand, answers hardly read.

Standard input is a pickled Wish. Each connection
waits for its answer before it asks again. What is printed is JSON; `taken` are the requests that were answered 204.
"""

import asyncio
import json
import pickle
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import uvloop


@dataclass
class Load:
    requests: Iterator[tuple[int, bytes]]
    until: float
    gap: float
    took: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    taken: list[int] = field(default_factory=list)
    next_at: float = 0.0


class Browser(asyncio.Protocol):
    """One connection. With a rate, the next request anywhere leaves when its time has come, however late we are."""

    def __init__(self, load: Load, done: "asyncio.Future[None]") -> None:
        self.load, self.done = load, done
        self.number, self.began, self.buffer = 0, 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        load, now = self.load, time.perf_counter()
        if now >= load.until:
            return self.end()
        if load.gap:
            at = max(load.next_at, now - 1.0)
            load.next_at = at + load.gap
            if at > now:
                asyncio.get_running_loop().call_later(at - now, self.send, at)
                return None
            return self.send(at)
        return self.send(now)

    def send(self, began: float) -> None:
        if self.transport.is_closing():
            return self.end()
        try:
            self.number, request = next(self.load.requests)
        except StopIteration:
            return self.end()
        # From when it should have left: an intake that is behind is not given credit for it.
        self.began, self.buffer = began, b""
        self.transport.write(request)  # type: ignore[attr-defined]
        return None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if b"\r\n\r\n" not in self.buffer:
            return
        status = int(self.buffer[9:12])
        self.load.answers[status] += 1
        self.load.took.append(time.perf_counter() - self.began)
        if status == 204:
            self.load.taken.append(self.number)
        self.ask()

    def connection_lost(self, problem: Exception | None) -> None:
        self.end()

    def end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self.transport.close()


class Wish(NamedTuple):
    """`rate` is a second, 0 as fast as it goes; `idle` connections are opened beside and say nothing."""

    port: int
    requests: list[tuple[int, bytes]]
    connections: int
    seconds: float
    rate: float = 0.0
    idle: int = 0


async def run(wish: Wish) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    idle_ones = [
        await loop.create_connection(asyncio.Protocol, "127.0.0.1", wish.port) for _ in range(wish.idle)
    ]
    began = time.perf_counter()
    gap = 1 / wish.rate if wish.rate else 0.0
    load = Load(iter(wish.requests), began + wish.seconds, gap, next_at=began)
    ends = []
    for _ in range(wish.connections):
        done = loop.create_future()
        ends.append(done)
        await loop.create_connection(partial(Browser, load, done), "127.0.0.1", wish.port)
    await asyncio.gather(*ends)
    took = time.perf_counter() - began
    for transport, _ in idle_ones:
        transport.close()
    cuts = statistics.quantiles(load.took, n=100) if len(load.took) > 1 else [0.0] * 99
    return {
        "per_second": load.answers[204] / took,
        "p50_ms": 1000 * cuts[49],
        "p99_ms": 1000 * cuts[98],
        "answers": dict(load.answers),
        "taken": load.taken,
    }


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wish = Wish(*pickle.load(sys.stdin.buffer))  # noqa: S301  # from our own bench
    print(json.dumps(uvloop.run(run(wish))))
