"""The doorways to a website: fetched and checked together."""

from collections.abc import Sequence

from django.http import Http404

from subscribers.models import Job, Prompt, Segment, Site, Subscriber
from tenants.api_errors import ApiError
from tenants.models import SiteIndex
from tenants.site_index import IndexedSite, find_site


def access_site(pk: int) -> Site:
    """Fetch a website of the tenant in whose schema we are, else 404."""
    site = Site.objects.filter(pk=pk).first()
    if site is None:
        raise Http404
    return site


def chosen_site(sites: Sequence[Site], wanted: str) -> Site | None:
    """Take the website that an address names, or else the newest; None if there is none."""
    named = [site for site in sites if wanted == str(site.pk)]
    return named[0] if named else max(sites, key=lambda site: site.pk, default=None)


def access_subscriber(pk: int) -> Subscriber:
    """Fetch a subscriber of the tenant in whose schema we are, with the website, else 404."""
    subscriber = Subscriber.objects.select_related("site").filter(pk=pk).first()
    if subscriber is None:
        raise Http404
    return subscriber


def access_job(pk: int) -> Job:
    """Fetch a job of the tenant in whose schema we are, with its website, else 404."""
    job = Job.objects.select_related("site").filter(pk=pk).first()
    if job is None:
        raise Http404
    return job


def access_export(pk: int) -> Job:
    """As `access_job`, for exports only."""
    job = access_job(pk)
    if job.kind != Job.Kind.EXPORT:
        raise Http404
    return job


def access_import(pk: int) -> Job:
    """As `access_job`, for imports only."""
    job = access_job(pk)
    if job.kind != Job.Kind.IMPORT:
        raise Http404
    return job


def access_segment(pk: int) -> Segment:
    """Fetch a segment of the tenant in whose schema we are, with its website, else 404."""
    segment = Segment.objects.select_related("site").filter(pk=pk).first()
    if segment is None:
        raise Http404
    return segment


def access_prompt(pk: int) -> Prompt:
    """Fetch a prompt of the tenant in whose schema we are, with its website and rival, else 404."""
    prompt = Prompt.objects.select_related("site", "rival").filter(pk=pk).first()
    if prompt is None:
        raise Http404
    return prompt


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
