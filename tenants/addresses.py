"""Absolute addresses: of a workspace's console, and of the host that is asked."""

from django.conf import settings
from django.http import HttpRequest

from tenants.actions import handover
from tenants.models import Tenant


def console_url(tenant: Tenant, path: str = "/") -> str:
    """Build an absolute address on the tenant's console host."""
    scheme, _, rest = settings.BASE_URL.partition("://")
    port = rest.removeprefix(settings.BASE_DOMAIN)
    return f"{scheme}://{handover.host_of(tenant)}{port}{path}"


def own_origin(request: HttpRequest) -> str:
    """The origin that a page of the host that is asked has in the browser."""
    return f"{request.scheme}://{request.get_host()}"
