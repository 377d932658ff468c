"""The composer's pictures: bring one, fetch one, choose one that is there, remove one. Its script talks JSON."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse, JsonResponse

from campaigns.access import access_image
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.images import QuotaReached, add_image, fetch_image, remove_image
from campaigns.models import Image
from subscribers.models import Site
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest
from truepush.lib.fetch import FetchRefused
from truepush.lib.pictures import MOST_OCTETS, SIZES, Crop, PictureRefused

NEWEST = 60
MOST_URL = 2000


@console(Role.EDITOR)
def images(request: ConsoleRequest) -> HttpResponse:
    """List the newest pictures, of a kind or of all."""
    kind = _kind(request.GET.get("kind", ""))
    found = Image.objects.filter(kind=kind) if kind else Image.objects.all()
    return JsonResponse({"images": [_shown(image) for image in found[:NEWEST]]})


@console(Role.EDITOR, write=True)
def image_new(request: ConsoleRequest) -> HttpResponse:
    """Take a picture as the body's octets: `kind`, `name`, and `crop` as four shares (left, top, width, height)."""
    brought = request.read(MOST_OCTETS + 1)
    try:
        crop = _crop(request.GET.get("crop", ""))
        return _added(
            request, brought=brought, name=request.GET.get("name", "").replace("\x00", ""), crop=crop
        )
    except (PictureRefused, CampaignRefused) as error:
        return _refused(error)


@console(Role.EDITOR, write=True)
def image_fetch(request: ConsoleRequest) -> HttpResponse:
    """Fetch the picture at `url`."""
    kind, url = _kind(request.POST.get("kind", "")), request.POST.get("url", "").strip()
    try:
        if kind is None or not url or len(url) > MOST_URL:
            raise PictureRefused("Give the address of a picture that begins with https://.")
        return JsonResponse(
            _shown(fetch_image(actor=request.user, tenant=request.tenant, kind=kind, url=url))
        )
    except (PictureRefused, CampaignRefused, FetchRefused) as error:
        return _refused(error)


@console(Role.EDITOR, write=True, whole=True)
def image_remove(request: ConsoleRequest, pk: int) -> HttpResponse:
    try:
        remove_image(actor=request.user, tenant=request.tenant, image=access_image(pk))
    except CampaignRefused as error:
        return _refused(error)
    return JsonResponse({})


def _added(request: ConsoleRequest, **given: Any) -> HttpResponse:
    kind = _kind(request.GET.get("kind", ""))
    if kind is None:
        raise PictureRefused(f"Say what it is for: {', '.join(SIZES)}.")
    return JsonResponse(_shown(add_image(actor=request.user, tenant=request.tenant, kind=kind, **given)))


def _kind(text: str) -> str | None:
    return text if text in SIZES else None


def _crop(text: str) -> Crop | None:
    """Read a crop; raises PictureRefused for what is none."""
    if not text:
        return None
    try:
        crop = Crop(*(float(part) for part in text.split(",")))
    except (ValueError, TypeError):
        crop = Crop(0, 0, 0, 0)
    is_inside = (
        crop.left >= 0
        and crop.top >= 0
        and crop.left + crop.width <= 1.001
        and crop.top + crop.height <= 1.001
    )
    if not (is_inside and crop.width >= 0.001 and crop.height >= 0.001):
        raise PictureRefused(f"{text[:60]} is no part of the picture. Choose it again.")
    return crop


def _refused(error: Exception) -> HttpResponse:
    return JsonResponse({"error": str(error)}, status=413 if isinstance(error, QuotaReached) else 400)


def _shown(image: Image) -> dict[str, Any]:
    """What the page needs: its address for messages (by the newest website), and what was saved."""
    site = Site.objects.order_by("-pk").first()
    key = site.site_key if site else "-"
    return {
        "id": image.pk,
        "url": f"{settings.SDK_URL}/i/{key}/{image.file_name}",
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "octets": image.octets,
        "original_octets": image.original_octets,
    }
