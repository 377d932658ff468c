"""Absolute addresses of a workspace's console."""

from django.conf import settings

from tenants.actions import handover
from tenants.models import Tenant


def console_url(tenant: Tenant, path: str = "/") -> str:
    """Build an absolute address on the tenant's console host."""
    scheme, _, rest = settings.BASE_URL.partition("://")
    port = rest.removeprefix(settings.BASE_DOMAIN)
    return f"{scheme}://{handover.host_of(tenant)}{port}{path}"
