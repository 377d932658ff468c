"""What every template may ask for."""

from typing import Any

from django.conf import settings

from tenants.request import Request

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
    }
