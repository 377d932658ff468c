"""What every template may ask for."""

from typing import Any

from django.conf import settings

from tenants.request import Request


def console(request: Request) -> dict[str, Any]:
    tenant = getattr(request, "tenant", None)
    return {"tenant": tenant, "demo": settings.DEMO, "is_demo": bool(tenant and tenant.is_demo)}
