"""Add and change websites, together with the public index that SDK calls use."""

import secrets

from django.db import transaction
from django.db.models.functions import Now

from subscribers.keyring import seal, seal_identity
from subscribers.models import Site, VapidKey
from subscribers.restraint import Restraint
from tenants.actions import audit
from tenants.actions.sending import check_rate, set_pace
from tenants.models import SiteIndex, Tenant, User
from tenants.site_index import forget
from truepush.lib.webpush.vapid import KeyPair, generate_key_pair

CHANGEABLE = ("name", "origin", "contact", "icon_url", "worker_path", "time_zone")


@transaction.atomic
def add_site(
    *,
    actor: User | None,
    tenant: Tenant,
    name: str,
    origin: str,
    contact: str,
    icon_url: str = "",
    worker_path: str = "/truepush/worker.js",
    time_zone: str = "UTC",
    is_demo: bool = False,
) -> Site:
    """Add a website with a new VAPID key pair; raises IntegrityError if the tenant has its origin already."""
    site = Site.objects.create(
        name=name,
        origin=origin,
        contact=contact,
        icon_url=icon_url,
        worker_path=worker_path,
        time_zone=time_zone,
        is_demo=is_demo,
        site_key=secrets.token_hex(12),
    )
    pair = generate_key_pair()
    VapidKey.objects.create(site=site, public=pair.public, private_encrypted=seal(pair.private, pair.public))
    SiteIndex.objects.create(
        site_key=site.site_key,
        tenant_id=tenant.pk,
        schema_name=tenant.schema_name,
        site_id=site.pk,
        name=name,
        origins=[origin],
    )
    told = {"name": name, "origin": origin}
    audit.record("site.add", actor=actor, tenant_id=tenant.pk, target=f"site {site.pk}", after=told)
    transaction.on_commit(lambda: forget(site.site_key))
    return site


@transaction.atomic
def change_site(
    *,
    actor: User,
    tenant: Tenant,
    site: Site,
    name: str,
    origin: str,
    contact: str,
    icon_url: str,
    worker_path: str,
    time_zone: str = "",
) -> Site:
    """Save a website's settings and its row in the public index; an empty time zone leaves it as it is."""
    before = {field: getattr(site, field) for field in CHANGEABLE}
    site.name, site.origin, site.contact = name, origin, contact
    site.icon_url, site.worker_path = icon_url, worker_path
    site.time_zone = time_zone or site.time_zone
    site.save(update_fields=CHANGEABLE)
    SiteIndex.objects.filter(tenant_id=tenant.pk, site_id=site.pk).update(
        name=name, origins=[origin, *site.aliases], updated_at=Now()
    )
    changed = [field for field in CHANGEABLE if getattr(site, field) != before[field]]
    audit.record(
        "site.change",
        actor=actor,
        tenant_id=tenant.pk,
        target=f"site {site.pk}",
        before={field: before[field] for field in changed},
        after={field: getattr(site, field) for field in changed},
    )
    transaction.on_commit(lambda: forget(site.site_key))
    return site


@transaction.atomic
def set_site_rate(*, actor: User, tenant: Tenant, site: Site, per_minute: int | None) -> None:
    """Limit what all sends of a website send together; raises RateRefused."""
    check_rate(per_minute)
    before = Site.objects.select_for_update().values_list("rate_per_minute", flat=True).get(pk=site.pk)
    Site.objects.filter(pk=site.pk).update(rate_per_minute=per_minute)
    set_pace(f"site:{tenant.pk}:{site.pk}", tenant.pk, per_minute)
    audit.record(
        "site.rate", actor=actor, tenant_id=tenant.pk, target=f"site {site.pk}",
        before={"per_minute": before}, after={"per_minute": per_minute},
    )  # fmt: skip


@transaction.atomic
def set_restraint(*, actor: User, tenant: Tenant, site: Site, restraint: Restraint) -> None:
    """Say how much the website's subscribers may get; what is on its way follows with its next grant."""
    before = Site.objects.select_for_update().values_list("restraint", flat=True).get(pk=site.pk)
    Site.objects.filter(pk=site.pk).update(restraint=restraint.as_json())
    audit.record(
        "site.restraint", actor=actor, tenant_id=tenant.pk, target=f"site {site.pk}",
        before=Restraint.from_json(before).as_told(), after=restraint.as_told(),
    )  # fmt: skip


@transaction.atomic
def renew_identity(*, actor: User, tenant: Tenant, site: Site) -> str:
    """Make a secret for signing external ids; answer it. Signatures of the one before are refused from now on."""
    secret = secrets.token_hex(32)
    site.identity_encrypted = seal_identity(secret.encode(), site.pk)
    site.save(update_fields=["identity_encrypted"])
    audit.record("site.identity", actor=actor, tenant_id=tenant.pk, target=f"site {site.pk}")
    return secret


@transaction.atomic
def add_foreign_key(
    *, actor: User, tenant: Tenant, site: Site, pair: KeyPair, provider: str, worker_path: str
) -> VapidKey:
    """Keep a key pair that subscriptions of another provider were made with; a pair that is there already stays one."""
    key = VapidKey.objects.filter(site=site, public=pair.public).first()
    if key is None:
        sealed = seal(pair.private, pair.public)
        key = VapidKey.objects.create(
            site=site, public=pair.public, private_encrypted=sealed, state=VapidKey.State.OLD
        )
    if key.state != VapidKey.State.CURRENT:
        key.state, key.provider, key.worker_path = VapidKey.State.OLD, provider, worker_path
        key.save(update_fields=["state", "provider", "worker_path"])
    audit.record(
        "site.key_add",
        actor=actor,
        tenant_id=tenant.pk,
        target=f"site {site.pk}",
        key=key.pk,
        provider=provider,
    )
    return key
