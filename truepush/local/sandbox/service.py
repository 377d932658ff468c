"""What becomes of one push request; HTTP itself is in app.py."""

import itertools
import secrets
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from aiohttp import web

from truepush.lib.webpush import encryption
from truepush.local.sandbox import rules
from truepush.local.sandbox.audience import Audience
from truepush.local.sandbox.authorization import Gate
from truepush.local.sandbox.firefox import Browsers
from truepush.local.sandbox.journal import Journal
from truepush.local.sandbox.mailbox import Mailbox
from truepush.local.sandbox.receipts import ReceiptPoster
from truepush.local.sandbox.refusal import Fault, Refused, Reply
from truepush.local.sandbox.scripts import Scripts
from truepush.local.sandbox.settings import Settings
from truepush.local.sandbox.subscriptions import Answer, FirefoxToken, PlayedToken, read_token, receiver_keys
from truepush.local.sandbox.tally import Tally, read_message_id, receipt_token_in

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

_SLOW_SECONDS = 0.3
_FAULT_OF = {
    Answer.GONE: Fault.GONE,
    Answer.MISSING: Fault.NO_SUCH_SUBSCRIPTION,
    Answer.THROTTLE: Fault.THROTTLED,
    Answer.UNAVAILABLE: Fault.UNAVAILABLE,
}


class PushService:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.browsers = Browsers(settings.seed, settings.origin)
        self.poster = ReceiptPoster(settings.sdk_url, settings.speed)
        self.audience = Audience(self.poster, settings.speed)
        self._boot = secrets.token_urlsafe(6)
        self._numbers = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        """Forgets scripts, counts and messages; subscriptions live in their endpoints and stay."""
        self.gate = Gate(self.settings.origin)
        self.tally = Tally()
        self.scripts = Scripts()
        self.journal = Journal()
        self.mailbox = Mailbox()
        self.browsers.reset()
        self.poster.outcomes.clear()
        self.audience.reset()

    async def push(self, text: str, headers: "CIMultiDictProxy[str]", body: bytes) -> Reply:
        """Raises Refused. Every body is decrypted, also if the answer is scripted or the browser gone."""
        token = read_token(self.settings.seed, text)
        if token is None:
            raise Refused(Fault.NO_SUCH_SUBSCRIPTION)
        delivery = rules.read_delivery(headers)
        rules.check_body(body)
        sender = self.gate.check(headers.get("Authorization"), token.key_hash)
        if sender is not None and rules.ephemeral_key_of(body) == sender.public_key:
            raise Refused(Fault.BODY_REUSES_KEY)
        payload = self._decrypt(token, body) if isinstance(token, PlayedToken) else b""
        self.tally.count_body(body)
        scripted = self.scripts.reply(text)
        if scripted is not None and not 200 <= scripted.status < 300:
            return scripted
        if scripted is None:
            self._refuse_as_told(token)
        message_id = f"{self._boot}-{next(self._numbers):x}"
        if isinstance(token, FirefoxToken):
            self.tally.count_accepted(None)
            await self.browsers.relay(token, message_id, body, delivery)
            slow = False
        else:
            self._receive(token, message_id, payload, delivery)
            slow = token.behaviour.slow
        return self._accepted(message_id, delivery.ttl, slow, scripted)

    def come_online(self, text: str) -> int | None:
        """Hands an offline browser what was kept for it; how many messages, or None for an unknown token."""
        token = read_token(self.settings.seed, text)
        if not isinstance(token, PlayedToken):
            return None
        kept = self.mailbox.waiting(text)
        for message in kept:
            self.mailbox.remove(text, message.message_id)
            self._show(token, message.content)
        return len(kept)

    def players(self) -> list[Awaitable[None]]:
        """What must run beside the servers."""
        return [self.audience.run(), self.poster.run()] if self.settings.sdk_url else []

    def _decrypt(self, token: PlayedToken, body: bytes) -> bytes:
        keys = receiver_keys(self.settings.seed, token.text)
        try:
            return encryption.decrypt(body, keys.private, keys.auth)
        except ValueError as error:
            self.tally.undecryptable += 1
            raise Refused(Fault.UNDECRYPTABLE) from error

    def _refuse_as_told(self, token: PlayedToken | FirefoxToken) -> None:
        if isinstance(token, FirefoxToken):
            if not self.browsers.knows(token):
                raise Refused(Fault.UNREGISTERED)
        elif token.behaviour.answer is not Answer.ACCEPT:
            raise Refused(_FAULT_OF[token.behaviour.answer])

    def _receive(self, token: PlayedToken, message_id: str, payload: bytes, delivery: rules.Delivery) -> None:
        self.tally.count_accepted(read_message_id(receipt_token_in(payload)))
        self.journal.add(token.text, message_id, payload, delivery)
        if token.behaviour.offline:
            self.mailbox.keep(token.text, message_id, payload, ttl=delivery.ttl, topic=delivery.topic)
        else:
            self._show(token, payload)

    def _show(self, token: PlayedToken, payload: bytes) -> None:
        receipt_token = receipt_token_in(payload)
        if receipt_token is not None and self.settings.sdk_url:
            self.audience.receive(token, receipt_token)

    def _accepted(self, message_id: str, ttl: int, slow: bool, scripted: Reply | None) -> Reply:
        headers = {"Location": f"{self.settings.origin}/message/{message_id}", "TTL": str(ttl)}
        if scripted is not None:
            return Reply(scripted.status, scripted.document, headers | scripted.headers, scripted.delay)
        delay = _SLOW_SECONDS / self.settings.speed if slow else 0.0
        return Reply(201, {"message-id": message_id}, headers, delay)


SERVICE = web.AppKey("service", PushService)
