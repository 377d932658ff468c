"""The push service of a real Firefox, for one test module: the sandbox's own, without its HTTP side."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from urllib.parse import urlsplit

from aiohttp import web

from truepush.lib import base64url
from truepush.lib.webpush.encryption import encrypt
from truepush.local.sandbox.firefox import Browsers
from truepush.local.sandbox.rules import Delivery
from truepush.local.sandbox.subscriptions import FirefoxToken, read_token

_SEED = bytes(range(32))
_ORIGIN = "https://localhost:9"
_DELIVERY = Delivery(ttl=60, urgency="normal", topic="")
_SECONDS = 5


class PushService:
    def __init__(self, url: str, browsers: Browsers, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.browsers = browsers
        self._loop = loop
        self._numbers = count(1)

    def push(self, subscription: Mapping[str, object], payload: bytes) -> None:
        """Encrypts and hands over; `subscription` is what the browser told: endpoint and keys, as base64url."""
        keys = subscription["keys"]
        assert isinstance(keys, dict)
        body = encrypt(payload, base64url.decode(keys["p256dh"]), base64url.decode(keys["auth"]))
        token = read_token(_SEED, urlsplit(str(subscription["endpoint"])).path.removeprefix("/push/"))
        assert isinstance(token, FirefoxToken)
        relayed = self.browsers.relay(token, f"m{next(self._numbers)}", body, _DELIVERY)
        asyncio.run_coroutine_threadsafe(relayed, self._loop).result(_SECONDS)


@contextmanager
def push_service() -> Iterator[PushService]:
    browsers = Browsers(_SEED, _ORIGIN)
    app = web.Application()
    app.router.add_get("/", browsers.serve)
    app.on_shutdown.append(browsers.leave)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = web.AppRunner(app)
    try:
        port = asyncio.run_coroutine_threadsafe(_listen(runner), loop).result(_SECONDS)
        yield PushService(f"ws://127.0.0.1:{port}/", browsers, loop)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()


async def _listen(runner: web.AppRunner) -> int:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port: int = runner.addresses[0][1]
    return port
