"""The SDK's endpoints that only read: loader, worker code, settings. Cacheable, without cookies, for any origin."""

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from subscribers.access import access_site_key, check_open
from subscribers.api_errors import ApiError, error_body
from subscribers.doctor.providers import as_script
from subscribers.models import Site, VapidKey
from subscribers.prompts import live_prompts
from tenants.doorway import in_tenant
from truepush.lib import base64url

JAVASCRIPT = "text/javascript; charset=utf-8"
LOADER_CACHE = "public, max-age=300"
# What the loader imports where it is needed: no page pays for what it does not show.
PARTS = ("ask", "connect", "funnel", "prompt", "visitor")


@lru_cache(maxsize=5)
def _source(name: str) -> str:
    return Path(settings.BASE_DIR, "static", "sdk", name).read_text(encoding="utf-8")


def site_settings(site: Site) -> dict[str, object]:
    """Build what the loader needs to know of a site; all of it is public."""
    prompts = live_prompts(site)
    return {**of_worker(site), **({} if prompts is None else {"prompts": prompts})}


def of_worker(site: Site) -> dict[str, object]:
    """Build what all parts of the SDK need to know of a site."""
    keys = list(VapidKey.objects.filter(site=site).exclude(state=VapidKey.State.RETIRED).order_by("pk"))
    current = next(key for key in keys if key.state == VapidKey.State.CURRENT)
    known: dict[str, object] = {
        "site_key": site.site_key,
        "name": site.name,
        "vapid_key": base64url.encode(bytes(current.public)),
        "worker": {"path": site.worker_path, "scope": site.worker_scope},
    }
    # Files of other providers' workers, whose subscriptions were imported: the loader takes those over.
    old = sorted({key.worker_path for key in keys if key.worker_path})
    return {**known, "old_workers": old} if old else known


def worker_code(site: Site) -> str:
    """Write the worker of a site: its settings as one line of JSON, escaped for a script, then the common code."""
    known = of_worker(site)
    line = json.dumps(
        {
            "site_key": known["site_key"],
            "sdk_url": settings.SDK_URL,
            "vapid_key": known["vapid_key"],
            "name": known["name"],
            **({"receipts_url": f"{settings.RECEIPTS_URL}/sdk/v1/receipts"} if settings.RECEIPTS_URL else {}),
        }
    )
    return f"self.TRUEPUSH = {_escape_for_script(line)};\n{_source('worker.js')}"


def _escape_for_script(text: str) -> str:
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@require_safe
def loader(request: HttpRequest, site_key: str) -> HttpResponse:
    """Serve the loader; it is the same for all sites and reads the site key from its own address."""
    return _cached(request, _source("truepush.js"), JAVASCRIPT, LOADER_CACHE)


@require_safe
def module(request: HttpRequest, site_key: str, name: str) -> HttpResponse:
    """Serve a part of the loader that it imports where it needs it."""
    answer = _cached(request, _source(f"{name}.js"), JAVASCRIPT, LOADER_CACHE)
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


@require_safe
def doctor(request: HttpRequest, site_key: str) -> HttpResponse:
    """Serve the check in a browser, with what other providers are known by before it."""
    answer = _cached(request, as_script() + _source("doctor.js"), JAVASCRIPT, LOADER_CACHE)
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


@require_safe
def settings_json(request: HttpRequest, site_key: str) -> HttpResponse:
    try:
        text = _of_site(site_key, lambda site: json.dumps(site_settings(site)))
    except ApiError as error:
        return _refused(error)
    answer = _cached(request, text, "application/json", "public, max-age=60")
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


@require_safe
def worker(request: HttpRequest, site_key: str) -> HttpResponse:
    try:
        text = _of_site(site_key, worker_code)
    except ApiError as error:
        return _refused(error)
    return _cached(request, text, JAVASCRIPT, "no-cache")


def _of_site(site_key: str, write: Callable[[Site], str]) -> str:
    """Write something about the open site of this key inside its tenant; raises ApiError 404, 410 or 403."""
    indexed = access_site_key(site_key)
    check_open(indexed)
    with in_tenant(indexed.schema_name):
        return write(Site.objects.get(pk=indexed.site_id))


def _refused(error: ApiError) -> HttpResponse:
    answer = JsonResponse(error_body(error), status=error.status)
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Cache-Control"] = "no-store"
    return answer


def _cached(request: HttpRequest, text: str, content_type: str, cache_control: str) -> HttpResponse:
    body = text.encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    # Compared weakly (RFC 9110 section 13.1.2): what compresses on the way marks our tag as weak.
    known = {tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))}
    if etag in known:
        answer: HttpResponse = HttpResponseNotModified()
    else:
        answer = HttpResponse(body, content_type=content_type)
        answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["ETag"] = etag
    answer["Cache-Control"] = cache_control
    return answer
