"""The HTTP surface: /push/<token> for senders, /subscriptions for pages, /control for tests and benches."""

import asyncio
import secrets

from aiohttp import web

from truepush.lib import base64url
from truepush.lib.webpush.keys import KeyRefused, load_public_key
from truepush.local.sandbox.control import control_app
from truepush.local.sandbox.incoming import BadRequest, bad_request, json_object
from truepush.local.sandbox.refusal import Fault, Refused, Reply
from truepush.local.sandbox.rules import MAX_BODY
from truepush.local.sandbox.service import SERVICE, PushService
from truepush.local.sandbox.subscriptions import Answer, Behaviour, make_subscription

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "content-type",
    "Access-Control-Max-Age": "600",
}


def push_app(service: PushService) -> web.Application:
    app = web.Application(client_max_size=4 * MAX_BODY)
    app[SERVICE] = service
    app.router.add_post("/push/{token}", _push)
    app.router.add_get("/healthz", _healthz)
    app.router.add_post("/subscriptions", _subscribe)
    app.router.add_options("/subscriptions", _preflight)
    app.add_subapp("/control/", control_app(service))
    return app


async def _healthz(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _push(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    service.tally.requests += 1
    try:
        reply = await service.push(request.match_info["token"], request.headers, await _read_body(request))
    except Refused as refused:
        fault = refused.fault
        service.tally.faults[fault.name.lower()] += 1
        reply = Reply(fault.status, fault.document, fault.headers)
    service.tally.statuses[reply.status] += 1
    if reply.delay:
        await asyncio.sleep(reply.delay)
    return _response(reply)


async def _read_body(request: web.Request) -> bytes:
    """Raises Refused; a body that is announced as too large is not read."""
    if (request.content_length or 0) > MAX_BODY:
        raise Refused(Fault.BODY_TOO_LARGE)
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Refused(Fault.BODY_TOO_LARGE) from error


def _response(reply: Reply) -> web.Response:
    if isinstance(reply.document, str):
        return web.Response(status=reply.status, text=reply.document, headers=reply.headers)
    return web.json_response(reply.document, status=reply.status, headers=reply.headers)


async def _preflight(request: web.Request) -> web.Response:
    return web.Response(status=204, headers=_CORS)


async def _subscribe(request: web.Request) -> web.Response:
    """A subscription for a page that has no PushManager; silent unless it says how its browser behaves."""
    settings = request.app[SERVICE].settings
    try:
        document = await json_object(request)
        key = _application_server_key(document.get("application_server_key"))
        behaviour = _behaviour(document.get("behaviour", {}))
    except BadRequest as error:
        return bad_request(error, _CORS)
    made = make_subscription(
        settings.seed, settings.origin, secrets.randbits(64), application_server_key=key, behaviour=behaviour
    )
    keys = {"p256dh": base64url.encode(made.p256dh), "auth": base64url.encode(made.auth)}
    return web.json_response({"endpoint": made.endpoint, "keys": keys}, status=201, headers=_CORS)


def _application_server_key(value: object) -> bytes:
    try:
        key = base64url.decode(value if isinstance(value, str) else "")
    except ValueError as error:
        raise BadRequest("application_server_key", "Give a P-256 public key as base64url.") from error
    try:
        load_public_key(key, field="application_server_key")
    except KeyRefused as error:
        raise BadRequest(error.field, str(error)) from error
    return key


def _behaviour(value: object) -> Behaviour:
    """{"answer": "gone", "slow": true, "offline": true, "display_share": 85, "click_share": 7}, or less."""
    if not isinstance(value, dict):
        raise BadRequest("behaviour", "Give an object.")
    try:
        answer = Answer[str(value.get("answer", "accept")).upper()]
        shares = int(value.get("display_share", 0)), int(value.get("click_share", 0))
        return Behaviour(answer, bool(value.get("slow")), bool(value.get("offline")), *shares)
    except (KeyError, ValueError, TypeError) as error:
        raise BadRequest("behaviour", f"Not a behaviour: {error}.") from error
