"""Pictures of messages, served to browsers: the same octets for ever under one name, of one type, and nothing else."""

import re
import time

from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from campaigns.actions.images import path_of
from campaigns.models import Image
from tenants.doorway import in_tenant
from tenants.site_index import find_site
from truepush.lib.pictures import TYPES

FOREVER = "public, max-age=31536000, immutable"
_NAME = re.compile(rf"([0-9a-f]{{32}})\.({'|'.join(TYPES)})")


# Every browser that shows a notification asks for its pictures, a million within minutes, and each process has the few
# that are in use. One that was removed is served for at most so long.
KEPT_SECONDS = 60.0
MOST_KEPT = 64
_kept: dict[tuple[str, str], tuple[float, bytes, str]] = {}


@require_safe
def picture(request: HttpRequest, site_key: str, name: str) -> HttpResponse:
    """Answer a picture of the workspace that the website is one of."""
    now, known = time.monotonic(), _kept.get((site_key, name))
    if known is None or known[0] < now:
        octets, extension = _read(site_key, name)
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        known = _kept[site_key, name] = (now + KEPT_SECONDS, octets, extension)
    answer = HttpResponse(known[1], content_type=TYPES[known[2]])
    answer["Cache-Control"] = FOREVER
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["Access-Control-Allow-Origin"] = "*"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def forget_all() -> None:
    """Drop this process's copies."""
    _kept.clear()


def _read(site_key: str, name: str) -> tuple[bytes, str]:
    """Read a picture of the website's workspace and its type; raises Http404."""
    site, parts = find_site(site_key), _NAME.fullmatch(name)
    if site is None or site.state == "gone" or parts is None:
        raise Http404
    with in_tenant(site.schema_name):
        image = Image.objects.filter(digest=parts[1], extension=parts[2]).first()
        if image is None:
            raise Http404
        try:
            with storages["images"].open(path_of(image)) as file:
                return file.read(), image.extension
        except FileNotFoundError:
            raise Http404 from None
