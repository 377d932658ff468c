"""The push WebSocket protocol of Firefox: a real Firefox subscribes here and is handed our encrypted bodies.

Frames are JSON objects. The browser sends hello, register, unregister, ack, nack and {} as a ping; it gets
an answer of the same messageType to the first three, and notification. A subscription's endpoint says which
browser (uaid) and which channel it is, so subscriptions survive a restart of the service; messages do not.
"""

import json
from collections import OrderedDict
from uuid import UUID, uuid4

from aiohttp import WSCloseCode, WSMsgType, web

from truepush.lib import base64url
from truepush.local.sandbox.mailbox import Mailbox
from truepush.local.sandbox.rules import Delivery
from truepush.local.sandbox.subscriptions import FirefoxToken, endpoint_of, key_hash, pack_firefox

_DELIVERED = 100
_UNREGISTERED_LIMIT = 10_000
_LARGEST_FRAME = 64 * 1024
Frame = dict[str, object]


class FrameError(Exception):
    """The browser sent something that is not of the protocol; the connection ends."""


class Browsers:
    def __init__(self, seed: bytes, origin: str) -> None:
        self._seed = seed
        self._origin = origin
        self._connected: dict[UUID, web.WebSocketResponse] = {}
        # An endpoint alone does not say that its channel was given up: remembered while the service runs.
        self._unregistered: OrderedDict[tuple[UUID, UUID], None] = OrderedDict()
        self.reset()

    def reset(self) -> None:
        """Forgets messages and counts, not who is connected."""
        self._mailbox = Mailbox()
        self.acknowledged = 0
        self.rejected = 0

    async def leave(self, app: web.Application) -> None:
        """Ends every connection, so that stopping need not wait for browsers."""
        for socket in list(self._connected.values()):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    @property
    def connected(self) -> int:
        return len(self._connected)

    def knows(self, token: FirefoxToken) -> bool:
        return (token.uaid, token.channel) not in self._unregistered

    async def relay(self, token: FirefoxToken, message_id: str, body: bytes, delivery: Delivery) -> None:
        """Hands the body over, and keeps it by TTL until the browser has acknowledged it."""
        notification = {
            "messageType": "notification",
            "channelID": str(token.channel),
            "version": message_id,
            "data": base64url.encode(body),
            "headers": {"encoding": "aes128gcm"},
            "ttl": delivery.ttl,
        }
        frame = json.dumps(notification)
        topic = f"{token.channel}/{delivery.topic}" if delivery.topic else ""
        self._mailbox.keep(token.uaid.hex, message_id, frame.encode(), ttl=delivery.ttl, topic=topic)
        socket = self._connected.get(token.uaid)
        if socket is not None:
            await _send(socket, frame)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection of one browser, from hello to its end."""
        socket = web.WebSocketResponse(protocols=("push-notification",), max_msg_size=_LARGEST_FRAME)
        if not socket.can_prepare(request):
            return web.Response(text="This is the push WebSocket of the Truepush sandbox.\n", status=426)
        await socket.prepare(request)
        uaid: UUID | None = None
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                uaid = await self._answer(socket, uaid, _read(message.data))
        except FrameError as error:
            await socket.close(code=4000, message=str(error).encode())
        finally:
            if uaid is not None and self._connected.get(uaid) is socket:
                del self._connected[uaid]
        return socket

    async def _answer(self, socket: web.WebSocketResponse, uaid: UUID | None, frame: Frame) -> UUID | None:
        """Acts on one frame; the uaid of the connection, once it has said hello."""
        kind = frame.get("messageType", "ping")
        if kind == "ping":
            await _send(socket, "{}")
        elif (kind == "hello") is not (uaid is None):
            raise FrameError("hello comes first and once")
        elif uaid is None:
            return await self._hello(socket, frame)
        elif kind == "register":
            await self._register(socket, uaid, frame)
        elif kind == "unregister":
            await self._unregister(socket, uaid, frame)
        elif kind == "ack":
            self._acknowledge(uaid, frame)
        elif kind == "nack":
            self.rejected += 1
        return uaid

    async def _hello(self, socket: web.WebSocketResponse, frame: Frame) -> UUID:
        uaid = _uuid(frame["uaid"]) if frame.get("uaid") else uuid4()
        before = self._connected.get(uaid)
        self._connected[uaid] = socket
        if before is not None:
            await before.close()
        answer = {"messageType": "hello", "status": 200, "uaid": uaid.hex, "use_webpush": True}
        await _send(socket, json.dumps(answer))
        for kept in self._mailbox.waiting(uaid.hex):
            await _send(socket, kept.content.decode())
        return uaid

    async def _register(self, socket: web.WebSocketResponse, uaid: UUID, frame: Frame) -> None:
        channel = _uuid(frame.get("channelID"))
        token = pack_firefox(self._seed, uaid, channel, key_hash(_public_key(frame.get("key"))))
        self._unregistered.pop((uaid, channel), None)
        answer = {
            "messageType": "register",
            "status": 200,
            "channelID": frame["channelID"],
            "pushEndpoint": endpoint_of(self._origin, token),
        }
        await _send(socket, json.dumps(answer))

    async def _unregister(self, socket: web.WebSocketResponse, uaid: UUID, frame: Frame) -> None:
        self._unregistered[uaid, _uuid(frame.get("channelID"))] = None
        if len(self._unregistered) > _UNREGISTERED_LIMIT:
            self._unregistered.popitem(last=False)
        answer = {"messageType": "unregister", "status": 200, "channelID": frame["channelID"]}
        await _send(socket, json.dumps(answer))

    def _acknowledge(self, uaid: UUID, frame: Frame) -> None:
        updates = frame.get("updates")
        for update in updates if isinstance(updates, list) else []:
            if isinstance(update, dict):
                self.acknowledged += update.get("code") == _DELIVERED
                self.rejected += update.get("code") != _DELIVERED
                self._mailbox.remove(uaid.hex, str(update.get("version")))


async def _send(socket: web.WebSocketResponse, frame: str) -> None:
    try:
        await socket.send_str(frame)
    except ConnectionError:
        # It went away just now: what has a TTL is in the mailbox and is sent at its next hello.
        await socket.close()


def _read(text: str) -> Frame:
    try:
        frame = json.loads(text)
    # RecursionError: the JSON parser's answer to a thousand brackets
    except (ValueError, RecursionError) as error:
        raise FrameError("not JSON") from error
    if not isinstance(frame, dict):
        raise FrameError("not a JSON object")
    return frame


def _uuid(value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise FrameError("not a UUID") from error


def _public_key(value: object) -> bytes | None:
    """The VAPID key a subscription is restricted to, or None where it is open to all."""
    if not value:
        return None
    try:
        return base64url.decode(str(value))
    except ValueError as error:
        raise FrameError("key is not base64url") from error
