"""What the demonstration shows: a workspace with the demo shop as its website, prompts and 10,000 sandbox subscribers.

Run by bin/up after the database is there; run again it changes nothing but addresses that moved with PORT.
It prints `Name: value` lines for people.
"""

import os
import secrets
from pathlib import Path

import django
from django.conf import settings

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truepush.settings")
    django.setup()

from django.db import connection

from subscribers.actions.site import add_site, change_site
from subscribers.models import Site, Subscriber, VapidKey
from tenants.actions.verification import verify_address
from tenants.actions.workspace import create_workspace, prepare_workspace
from tenants.doorway import in_tenant
from tenants.models import Membership, Tenant, User
from truepush.lib import base64url
from truepush.local.demo_audience import make_audience
from truepush.local.demo_prompts import make_prompts
from truepush.local.secrets import write_private

SLUG = "demo"
OWNER, SUPPORT = "demo@example.com", "support@example.com"
CONTACT = "mailto:shop@example.com"
AUDIENCE = 10_000
CHUNK = 2_000
VAR = Path(settings.BASE_DIR) / "var"
SIGN_IN = VAR / "demo-sign-in.txt"

# The sandbox's port follows PORT; a token is the same on every port.
_MOVE = """
UPDATE subscribers_subscriber SET
    endpoint = %s || substring(endpoint from '/push/.*'),
    endpoint_digest = sha256(convert_to(%s || substring(endpoint from '/push/.*'), 'UTF8'))
WHERE service = 'sandbox' AND NOT starts_with(endpoint, %s)
"""


def main() -> None:
    tenant = Tenant.objects.filter(slug=SLUG).first() or make_tenant()
    with in_tenant(tenant.schema_name):
        site = Site.objects.filter(is_demo=True).first() or make_site(tenant)
        move_to_this_port(tenant, site)
        if not Subscriber.objects.filter(site=site).exists():
            fill(site)
            make_prompts(tenant, site)
    (VAR / "demo-site-key").write_text(site.site_key + "\n")
    for line in sign_in_lines():
        print(line)


def make_tenant() -> Tenant:
    """Make the workspace, its owner and a member of the support staff, with passwords of their own."""
    passwords = {OWNER: secrets.token_urlsafe(9), SUPPORT: secrets.token_urlsafe(9)}
    write_private(SIGN_IN, "".join(f"{email}\n{password}\n" for email, password in passwords.items()))
    User.objects.filter(email__in=passwords).exclude(memberships__isnull=False).delete()
    owner = User.objects.create_user(OWNER, passwords[OWNER], name="Demo")
    support = User.objects.create_user(
        SUPPORT, passwords[SUPPORT], name="Support", is_staff=True, is_superuser=True
    )
    for user in (owner, support):
        verify_address(actor=user)
    tenant = create_workspace(actor=owner, name="Harbour Leaf", slug=SLUG, is_demo=True)
    prepare_workspace(actor=None, tenant_id=tenant.pk)
    tenant.refresh_from_db()
    return tenant


def make_site(tenant: Tenant) -> Site:
    return add_site(
        actor=None,
        tenant=tenant,
        name="Demo shop",
        origin=settings.DEMO_SHOP_URL,
        contact=CONTACT,
        icon_url=f"{settings.DEMO_SHOP_URL}/assets/mark.svg",
        is_demo=True,
    )


def move_to_this_port(tenant: Tenant, site: Site) -> None:
    """Follow a changed PORT: the shop's origin and the sandbox's endpoints."""
    if site.origin != settings.DEMO_SHOP_URL:
        change_site(
            actor=owner_of(tenant),
            tenant=tenant,
            site=site,
            name=site.name,
            origin=settings.DEMO_SHOP_URL,
            contact=site.contact,
            icon_url=site.icon_url.replace(site.origin, settings.DEMO_SHOP_URL),
            worker_path=site.worker_path,
        )
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [settings.SANDBOX_ORIGIN] * 3)


def owner_of(tenant: Tenant) -> User:
    return Membership.objects.select_related("user").filter(tenant=tenant).order_by("pk")[0].user


def fill(site: Site) -> None:
    """Give the site its audience; the sandbox can derive each subscription's keys from the seed."""
    key = VapidKey.objects.get(site=site, state=VapidKey.State.CURRENT)
    seed = base64url.decode(os.environ["SANDBOX_SEED"])
    people = make_audience(site, key, seed=seed, origin=settings.SANDBOX_ORIGIN, size=AUDIENCE)
    Subscriber.objects.bulk_create(people, batch_size=CHUNK)


def sign_in_lines() -> list[str]:
    """Say who can sign in; the password was made on the first start and is kept in var/ only."""
    if not SIGN_IN.is_file():
        return [f"Sign in as: {OWNER}"]
    owner, password, support, support_password = SIGN_IN.read_text().split()
    return [
        f"Sign in as: {owner}",
        f"Password: {password}",
        f"Support: {support} {support_password} (at /admin/)",
    ]


if __name__ == "__main__":
    main()
