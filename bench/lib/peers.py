"""pywebpush in three ways, each run as a process of its own: python -m bench.lib.peers NAME JOB.json"""

import asyncio
import json
import os
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import requests
import uvloop
from py_vapid import Vapid02
from pywebpush import WebPusher, webpush, webpush_async

IN_FLIGHT = 100
Subscription = dict[str, Any]


def session(job: dict[str, Any]) -> int:
    """The synchronous call with one session of requests, as its README shows, but keeping connections."""
    kept = requests.Session()
    kept.verify = job["ca"]
    made = 0
    for subscription in job["subscriptions"]:
        answer = webpush(
            subscription, job["payload"], vapid_private_key=job["key"], ttl=86400,
            vapid_claims={"sub": job["vapid"]["subject"]}, requests_session=kept,
        )  # fmt: skip
        made += getattr(answer, "status_code", 0) == 201
    return made


def in_async(job: dict[str, Any]) -> int:
    """The asynchronous call with one session, 100 in flight."""

    async def post(subscription: Subscription, kept: aiohttp.ClientSession) -> int:
        answer = await webpush_async(
            subscription, job["payload"], vapid_private_key=job["key"], ttl=86400,
            vapid_claims={"sub": job["vapid"]["subject"]}, aiohttp_session=kept,
        )  # fmt: skip
        return getattr(answer, "status", 0)

    return uvloop.run(_all(job, post))


def encode_aiohttp(job: dict[str, Any]) -> int:
    """pywebpush's encoder, a VAPID header made once, and a plain loop of aiohttp."""
    origin = job["subscriptions"][0]["endpoint"].partition("/push")[0].partition("/kept")[0]
    claims = {"sub": job["vapid"]["subject"], "aud": origin, "exp": int(time.time()) + 43200}
    headers = {
        **Vapid02.from_string(job["key"]).sign(claims),
        "ttl": "86400",
        "urgency": "normal",
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
    }
    payload = job["payload"].encode()

    async def post(subscription: Subscription, kept: aiohttp.ClientSession) -> int:
        body = WebPusher(subscription).encode(payload)["body"]
        async with kept.post(subscription["endpoint"], data=body, headers=headers) as answer:
            return answer.status

    return uvloop.run(_all(job, post))


async def _all(
    job: dict[str, Any], post: Callable[[Subscription, aiohttp.ClientSession], Awaitable[int]]
) -> int:
    context = ssl.create_default_context(cafile=job["ca"])
    connector = aiohttp.TCPConnector(ssl=context, limit=IN_FLIGHT)
    left = iter(job["subscriptions"])
    made = 0

    async def run(kept: aiohttp.ClientSession) -> None:
        nonlocal made
        for subscription in left:
            status = await post(subscription, kept)
            made += status == 201

    async with aiohttp.ClientSession(connector=connector) as kept:
        await asyncio.gather(*(run(kept) for _ in range(IN_FLIGHT)))
    return made


PEERS = {"session": session, "async": in_async, "encode_aiohttp": encode_aiohttp}


def main() -> None:
    name, file = sys.argv[1:]
    job = json.loads(Path(file).read_text())
    number = len(job["subscriptions"])
    before, started = os.times(), time.monotonic()
    created = PEERS[name](job)
    after = os.times()
    used = after.user + after.system - before.user - before.system
    figures = {
        "created": created,
        "us": used / number * 1e6,
        "per_second": number / (time.monotonic() - started),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
