"""Plays the subscribers' browsers: many show a message within 20 seconds, a few click a while later."""

import asyncio
import heapq
import time

from truepush.local.sandbox.draws import draw
from truepush.local.sandbox.receipts import PER_REQUEST, Receipt, ReceiptPoster
from truepush.local.sandbox.subscriptions import PlayedToken

SOONEST_DISPLAY, LATEST_DISPLAY = 0.5, 20.0
SOONEST_CLICK, LATEST_CLICK = 2.0, 25.0
WAITING_LIMIT = 200_000
_TICK = 0.2


class Audience:
    def __init__(self, poster: ReceiptPoster, speed: float) -> None:
        self._poster = poster
        self._speed = speed
        # (due, token, kind), the next one first.
        self._waiting: list[tuple[float, str, str]] = []
        self._anything = asyncio.Event()
        self.forgotten = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def receive(self, subscriber: PlayedToken, receipt_token: str) -> None:
        """Draws per subscriber and message, so that not always the same people look."""
        behaviour = subscriber.behaviour
        eagerness = draw("acts", subscriber.text, receipt_token) * 100
        if eagerness >= behaviour.display_share:
            return
        displayed = time.monotonic() + self._wait("display", SOONEST_DISPLAY, LATEST_DISPLAY, receipt_token)
        self._schedule(displayed, receipt_token, "displayed")
        if eagerness < behaviour.click_share:
            clicked = displayed + self._wait("click", SOONEST_CLICK, LATEST_CLICK, receipt_token)
            self._schedule(clicked, receipt_token, "clicked")

    def reset(self) -> None:
        self._waiting.clear()
        self.forgotten = 0

    async def run(self) -> None:
        while True:
            await self._anything.wait()
            await self._post_due()
            if not self._waiting:
                self._anything.clear()
            await asyncio.sleep(_TICK)

    async def _post_due(self) -> None:
        now = time.monotonic()
        due: list[Receipt] = []
        while self._waiting and self._waiting[0][0] <= now:
            _, token, kind = heapq.heappop(self._waiting)
            due.append(Receipt(token, kind))
            if len(due) == PER_REQUEST:
                await self._poster.put(due)
                due = []
        if due:
            await self._poster.put(due)

    def _schedule(self, due: float, token: str, kind: str) -> None:
        # The web application may be down for long: what does not fit is forgotten and counted.
        if len(self._waiting) >= WAITING_LIMIT:
            self.forgotten += 1
            return
        heapq.heappush(self._waiting, (due, token, kind))
        self._anything.set()

    def _wait(self, what: str, soonest: float, latest: float, receipt_token: str) -> float:
        # Squared: most people who look at all look soon.
        drawn = draw(what, receipt_token) ** 2
        return (soonest + (latest - soonest) * drawn) / self._speed
