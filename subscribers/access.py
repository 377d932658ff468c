"""The doorways to a website: fetched and checked together."""

from django.http import Http404

from subscribers.api_errors import ApiError
from subscribers.models import Site
from tenants.models import SiteIndex
from tenants.site_index import IndexedSite, find_site


def access_site(pk: int) -> Site:
    """Fetch a website of the tenant in whose schema we are, else 404."""
    site = Site.objects.filter(pk=pk).first()
    if site is None:
        raise Http404
    return site


def access_site_key(site_key: str) -> IndexedSite:
    """Fetch the site of this public key, in whatever state it is; raises ApiError 404."""
    site = find_site(site_key)
    if site is None:
        raise ApiError(404, "unknown_site", "No website has this site key. Copy the snippet again.")
    return site


def check_open(site: IndexedSite) -> None:
    """Let pass a site that takes calls; raises ApiError 410 or 403."""
    if site.state == SiteIndex.State.GONE:
        raise ApiError(410, "tenant_gone", "This website was removed from Truepush.")
    if site.state == SiteIndex.State.SUSPENDED:
        raise ApiError(403, "suspended", "This workspace is suspended.")
