"""The doorway to a tenant's website: fetched and checked together, 404 otherwise."""

from django.http import Http404

from subscribers.models import Site


def access_site(pk: int) -> Site:
    """Fetch a website of the tenant in whose schema we are, else 404."""
    site = Site.objects.filter(pk=pk).first()
    if site is None:
        raise Http404
    return site
