"""The receipts endpoint as a bare ASGI application, for a process of its own beside Django.

Calls wait together for one commit: while it runs the next ones gather. Nothing is answered 204 before it is durable;
what cannot be taken is answered 503, and the worker in the browser tries again later.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, connection

from campaigns.actions.receipts import Report, record_receipts
from campaigns.receipts import read_reports
from subscribers.api_errors import ApiError, error_body
from subscribers.json_body import MOST_OCTETS

log = logging.getLogger(__name__)

PATH = "/sdk/v1/receipts"
# What comes within so many seconds of the first one joins its commit.
GATHER_SECONDS = 0.003
MOST_TOGETHER = 2000
# More than a few seconds of work: whoever comes then is asked to come again.
MOST_WAITING = 10_000
RETRY_AFTER = (5, 60)
# For the whole body of one call.
BODY_SECONDS = 10.0

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_TAKEN = (204, [(b"access-control-allow-origin", b"*")], b"")


class _Call(NamedTuple):
    reports: list[Report]
    taken: "asyncio.Future[bool]"


class Intake:
    """One for each process: its calls, and the thread that commits them."""

    def __init__(self) -> None:
        self._waiting: list[_Call] = []
        self._came = asyncio.Event()
        self._pool = ThreadPoolExecutor(1, "commit")
        self._pump: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._live(receive, send)
        status, headers, body = await self._answer(scope, receive)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._pump = asyncio.create_task(self._commit_for_ever())
            elif self._pump:
                self._pump.cancel()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if scope["path"] == "/healthz":
            return 200, [(b"content-type", b"text/plain")], b"ok\n"
        try:
            if scope["path"] != PATH:
                raise ApiError(404, "not_found", f"Only {PATH} is here.")
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(receive)
            reports = read_reports(scope["method"], _content_type(scope), body)
            if not reports or await self._commit(reports):
                return _TAKEN
        except TimeoutError:
            return _refusal(ApiError(408, "timeout", f"The body did not come within {BODY_SECONDS:.0f} s."))
        except ApiError as error:
            return _refusal(error)
        return _refusal(
            ApiError(503, "overloaded", "Too much comes at once, or the database is away. Try later.")
        )

    async def _commit(self, reports: list[Report]) -> bool:
        """Wait until they are durable; False if they could not be taken."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        call = _Call(reports, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        self._came.set()
        return await call.taken

    async def _commit_for_ever(self) -> None:
        while True:
            await self._came.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._came.clear()
            while self._waiting:
                calls, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                loop = asyncio.get_running_loop()
                results = await loop.run_in_executor(
                    self._pool, _commit_calls, [one.reports for one in calls]
                )
                for call, is_taken in zip(calls, results, strict=True):
                    if not call.taken.done():  # the caller may have gone
                        call.taken.set_result(is_taken)


def _commit_calls(calls: list[list[Report]]) -> list[bool]:
    """Commit them together; where that fails each by itself, so that one workspace's trouble stays its own."""
    if _is_committed([report for reports in calls for report in reports]):
        return [True] * len(calls)
    if len(calls) == 1 or not _has_database():
        return [False] * len(calls)
    return [_is_committed(reports) for reports in calls]


def _has_database() -> bool:
    try:
        connection.ensure_connection()
    except (OperationalError, InterfaceError):
        return False
    return True


def _is_committed(reports: list[Report]) -> bool:
    try:
        record_receipts(reports)
    except (OperationalError, InterfaceError) as error:
        log.warning("receipts: no database: %s", str(error).splitlines()[0] if str(error) else error)
        connection.close()
        return False
    except Exception as error:  # noqa: BLE001  # whatever it is, nobody may wait for ever
        log.error("receipts: %s %s", type(error).__name__, str(error).splitlines()[0] if str(error) else "")
        return False
    return True


async def _read(receive: Receive) -> bytes:
    """Read a body, and no more of it than shows that it is too long."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body  # the caller has gone
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > MOST_OCTETS:
            return body


def _content_type(scope: Scope) -> str:
    """As Django reads it: without parameters, in lower case."""
    value = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return str(value.decode("latin-1").partition(";")[0].strip().lower())


def _refusal(error: ApiError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    headers = [(b"access-control-allow-origin", b"*"), (b"content-type", b"application/json")]
    if error.status == 503:
        later = random.randint(*RETRY_AFTER)  # noqa: S311  # spreads load, guards nothing
        headers.append((b"retry-after", str(later).encode()))
    return error.status, headers, json.dumps(error_body(error)).encode()
