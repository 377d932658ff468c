"""Make API keys, look them up as a request brings them, revoke them."""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from tenants.actions import audit
from tenants.actions.notices import tell, who_may
from tenants.models import ApiKey, Role, Tenant, User

# Keys that count, of one workspace.
MOST_OPEN = 50
SECRET_OCTETS = 20
_LETTERS = string.ascii_lowercase + string.digits
_WAITS_FOR_NOBODY = Q(revoked_at=None, held_at=None)
_USED_AGAIN = timedelta(minutes=1)
TOKEN = re.compile(r"tp_live_([a-z0-9]{8})_([0-9a-f]{40})")


class KeyRefused(ValueError):
    """A key that cannot be made; the text says why and what to do."""


def digest_of(secret: str) -> bytes:
    """Hash a secret: of 160 random bits, so a slow hash would cost each request much and a thief nothing more."""
    return hashlib.sha256(secret.encode()).digest()


@transaction.atomic
def create_key(
    *,
    actor: User,
    tenant: Tenant,
    name: str,
    scopes: Sequence[str],
    addresses: Sequence[str] = (),
    per_minute: int,
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    """Make a key; answer it and its whole text, which nobody can read again. Raises KeyRefused."""
    # One at a time for each workspace: its keys are counted.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    if open_keys(tenant).count() >= MOST_OPEN:
        raise KeyRefused(f"{MOST_OPEN} keys are in use, and more are not possible. Revoke one first.")
    key_id = "".join(secrets.choice(_LETTERS) for _ in range(8))
    secret = secrets.token_hex(SECRET_OCTETS)
    given = {"scopes": list(scopes), "addresses": list(addresses), "per_minute": per_minute}
    made = ApiKey.objects.create(
        tenant=tenant, name=name, key_id=key_id, digest=digest_of(secret), created_by=actor, expires_at=expires_at,
        **given,
    )  # fmt: skip
    until = expires_at.isoformat(timespec="seconds") if expires_at else None
    audit.record(
        "key.create", actor=actor, tenant_id=tenant.pk, target=f"key {made.pk}",
        after={"name": name, "key id": key_id, "expires at": until, **given},
    )  # fmt: skip
    return made, f"{made.start}_{secret}"


@transaction.atomic
def revoke_key(*, actor: User, key: ApiKey) -> bool:
    """End a key: its next request is refused, whichever process gets it. False if it was revoked already."""
    ended = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now())
    if ended:
        audit.record(
            "key.revoke", actor=actor, tenant_id=key.tenant_id, target=f"key {key.pk}",
            before={"name": key.name, "key id": key.key_id},
        )  # fmt: skip
    return bool(ended)


@transaction.atomic
def hold_keys(*, actor: User | None, made_at: str) -> int:
    """Refuse every key until people of its workspace let it in: what was restored may have been revoked since.

    Answer how many there are. Safe to run twice.
    """
    held = 0
    for tenant in Tenant.objects.filter(pk__in=ApiKey.objects.filter(_WAITS_FOR_NOBODY).values("tenant_id")):
        keys = open_keys(tenant).filter(held_at=None)
        if number := keys.update(held_at=Now()):
            held += number
            audit.record("key.hold", actor=actor, tenant_id=tenant.pk, keys=number, made_at=made_at)
            tell(
                tenant.pk, who_may(tenant.pk, Role.ADMIN, site_id=None), site_id=None, kind="keys", path="/keys/",
                text=f"Restored from a backup of {made_at}: {number} API keys are refused until you let them in again. "
                "One may have been revoked since.",
            )  # fmt: skip
    return held


@transaction.atomic
def let_key_in(*, actor: User, key: ApiKey) -> bool:
    """End the wait of a key that a restore holds; False if it does not wait, or does not count any more."""
    let_in = open_keys(key.tenant).filter(pk=key.pk, held_at__isnull=False).update(held_at=None)
    if let_in:
        audit.record("key.let_in", actor=actor, tenant_id=key.tenant_id, target=f"key {key.pk}")
    return bool(let_in)


def open_keys(tenant: Tenant) -> QuerySet[ApiKey]:
    """What is neither revoked nor over."""
    is_good = Q(expires_at=None) | Q(expires_at__gt=Now())
    return ApiKey.objects.filter(is_good, tenant=tenant, revoked_at=None)


def find_key(tenant: Tenant, token: str) -> ApiKey | None:
    """Find the workspace's key of this text; None if it is none, or does not count any more.

    Read anew each time, by one index: a copy would let a revoked key in.
    """
    parts = TOKEN.fullmatch(token)
    key = open_keys(tenant).filter(key_id=parts[1], held_at=None).first() if parts else None
    known = bytes(key.digest) if key else bytes(32)
    is_same = hmac.compare_digest(known, digest_of(parts[2] if parts else ""))
    return key if is_same else None


def note_use(key: ApiKey) -> None:
    """Write when the key was last used, at most once a minute. No audit row: it says itself."""
    if key.last_used_at and timezone.now() - key.last_used_at < _USED_AGAIN:
        return
    ApiKey.objects.filter(pk=key.pk).filter(
        Q(last_used_at=None) | Q(last_used_at__lte=Now() - _USED_AGAIN)
    ).update(last_used_at=Now())
