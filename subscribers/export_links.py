"""Links to a finished export: signed for one workspace, one job and one person, good for an hour."""

from django.core import signing

from subscribers.exports import Wish
from subscribers.keyring import unseal
from subscribers.models import Job, VapidKey
from tenants.doorway import current_schema
from truepush.lib import base64url

GOOD_SECONDS = 3600
_SALT = "subscribers.export"


def link_token(job: Job, user_id: int) -> str:
    return signing.dumps([current_schema(), job.pk, user_id], salt=_SALT)


def is_good(token: str, job: Job, user_id: int) -> bool:
    try:
        return bool(
            signing.loads(token, salt=_SALT, max_age=GOOD_SECONDS) == [current_schema(), job.pk, user_id]
        )
    except signing.BadSignature:
        return False


def file_name(job: Job) -> str:
    wish = Wish(**job.wish)
    kind = "full-export" if wish.with_secrets else "subscribers"
    return f"{kind}-{job.site_id}-{job.created_at:%Y-%m-%d}-{job.pk}.{wish.format}"


def vapid_keys(site_id: int) -> list[dict[str, str]]:
    """A website's key pairs, base64url without padding, as other services import them: this leaves with its owner."""
    return [
        {
            "public": base64url.encode(bytes(key.public)),
            "private": base64url.encode(unseal(key.private_encrypted, bytes(key.public))),
            "state": key.state,
        }
        for key in VapidKey.objects.filter(site_id=site_id).order_by("pk")
    ]
