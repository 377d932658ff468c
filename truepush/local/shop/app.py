from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from truepush.local.shop import pages
from truepush.local.shop.catalogue import TEAS
from truepush.local.shop.settings import SITE_KEY, Settings, demo_site_key

ASSETS = Path(__file__).parent / "assets"
SETTINGS = web.AppKey("settings", Settings)
_TEAS = {tea.slug: tea for tea in TEAS}


def shop_app(settings: Settings) -> web.Application:
    app = web.Application(middlewares=[_with_headers])
    app[SETTINGS] = settings
    app.router.add_get("/", _home)
    app.router.add_get("/teas/{slug}", _tea)
    app.router.add_get("/new-arrivals", _new_arrivals)
    app.router.add_get("/truepush/worker.js", _worker)
    app.router.add_get("/healthz", _healthz)
    app.router.add_static("/assets", ASSETS)
    return app


@web.middleware
async def _with_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPNotFound:
        response = _html(pages.not_found(_visit(request)), status=404)
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Whoever works on the shop sees the change at the next load.
    response.headers["Cache-Control"] = "no-cache"
    if response.content_type == "text/html":
        response.headers["Content-Security-Policy"] = _policy(request.app[SETTINGS])
    return response


def _policy(settings: Settings) -> str:
    """What a careful customer would set: the snippet must work with nothing but its own host allowed.

    The sandbox push service is there for test browsers without a PushManager, which subscribe from the page.
    """
    return (
        "default-src 'none'; img-src 'self'; style-src 'self'; worker-src 'self'; base-uri 'none'; "
        f"form-action 'none'; script-src {settings.sdk_url}; "
        f"connect-src {settings.sdk_url} {settings.sandbox_origin}"
    )


async def _healthz(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _home(request: web.Request) -> web.Response:
    visit = _visit(request)
    return _html(pages.home(visit), status=400 if visit.wrong_key else 200)


async def _tea(request: web.Request) -> web.Response:
    tea = _TEAS.get(request.match_info["slug"])
    if tea is None:
        raise web.HTTPNotFound
    return _html(pages.tea_page(_visit(request), tea))


async def _new_arrivals(request: web.Request) -> web.Response:
    return _html(pages.new_arrivals(_visit(request)))


async def _worker(request: web.Request) -> web.Response:
    """The stub of the site in ?k=, else of the demo site."""
    settings = request.app[SETTINGS]
    key = request.query.get("k") or demo_site_key(settings)
    if not SITE_KEY.fullmatch(key):
        return web.Response(status=404, text="No such worker: it is at /truepush/worker.js?k=YOUR_KEY\n")
    return web.Response(text=pages.worker_stub(settings.sdk_url, key), content_type="text/javascript")


def _visit(request: web.Request) -> pages.Visit:
    settings = request.app[SETTINGS]
    asked = request.query.get("site", "")
    if not asked:
        return pages.Visit(settings.sdk_url, demo_site_key(settings))
    if not SITE_KEY.fullmatch(asked):
        return pages.Visit(settings.sdk_url, "", wrong_key=True)
    return pages.Visit(settings.sdk_url, asked, chosen=True)


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")
