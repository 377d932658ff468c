"""The secret for external ids: shown to whoever runs the website, when asked, and kept by nobody on the way."""

import re
from collections.abc import Callable

from django.test import Client

from subscribers.identity import secret_of
from subscribers.models import Site
from tenants.doorway import in_tenant
from tenants.models import AuditEntry
from tests.conftest import Workspace


def shown(client: Client, site: Site, do: str) -> str:
    answer = client.post(f"/sites/{site.pk}/identity/", {"do": do})
    assert answer.headers["Cache-Control"] == "no-store"
    found = re.search(r'value="([0-9a-f]{64})"', answer.content.decode())
    return found.group(1) if found else ""


def test_a_secret_is_made_shown_and_renewed(
    console: Callable[..., Client], acme: Workspace, shop: Site
) -> None:
    client = console(acme)
    text = client.get(f"/sites/{shop.pk}/identity/").content.decode()
    assert "has no identity secret yet" in text
    assert shown(client, shop, "show") == ""
    secret = shown(client, shop, "renew")
    assert len(secret) == 64
    assert secret not in client.get(f"/sites/{shop.pk}/identity/").content.decode()
    assert shown(client, shop, "show") == secret
    assert shown(client, shop, "renew") not in ("", secret)
    with in_tenant(acme.schema):
        assert secret_of(Site.objects.get(pk=shop.pk)) not in ("", secret)
    actions = list(
        AuditEntry.objects.filter(action__startswith="site.identity").order_by("pk").values("action")
    )
    assert [one["action"] for one in actions] == [
        "site.identity_shown", "site.identity", "site.identity_shown", "site.identity",
    ]  # fmt: skip
    assert not AuditEntry.objects.filter(detail__icontains=secret).exists()
