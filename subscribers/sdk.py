"""The SDK's endpoints that only read: loader, worker code, settings. Cacheable, without cookies, for any origin."""

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from subscribers.models import Site, VapidKey
from tenants.doorway import in_tenant
from tenants.models import SiteIndex
from tenants.site_index import find_site
from truepush.lib import base64url

JAVASCRIPT = "text/javascript; charset=utf-8"
LOADER_CACHE = "public, max-age=300"


@lru_cache(maxsize=4)
def _source(name: str) -> str:
    return Path(settings.BASE_DIR, "static", "sdk", name).read_text(encoding="utf-8")


def site_settings(site: Site) -> dict[str, object]:
    """Build what the loader needs to know of a site; all of it is public."""
    key = VapidKey.objects.get(site=site, state=VapidKey.State.CURRENT)
    return {
        "site_key": site.site_key,
        "name": site.name,
        "vapid_key": base64url.encode(bytes(key.public)),
        "worker": {"path": site.worker_path, "scope": site.worker_scope},
    }


def worker_code(site: Site) -> str:
    """Write the worker of a site: its settings as one line of JSON, escaped for a script, then the common code."""
    known = site_settings(site)
    line = json.dumps(
        {
            "site_key": known["site_key"],
            "sdk_url": settings.SDK_URL,
            "vapid_key": known["vapid_key"],
            "name": known["name"],
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
def settings_json(request: HttpRequest, site_key: str) -> HttpResponse:
    text = _of_site(site_key, lambda site: json.dumps(site_settings(site)))
    if text is None:
        return _unknown()
    answer = _cached(request, text, "application/json", "public, max-age=60")
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


@require_safe
def worker(request: HttpRequest, site_key: str) -> HttpResponse:
    text = _of_site(site_key, worker_code)
    if text is None:
        return _unknown()
    return _cached(request, text, JAVASCRIPT, "no-cache")


def _of_site(site_key: str, write: Callable[[Site], str]) -> str | None:
    """Write something about the active site of this key inside its tenant; None if there is no such site."""
    indexed = find_site(site_key)
    if indexed is None or indexed.state != SiteIndex.State.ACTIVE:
        return None
    with in_tenant(indexed.schema_name):
        return write(Site.objects.get(pk=indexed.site_id))


def _unknown() -> HttpResponse:
    body = {"error": {"code": "unknown_site", "message": "No website has this site key.", "field": None}}
    answer = HttpResponse(json.dumps(body), content_type="application/json", status=404)
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def _cached(request: HttpRequest, text: str, content_type: str, cache_control: str) -> HttpResponse:
    body = text.encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        answer: HttpResponse = HttpResponseNotModified()
    else:
        answer = HttpResponse(body, content_type=content_type)
        answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["ETag"] = etag
    answer["Cache-Control"] = cache_control
    return answer
