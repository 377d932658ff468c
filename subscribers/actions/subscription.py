"""What visitors' browsers and push services change: subscribe, unsubscribe, gone."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare, salted_hmac

from subscribers.models import Subscriber, VapidKey
from tenants.actions import audit
from tenants.doorway import current_schema
from tenants.models import Tenant, User
from truepush.lib.webpush.endpoints import Endpoint


@dataclass(frozen=True)
class Profile:
    """What is known of the browser at the moment it subscribes; empty where it did not say."""

    language: str = ""
    country: str = ""
    time_zone: str = ""
    browser: str = ""
    os: str = ""
    device: str = ""
    region: str = ""
    city: str = ""
    address: str = ""
    sdk_version: str = ""
    # The consent record: kept from the moment somebody agrees, not changed by later visits.
    prompt: str = ""
    consent_origin: str = ""


@dataclass(frozen=True)
class NewSubscription:
    """A checked subscription: `endpoint` was parsed, keys are 65 and 16 octets.

    `server_key` is the public key that it was made with, 65 octets; empty means the website's current one.
    """

    endpoint: Endpoint
    p256dh: bytes
    auth: bytes
    profile: Profile = field(default_factory=Profile)
    is_test: bool = False
    server_key: bytes = b""


def digest_of(endpoint: str) -> bytes:
    """Hash the endpoint as stored, not case-folded; JSON can carry lone surrogates, which are in no row."""
    return hashlib.sha256(endpoint.encode(errors="surrogatepass")).digest()


def capability_of(subscriber_id: int, endpoint_digest: bytes) -> str:
    """Make the token by which a browser may change its own row; derived, so nothing is stored."""
    value = f"{current_schema()}:{subscriber_id}:{endpoint_digest.hex()}"
    return salted_hmac("subscribers.capability", value, algorithm="sha256").hexdigest()[:40]


# One statement, because 50 parallel calls with one endpoint must leave one row and no error. xmax is 0 only on a row
# that this very statement inserted. Newest keys win; a browser that comes back is subscribed again, from now on. What
# it does not say of itself this time stays as it was said before. A test device that subscribes on the website counts
# from then on.
# Somebody who was imported and comes by agreed long before.
_AGREES = "known.state NOT IN ('active', 'imported') OR (known.is_test AND NOT excluded.is_test)"
_NEWEST = ", ".join(
    f"{name} = coalesce(nullif(excluded.{name}, ''), known.{name})"
    for name in (
        "language",
        "country",
        "time_zone",
        "browser",
        "os",
        "device",
        "region",
        "city",
        "address",
        "sdk_version",
    )
)
_UPSERT = f"""
INSERT INTO subscribers_subscriber AS known (
    site_id, vapid_key_id, state, is_test, service, endpoint, endpoint_digest, p256dh, auth,
    language, country, time_zone, browser, os, device, region, city, address, sdk_version, prompt, consent_origin,
    flooded_at, external_id, tags, attributes)
VALUES (%s, %s, 'active', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
    CASE WHEN %s THEN now() END, '', '{{}}', '{{}}')
ON CONFLICT (site_id, endpoint_digest) DO UPDATE SET
    vapid_key_id = excluded.vapid_key_id, state = 'active', ended_at = NULL, ended_why = '', seen_at = now(),
    service = excluded.service, p256dh = excluded.p256dh, auth = excluded.auth,
    is_test = known.is_test AND excluded.is_test,
    subscribed_at = CASE WHEN {_AGREES} THEN now() ELSE known.subscribed_at END,
    prompt = CASE WHEN {_AGREES} THEN excluded.prompt ELSE known.prompt END,
    consent_origin = CASE WHEN {_AGREES} THEN excluded.consent_origin ELSE known.consent_origin END,
    {_NEWEST}
RETURNING id, xmax = 0
"""  # noqa: S608  # constants


class UnknownServerKey(ValueError):
    """The subscription was made with a key that this website does not have (any more)."""


@transaction.atomic
def subscribe(
    *, site_id: int, new: NewSubscription, old_endpoint: str = "", in_flood: bool = False
) -> tuple[int, bool]:
    """Store the subscription under the key it was made with; answer the subscriber's id and whether it is new.

    `old_endpoint` is what the browser had before (pushsubscriptionchange, or another provider): that row then keeps
    its id and profile. An unknown one, or one of another site, is as if none was given. A new one that comes in a
    flood is marked (subscribers.actions.flood). The visitor is the actor, so no audit row. Raises UnknownServerKey.
    """
    key_id = _key_of(site_id, new.server_key)
    digest = digest_of(new.endpoint.url)
    if old_endpoint:
        _move(site_id, old_endpoint, new.endpoint.url)
    who = new.profile
    values: list[Any] = [
        site_id, key_id, new.is_test, new.endpoint.service, new.endpoint.url, digest, new.p256dh, new.auth,
        who.language, who.country, who.time_zone, who.browser, who.os, who.device, who.region, who.city, who.address,
        who.sdk_version, who.prompt, who.consent_origin, in_flood,
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, values)
        subscriber_id, created = cursor.fetchone()
    return subscriber_id, created


def is_known(site_id: int, *endpoints: str) -> bool:
    """Whether one of these endpoints, as stored, has a row on the website."""
    digests = [digest_of(one) for one in endpoints if one]
    return Subscriber.objects.filter(site_id=site_id, endpoint_digest__in=digests).exists()


def _key_of(site_id: int, public: bytes) -> int:
    keys = VapidKey.objects.filter(site_id=site_id).exclude(state=VapidKey.State.RETIRED)
    if not public:
        return keys.values_list("pk", flat=True).get(state=VapidKey.State.CURRENT)
    found = keys.filter(public=public).values_list("pk", flat=True).first()
    if found is None:
        raise UnknownServerKey
    return found


class SubscriberRefused(ValueError):
    """The subscription cannot be taken as asked; the text says why."""


@transaction.atomic
def add_test_device(*, actor: User, tenant: Tenant, site_id: int, new: NewSubscription) -> tuple[int, bool]:
    """Store the subscription of a member's own browser as a test device; answer its id and whether it is new.

    Raises SubscriberRefused for the subscription of a visitor: a test must not change or revive that one.
    """
    row = Subscriber.objects.filter(site_id=site_id, endpoint_digest=digest_of(new.endpoint.url)).first()
    if row is not None and not row.is_test:
        raise SubscriberRefused("This subscription is a visitor's. Use a browser of your own.")
    subscriber_id, created = subscribe(site_id=site_id, new=replace(new, is_test=True))
    if created:
        audit.record("site.test_device", actor=actor, tenant_id=tenant.pk, target=f"site {site_id}")
    return subscriber_id, created


def _move(site_id: int, old_endpoint: str, endpoint: str) -> None:
    """Give the row of the old endpoint the new one; if the new one has a row of its own, the old one ends."""
    old, new = digest_of(old_endpoint), digest_of(endpoint)
    if old == new:
        return
    # Both are locked first, in order of id: two browsers that took each other's endpoint would wait for each other.
    rows = Subscriber.objects.filter(site_id=site_id, endpoint_digest__in=[old, new]).order_by("pk")
    found = {bytes(row.endpoint_digest): row.pk for row in rows.select_for_update().only("endpoint_digest")}
    if old not in found:
        return
    if new not in found:
        try:
            with transaction.atomic():
                Subscriber.objects.filter(pk=found[old]).update(
                    endpoint=endpoint, endpoint_digest=new, wait_until=None
                )
            return
        except IntegrityError:
            pass  # the new endpoint came in the meantime: its own row is the one to keep
    moving = (Subscriber.State.ACTIVE, Subscriber.State.IMPORTED)
    Subscriber.objects.filter(pk=found[old], state__in=moving).update(
        state=Subscriber.State.GONE, ended_at=Now(), ended_why="replaced"
    )


def own_row(*, site_id: int, endpoint: str, capability: str) -> Subscriber | None:
    """Find the row that a browser may change; None, without a hint which part was wrong, if the capability differs."""
    digest = digest_of(endpoint)
    rows = Subscriber.objects.filter(site_id=site_id, endpoint_digest=digest)
    row = rows.only("pk", "tags", "attributes").first()
    expected = capability_of(row.pk if row else 0, digest)
    given = capability.encode(errors="surrogatepass")
    return row if constant_time_compare(expected.encode(), given) else None


def unsubscribe(*, site_id: int, endpoint: str, capability: str) -> bool:
    """End the subscription if the capability fits, also one that waits after an import; False if it does not."""
    row = own_row(site_id=site_id, endpoint=endpoint, capability=capability)
    if row is None:
        return False
    moving = (Subscriber.State.ACTIVE, Subscriber.State.IMPORTED)
    Subscriber.objects.filter(pk=row.pk, state__in=moving).update(
        state=Subscriber.State.UNSUBSCRIBED, ended_at=Now(), ended_why="visitor"
    )
    return True


def mark_gone(subscriber_ids: list[int], *, why: str) -> int:
    """Take subscriptions behind which there is no browser (any more) out of the audience; answer how many.

    `why` says how that is known, the push service's status "404" or "410", or "flood": people ask why their audience
    shrank.
    """
    # Locked in order of id: two sends may find the same dead subscriptions at the same moment.
    rows = Subscriber.objects.filter(pk__in=subscriber_ids, state=Subscriber.State.ACTIVE)
    locked = list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
    return Subscriber.objects.filter(pk__in=locked).update(
        state=Subscriber.State.GONE, ended_at=Now(), ended_why=why
    )


def disable(subscriber_ids: list[int]) -> int:
    """Pause subscriptions that were made with another VAPID key, until their browsers subscribe anew; answer how many.

    Never more than that on a 401 or 403: one bad key must not destroy a list.
    """
    rows = Subscriber.objects.filter(pk__in=subscriber_ids, state=Subscriber.State.ACTIVE)
    locked = list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
    return Subscriber.objects.filter(pk__in=locked).update(
        state=Subscriber.State.DISABLED, ended_at=Now(), ended_why="key"
    )
