"""Sends receipts for the played browsers, gently: few requests at once, several receipts in each."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

PER_REQUEST = 50
CONCURRENCY = 3
ATTEMPTS = 5
_QUEUED_REQUESTS = 20
_ATTEMPT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Receipt:
    token: str
    kind: str


class ReceiptPoster:
    """Counts what became of the receipts: posted, refused (a 4xx), lost (no answer after five attempts)."""

    def __init__(self, sdk_url: str, speed: float) -> None:
        parts = urlsplit(sdk_url)
        # Only browsers resolve sdk.localhost: connect to loopback and name the host.
        self._url = f"http://127.0.0.1:{parts.port or 80}/sdk/v1/receipts"
        self._headers = {"Host": parts.netloc, "Content-Type": "text/plain;charset=UTF-8"}
        self._speed = speed
        self._queue: asyncio.Queue[Sequence[Receipt]] = asyncio.Queue(_QUEUED_REQUESTS)
        self.outcomes: Counter[str] = Counter()
        self.in_hand = 0

    async def put(self, receipts: Sequence[Receipt]) -> None:
        """At most PER_REQUEST of them; waits while the endpoint cannot keep up."""
        self.in_hand += len(receipts)
        await self._queue.put(receipts)

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_ATTEMPT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session:
            await asyncio.gather(*(self._post_queued(session) for _ in range(CONCURRENCY)))

    async def _post_queued(self, session: aiohttp.ClientSession) -> None:
        while True:
            receipts = await self._queue.get()
            outcome = await self._deliver(session, receipts)
            self.outcomes.update({outcome: len(receipts)})
            self.in_hand -= len(receipts)

    async def _deliver(self, session: aiohttp.ClientSession, receipts: Sequence[Receipt]) -> str:
        listed = [{"token": receipt.token, "kind": receipt.kind} for receipt in receipts]
        body = json.dumps({"receipts": listed})
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(2 ** (attempt - 1) / self._speed)
            status = await self._attempt(session, body)
            if status is not None and 200 <= status < 300:
                return "posted"
            if status is not None and status < 500 and status != 429:
                return "refused"
        return "lost"

    async def _attempt(self, session: aiohttp.ClientSession, body: str) -> int | None:
        """The status, or None where there was no answer."""
        try:
            async with session.post(self._url, data=body, allow_redirects=False) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None
