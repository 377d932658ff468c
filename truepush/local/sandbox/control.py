"""Routes with which a test or benchmark tells the service what to answer and asks what it saw."""

import hmac

from aiohttp import web
from aiohttp.typedefs import Handler

from truepush.local.sandbox.incoming import BadRequest, bad_request, json_object
from truepush.local.sandbox.scripts import read_script, token_of
from truepush.local.sandbox.service import SERVICE, PushService


def control_app(service: PushService) -> web.Application:
    app = web.Application(middlewares=[_guarded])
    app[SERVICE] = service
    app.router.add_get("/counts", _counts)
    app.router.add_post("/answers", _answers)
    app.router.add_delete("/answers", _heal)
    app.router.add_get("/messages", _messages)
    app.router.add_post("/online", _online)
    app.router.add_post("/reset", _reset)
    return app


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    expected = f"Bearer {request.app[SERVICE].settings.token}"
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
        document = {"code": "unauthorized", "message": "Send Authorization: Bearer SANDBOX_TOKEN."}
        return web.json_response({"error": document}, status=401)
    try:
        return await handler(request)
    except BadRequest as error:
        return bad_request(error)


async def _counts(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    receipts = {outcome: service.poster.outcomes[outcome] for outcome in ("posted", "refused", "lost")}
    waiting = service.audience.waiting + service.poster.in_hand
    receipts |= {"forgotten": service.audience.forgotten, "waiting": waiting}
    firefox = {
        "connected": service.browsers.connected,
        "acknowledged": service.browsers.acknowledged,
        "rejected": service.browsers.rejected,
    }
    document = service.tally.document() | {"vapid_tokens": service.gate.tokens_seen}
    return web.json_response(document | {"receipts": receipts, "firefox": firefox})


async def _answers(request: web.Request) -> web.Response:
    request.app[SERVICE].scripts.add(read_script(await json_object(request)))
    return web.Response(status=204)


async def _heal(request: web.Request) -> web.Response:
    """Forget all scripts: from here on the service gives its own answers."""
    request.app[SERVICE].scripts.clear()
    return web.Response(status=204)


async def _messages(request: web.Request) -> web.Response:
    """What was accepted, decrypted, and what of it waits for an offline browser."""
    service = request.app[SERVICE]
    token = token_of(request.query.get("subscription", ""))
    waiting = [kept.content.decode("utf-8", "replace") for kept in service.mailbox.waiting(token)]
    return web.json_response({"messages": service.journal.documents(token), "waiting": waiting})


async def _online(request: web.Request) -> web.Response:
    """An offline browser comes back and is handed what is still kept for it."""
    subscription = (await json_object(request)).get("subscription")
    delivered = request.app[SERVICE].come_online(token_of(str(subscription)))
    if delivered is None:
        raise BadRequest("subscription", "Give the token or endpoint of a played subscription.")
    return web.json_response({"delivered": delivered})


async def _reset(request: web.Request) -> web.Response:
    request.app[SERVICE].reset()
    return web.Response(status=204)
