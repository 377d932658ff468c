"""The SDK's endpoints that only read: loader, modules, worker code, settings. Cacheable, for any origin.

None of them reads or sets a cookie.
"""

import json
from typing import NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from subscribers.access import access_site_key, check_open
from subscribers.models import Site, VapidKey
from subscribers.prompts import live_prompts
from subscribers.sdk_answers import JAVASCRIPT, open_to_all, refused, served
from tenants.api_errors import ApiError
from tenants.doorway import in_tenant
from tenants.sdk_rings import part_with, release_for, release_for_all
from tenants.site_index import MOST_ENTRIES, IndexedSite
from truepush.lib import base64url
from truepush.lib.encodings import QUICK, Encoded
from truepush.lib.sdk_release import LOADER, WORKER

LOADER_CACHE = "public, max-age=300"
IMMUTABLE = "public, max-age=31536000, immutable"
# A change is seen within a minute though a CDN and a browser each use their full time: 5 s in this process, 15 + 5 in
# the CDN, 25 + 5 in the browser. While we are away both go on with what they have.
SETTINGS_CACHE = "public, max-age=25, s-maxage=15, stale-while-revalidate=5, stale-if-error=86400"


class _Texts(NamedTuple):
    """What is written for one website, good as long as its copy in tenants.site_index."""

    of: IndexedSite
    settings: Encoded
    worker_line: str


_texts: dict[str, _Texts] = {}


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


def worker_line(known: dict[str, object]) -> str:
    """Write the settings of a site's worker: one line of JSON, escaped for a script."""
    line = json.dumps(
        {
            "site_key": known["site_key"],
            "sdk_url": settings.SDK_URL,
            "vapid_key": known["vapid_key"],
            "name": known["name"],
            **({"receipts_url": f"{settings.RECEIPTS_URL}/sdk/v1/receipts"} if settings.RECEIPTS_URL else {}),
        }
    )
    return f"self.TRUEPUSH = {_escape_for_script(line)};\n"


def worker_code(site: Site) -> str:
    """Write the worker of a site: its settings, then the common code of its release."""
    return worker_line(of_worker(site)) + release_for(site.site_key).files[WORKER]


def _escape_for_script(text: str) -> str:
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@require_safe
def loader(request: HttpRequest, site_key: str) -> HttpResponse:
    """Serve the loader; it is the same for all sites of a release and reads the site key from its own address."""
    return served(request, release_for(site_key).encoded[LOADER], JAVASCRIPT, LOADER_CACHE)


@require_safe
def part(request: HttpRequest, content_hash: str, part: str) -> HttpResponse:
    """Serve a module of the loader by its content, at one address for all websites.

    A loader that a cache kept may name content that nobody has any more. It gets the module as it is today, for as long
    as a loader lives: a redirect would cost a round trip more, and a 404 the visitor's click.
    """
    if found := part_with(part, content_hash):
        return open_to_all(served(request, found, JAVASCRIPT, IMMUTABLE))
    today = release_for_all()
    if part not in today.parts:
        raise Http404
    return open_to_all(served(request, today.encoded[f"{part}.js"], JAVASCRIPT, LOADER_CACHE))


@require_safe
def settings_json(request: HttpRequest, site_key: str) -> HttpResponse:
    try:
        texts = _texts_of(site_key)
    except ApiError as error:
        return refused(error)
    return open_to_all(served(request, texts.settings, "application/json", SETTINGS_CACHE))


@require_safe
def worker(request: HttpRequest, site_key: str) -> HttpResponse:
    try:
        texts = _texts_of(site_key)
    except ApiError as error:
        return refused(error)
    code = texts.worker_line + release_for(site_key).files[WORKER]
    return served(request, Encoded(code.encode(), QUICK), JAVASCRIPT, "no-cache")


def _texts_of(site_key: str) -> _Texts:
    """Write what the open site of this key is served, at most every 5 s; raises ApiError 404, 410 or 403."""
    indexed = access_site_key(site_key)
    check_open(indexed)
    texts = _texts.get(site_key)
    if texts is None or texts.of is not indexed:
        with in_tenant(indexed.schema_name):
            site = Site.objects.get(pk=indexed.site_id)
            known = site_settings(site)
        texts = _Texts(indexed, Encoded(json.dumps(known).encode(), QUICK), worker_line(known))
        if len(_texts) >= MOST_ENTRIES:
            _texts.clear()
        _texts[site_key] = texts
    return texts
