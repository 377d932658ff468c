"""What every template may ask for."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from tenants.banners import HIDDEN, Banner, shown_to
from tenants.models import Tenant
from tenants.models_problems import MOST_PATH
from tenants.request import Request
from tenants.request_origin import current_origin

# Which entry of the navigation an address belongs to, where its first part has another name.
_SECTIONS = {
    "": "home",
    "sends": "campaigns",
    "exports": "subscribers",
    "imports": "subscribers",
    "privacy": "subscribers",
    "test-device": "sites",
}


def console(request: Request) -> dict[str, Any]:
    tenant = getattr(request, "tenant", None)
    first = request.path.split("/")[1]
    return {
        "tenant": tenant,
        "workspaces_url": f"{settings.BASE_URL}/workspaces/?all",
        "demo": settings.DEMO,
        "public_url": settings.BASE_URL,
        "is_demo": bool(tenant and tenant.is_demo),
        "section": _SECTIONS.get(first, first),
        "request_id": current_origin().request_id,
        "report_url": report_url(request),
        "banners": partial(_banners, request),
    }


def report_url(request: HttpRequest) -> str:
    """Where a page of a console can be reported, with what it was; empty where no form is taken."""
    tenant = getattr(request, "tenant", None)
    if tenant is None or tenant.state == Tenant.State.SUSPENDED:
        return ""
    page = {"request": current_origin().request_id, "page": request.path[:MOST_PATH]}
    return f"{reverse('tenants:problem_new', urlconf=settings.ROOT_URLCONF)}?{urlencode(page)}"


def _banners(request: Request) -> list[Banner]:
    """Called by the template of consoles alone, so that other pages ask nothing."""
    hidden = request.session.get(HIDDEN, [])
    return [one for one in shown_to(request.tenant.pk) if one.mark not in hidden] if request.tenant else []
