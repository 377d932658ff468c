"""The receipts endpoint beside Django: calls wait together for one commit; while it runs the next ones gather.

Nothing is answered 204 before it is durable; what cannot be taken is answered 503, and the worker in the browser tries
again later. campaigns.intake_http speaks HTTP with browsers.
"""

import asyncio
import json
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from django.db import InterfaceError, OperationalError, connection

from campaigns.actions.receipts import Report, record_receipts
from campaigns.receipts import read_reports
from tenants.api_errors import ApiError, error_body

log = logging.getLogger(__name__)

PATH = "/sdk/v1/receipts"
# What comes within so many seconds of the first one joins its commit.
GATHER_SECONDS = 0.003
MOST_TOGETHER = 2000
# More than a few seconds of work: whoever comes then is asked to come again.
MOST_WAITING = 10_000
RETRY_AFTER = (5, 60)


class Answer(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


Reply = Callable[[Answer], None]

TAKEN = Answer(204, (("access-control-allow-origin", "*"),))


class _Call(NamedTuple):
    reports: list[Report]
    reply: Reply


class Intake:
    """One for each process: its calls, and the thread that commits them."""

    def __init__(self) -> None:
        self._waiting: list[_Call] = []
        self._came = asyncio.Event()
        self._pool = ThreadPoolExecutor(1, "commit")

    def take(self, method: str, path: str, content_type: str, body: bytes, reply: Reply) -> None:
        """Have a call answered, at once or when it is durable; `content_type` as it was sent."""
        if path == "/healthz":
            return reply(Answer(200, (("content-type", "text/plain"),), b"ok\n"))
        try:
            if path != PATH:
                raise ApiError(404, "not_found", f"Only {PATH} is here.")
            reports = read_reports(method, content_type.partition(";")[0].strip().lower(), body)
        except ApiError as error:
            return reply(refusal(error))
        if not reports:
            return reply(TAKEN)
        if len(self._waiting) >= MOST_WAITING:
            return reply(overloaded())
        self._waiting.append(_Call(reports, reply))
        self._came.set()
        return None

    async def commit_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._came.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._came.clear()
            while self._waiting:
                calls, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                reports = [one.reports for one in calls]
                results = await loop.run_in_executor(self._pool, _commit_calls, reports)
                for call, is_taken in zip(calls, results, strict=True):
                    call.reply(TAKEN if is_taken else overloaded())


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


def overloaded() -> Answer:
    return refusal(ApiError(503, "overloaded", "Too much comes at once, or the database is away. Try later."))


def refusal(error: ApiError) -> Answer:
    headers = [("access-control-allow-origin", "*"), ("content-type", "application/json")]
    if error.status == 503:
        headers.append(("retry-after", str(random.randint(*RETRY_AFTER))))  # noqa: S311  # spreads load, guards nothing
    return Answer(error.status, tuple(headers), json.dumps(error_body(error)).encode())
