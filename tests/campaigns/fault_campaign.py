"""Run by the fault tests in a process of its own: launches a campaign, of a tenant that is made if there is none."""

import sys

import django

django.setup()

from django.conf import settings  # noqa: E402

from campaigns.actions.campaign import launch_campaign, save_draft  # noqa: E402
from subscribers.actions.site import add_site  # noqa: E402
from subscribers.actions.subscription import digest_of  # noqa: E402
from subscribers.models import Site, Subscriber, VapidKey  # noqa: E402
from tenants.actions.workspace import create_workspace, prepare_workspace  # noqa: E402
from tenants.doorway import in_tenant  # noqa: E402
from tenants.models import Tenant, User  # noqa: E402
from truepush.local.sandbox.subscriptions import Behaviour, make_subscription  # noqa: E402

CONTENT = {"title": "Sale", "body": "", "url": "https://shop.example/", "icon_url": ""}
SEED = bytes(range(32))


def main(size: int) -> None:
    """Launch it to all; `size` is of the audience that is made."""
    tenant = Tenant.objects.filter(slug="fault").first() or make_tenant(size)
    owner = User.objects.get(email="owner@fault.test")
    with in_tenant(tenant.schema_name):
        campaign = save_draft(actor=owner, tenant=tenant, site=Site.objects.get(), content=CONTENT)
        launch_campaign(actor=owner, tenant=tenant, campaign=campaign, ttl=86400)
    print(tenant.schema_name)


def make_tenant(size: int) -> Tenant:
    owner = User.objects.create_user("owner@fault.test", "a long enough password")
    tenant = create_workspace(actor=owner, name="Fault", slug="fault")
    prepare_workspace(actor=None, tenant_id=tenant.pk)
    tenant.refresh_from_db()
    with in_tenant(tenant.schema_name):
        site = add_site(
            actor=owner,
            tenant=tenant,
            name="Shop",
            origin="https://shop.example",
            contact="mailto:o@example.com",
        )
        key = VapidKey.objects.get(site=site)
        made = [
            make_subscription(
                SEED,
                settings.SANDBOX_ORIGIN,
                index,
                application_server_key=bytes(key.public),
                behaviour=Behaviour(),
            )
            for index in range(size)
        ]
        Subscriber.objects.bulk_create(
            Subscriber(
                site=site, vapid_key=key, service="sandbox", endpoint=one.endpoint,
                endpoint_digest=digest_of(one.endpoint), p256dh=one.p256dh, auth=one.auth,
            )
            for one in made
        )  # fmt: skip
    return tenant


if __name__ == "__main__":
    main(int(sys.argv[1]))
