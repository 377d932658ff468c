"""Pictures for messages: brought, written anew, kept under a name that their content decides, and removed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Q, Sum

from campaigns.actions.errors import CampaignRefused
from campaigns.models import Campaign, Image, Message
from tenants.actions import audit
from tenants.doorway import current_schema
from tenants.models import Tenant, User
from truepush.lib.fetch import fetch
from truepush.lib.pictures import FORMATS, Crop, rewrite

DIGEST_OCTETS = 16
# Of one that is fetched from an address.
MOST_FETCHED = 5 * 1024 * 1024
MOST_NAME = 120
_PLACES = BoundedSemaphore(2)
_MEGABYTE = 1024 * 1024


class QuotaReached(CampaignRefused):
    """The workspace has no room for another picture."""


def path_of(image: Image) -> str:
    """Its name in the storage: a folder for each workspace."""
    return f"{current_schema()}/{image.file_name}"


@contextmanager
def _place() -> Iterator[None]:
    """Hold one of this process's few places for decoding or fetching; raises CampaignRefused at once if all are taken.

    A picture of MOST_PIXELS takes 160 MB and seconds, a server that drips ten: threads that answer visitors are few.
    """
    if not _PLACES.acquire(blocking=False):
        raise CampaignRefused("Other pictures are being taken in at this moment. Try again in a few seconds.")
    try:
        yield
    finally:
        _PLACES.release()


@transaction.atomic
def add_image(
    *, actor: User, tenant: Tenant, kind: str, brought: bytes, name: str = "", crop: Crop | None = None
) -> Image:
    """Write a picture anew and keep it; one that is there already is answered. Raises PictureRefused, QuotaReached."""
    with _place():
        made = rewrite(brought, kind, crop)
    digest = hashlib.sha256(made.octets).digest()[:DIGEST_OCTETS].hex()
    known = Image.objects.filter(digest=digest, kind=kind).first()
    if known:
        return known
    # Two that are brought at once would each see room for one.
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    _check_room(len(made.octets))
    image = Image.objects.create(
        kind=kind,
        digest=digest,
        extension=made.extension,
        width=made.width,
        height=made.height,
        octets=len(made.octets),
        original_octets=len(brought),
        name=name[-MOST_NAME:],
        created_by=actor.pk,
    )
    _store(image, made.octets)
    audit.record("image.add", actor=actor, tenant_id=tenant.pk, target=f"image {image.pk}")
    return image


def fetch_image(*, actor: User, tenant: Tenant, kind: str, url: str) -> Image:
    """Fetch a picture through the guard and keep it as one that was brought; raises FetchRefused too."""
    with _place():
        brought = fetch(url, most=MOST_FETCHED, accept=", ".join(f"image/{name.lower()}" for name in FORMATS))
    return add_image(actor=actor, tenant=tenant, kind=kind, brought=brought, name=url.partition("?")[0])


def _check_room(octets: int) -> None:
    most = settings.IMAGE_MOST_MB * _MEGABYTE
    used = Image.objects.aggregate(sum=Sum("octets"))["sum"] or 0
    if used + octets > most:
        raise QuotaReached(
            f"The pictures of this workspace have {used / _MEGABYTE:.1f} MB of {settings.IMAGE_MOST_MB} MB. "
            "Remove some that are no longer used."
        )


def _store(image: Image, octets: bytes) -> None:
    """The same content has the same name, so one that lies there is as good as a new one."""
    storage = storages["images"]
    if not storage.exists(path_of(image)):
        storage.save(path_of(image), ContentFile(octets))


@transaction.atomic
def remove_image(*, actor: User, tenant: Tenant, image: Image) -> None:
    """Remove a picture for good; raises CampaignRefused while a campaign that is to come shows it.

    Notifications that are on a screen already keep what they show; browsers that come later see none.
    """
    to_come = (Campaign.State.DRAFT, Campaign.State.TEMPLATE, Campaign.State.SCHEDULED)
    shows = (
        Q(icon_url__contains=image.digest)
        | Q(image_url__contains=image.digest)
        | Q(badge_url__contains=image.digest)
        | Q(buttons__icontains=image.digest)
    )
    users = Message.objects.filter(shows, campaign__state__in=to_come).select_related("campaign")[:3]
    if names := ", ".join(f"“{message.campaign.name}”" for message in users):
        raise CampaignRefused(f"It is shown by {names}. Choose another picture there, then remove it.")
    path, is_last = path_of(image), Image.objects.filter(digest=image.digest).count() == 1
    audit.record(
        "image.remove",
        actor=actor,
        tenant_id=tenant.pk,
        target=f"image {image.pk}",
        before={"name": image.name},
    )
    image.delete()
    if is_last:
        transaction.on_commit(lambda: storages["images"].delete(path))
