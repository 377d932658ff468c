"""Pictures of messages, served to browsers: the same octets for ever under one name, of one type, and nothing else."""

import re

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


@require_safe
def picture(request: HttpRequest, site_key: str, name: str) -> HttpResponse:
    """Answer a picture of the workspace that the website is one of."""
    site, parts = find_site(site_key), _NAME.fullmatch(name)
    if site is None or site.state == "gone" or parts is None:
        raise Http404
    with in_tenant(site.schema_name):
        image = Image.objects.filter(digest=parts[1], extension=parts[2]).first()
        if image is None:
            raise Http404
        try:
            with storages["images"].open(path_of(image)) as file:
                octets = file.read()
        except FileNotFoundError:
            raise Http404 from None
    answer = HttpResponse(octets, content_type=TYPES[image.extension])
    answer["Cache-Control"] = FOREVER
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["Access-Control-Allow-Origin"] = "*"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
