"""Adding and changing websites: the site, its key, its row in the public index and the audit stand or fall together."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from subscribers.actions.site import CHANGEABLE, add_site, change_site
from subscribers.models import Site, VapidKey
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, SiteIndex
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import FORM, add, field_errors, text_of, values
from tests.subscribers.samples import Browser, subscribe

CHANGED = {
    "name": "New name",
    "origin": "https://new.example",
    "icon_url": "https://new.example/icon.png",
    "contact": "mailto:new@example.com",
    "worker_path": "/push/sw.js",
    "time_zone": "Asia/Kathmandu",
}


def state(place: Workspace) -> dict[str, Any]:
    """All that adding or changing a website touches."""
    with in_tenant(place.schema):
        sites = list(Site.objects.order_by("pk").values())
        keys = list(VapidKey.objects.order_by("pk").values_list("pk", "site_id", "state"))
    index = list(SiteIndex.objects.filter(tenant_id=place.tenant.pk).order_by("pk").values())
    audits = AuditEntry.objects.filter(tenant_id=place.tenant.pk, action__startswith="site.").count()
    return {"sites": sites, "keys": keys, "index": index, "audits": audits}


def agree(place: Workspace) -> bool:
    """Every site has one row in the index that says the same, and every row its site."""
    with in_tenant(place.schema):
        sites = {
            (site.site_key, place.tenant.pk, place.schema, site.pk, site.name, (site.origin, *site.aliases))
            for site in Site.objects.all()
        }
    rows = SiteIndex.objects.filter(tenant_id=place.tenant.pk)
    index = {
        (row.site_key, row.tenant_id, row.schema_name, row.site_id, row.name, tuple(row.origins))
        for row in rows
    }
    return sites == index and len(rows) == len(sites)


def last_audit(place: Workspace) -> AuditEntry:
    return AuditEntry.objects.filter(tenant_id=place.tenant.pk).latest("pk")


def test_adding_a_website_makes_site_key_pair_and_index_row(
    acme: Workspace, console: Callable[..., Client]
) -> None:
    answer = add(console(acme), icon_url="https://shop.example/icon.png", contact="mailto:web@example.com")
    assert agree(acme)
    with in_tenant(acme.schema):
        site = Site.objects.get()
        assert [key.state for key in site.vapid_keys.all()] == ["current"]
    assert answer["Location"] == f"/sites/{site.pk}/"
    assert (site.name, site.origin, site.icon_url) == (
        "Shop",
        "https://shop.example",
        "https://shop.example/icon.png",
    )
    assert (site.contact, site.worker_path, site.aliases, site.is_demo) == (
        "mailto:web@example.com", "/truepush/worker.js", [], False,
    )  # fmt: skip
    assert (len(site.site_key), int(site.site_key, 16) > 0) == (24, True)
    assert SiteIndex.objects.get(site_key=site.site_key).state == "active"


def test_adding_is_in_the_audit(acme: Workspace, console: Callable[..., Client]) -> None:
    add(console(acme))
    with in_tenant(acme.schema):
        site = Site.objects.get()
    entry = last_audit(acme)
    assert (entry.action, entry.actor, entry.actor_id) == ("site.add", acme.owner.email, acme.owner.pk)
    assert (entry.target, entry.before, entry.after) == (
        f"site {site.pk}",
        None,
        {"name": "Shop", "origin": "https://shop.example"},
    )


def test_the_longest_address_and_name_can_be_added(acme: Workspace, console: Callable[..., Client]) -> None:
    origin = "https://" + "x." * 117 + "example:8443"
    assert len(origin) == 254
    assert add(console(acme), origin=origin, name="\u65e5" * 80).status_code == 302
    assert agree(acme)


def test_changing_a_website_changes_its_index_row_and_nothing_else(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    other = make_site(acme, origin="https://other.example")
    before = state(acme)
    answer = console(acme).post(f"/sites/{shop.pk}/edit/", CHANGED)
    assert answer["Location"] == f"/sites/{shop.pk}/"
    after = state(acme)
    assert agree(acme)
    with in_tenant(acme.schema):
        changed = Site.objects.get(pk=shop.pk)
    assert {field: getattr(changed, field) for field in CHANGEABLE} == CHANGED
    assert (changed.site_key, after["keys"]) == (shop.site_key, before["keys"])
    assert [row for row in after["sites"] if row["id"] == other.pk] == [
        row for row in before["sites"] if row["id"] == other.pk
    ]


def test_the_audit_of_a_change_has_what_changed_before_and_after(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    console(acme).post(
        f"/sites/{shop.pk}/edit/", {**FORM, "contact": "mailto:new@example.com", "name": "Other"}
    )
    entry = last_audit(acme)
    assert (entry.action, entry.target) == ("site.change", f"site {shop.pk}")
    assert entry.before == {"name": "Shop", "contact": "mailto:ops@example.com"}
    assert entry.after == {"name": "Other", "contact": "mailto:new@example.com"}
    assert (entry.detail, entry.address, len(entry.request_id)) == ({}, "127.0.0.1", 32)


def test_a_form_sent_twice_adds_one_website(acme: Workspace, console: Callable[..., Client]) -> None:
    client = console(acme)
    first, second = add(client), add(client)
    assert (first.status_code, second.status_code) == (302, 200)
    assert field_errors(second) == {"origin": "https://shop.example is a website of this workspace already."}
    assert (len(state(acme)["sites"]), agree(acme)) == (1, True)


def test_the_edit_form_holds_what_is_stored(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    assert values(console(acme).get(f"/sites/{shop.pk}/edit/")) == {
        "name": "Shop",
        "origin": "https://shop.example",
        "icon_url": "",
        "contact": "mailto:ops@example.com",
        "worker_path": "/truepush/worker.js",
        "time_zone": "UTC",
    }


def test_saving_a_website_as_it_is_succeeds(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    """Its own address is not a duplicate of itself."""
    client = console(acme)
    page = f"/sites/{shop.pk}/edit/"
    assert client.post(page, values(client.get(page))).status_code == 302
    assert (last_audit(acme).before, last_audit(acme).after) == ({}, {})


def test_a_change_to_the_address_of_another_website_is_refused_and_nothing_is_lost(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    make_site(acme, origin="https://new.example")
    before = state(acme)
    answer = console(acme).post(f"/sites/{shop.pk}/edit/", CHANGED)
    assert field_errors(answer) == {"origin": "https://new.example is a website of this workspace already."}
    assert values(answer) == CHANGED
    assert state(acme) == before


def next_site_id(place: Workspace) -> int:
    with in_tenant(place.schema), connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('subscribers_site', 'id'))")
        return int(cursor.fetchone()[0]) + 1


def test_no_website_is_left_when_the_index_refuses_its_row(acme: Workspace) -> None:
    """The row of the next website is there already, so writing it fails after site and key were made."""
    SiteIndex.objects.create(
        site_key="taken", tenant_id=acme.tenant.pk, schema_name=acme.schema, site_id=next_site_id(acme), name="x",
        origins=[],
    )  # fmt: skip
    before = state(acme)
    with in_tenant(acme.schema), pytest.raises(IntegrityError, match="site_index_once"):
        add_site(
            actor=acme.owner,
            tenant=acme.tenant,
            name="Shop",
            origin="https://shop.example",
            contact="mailto:a@b.com",
        )
    assert state(acme) == before


def test_the_form_comes_back_filled_when_the_index_refuses_the_row(
    acme: Workspace, console: Callable[..., Client]
) -> None:
    client = console(acme)
    SiteIndex.objects.create(
        site_key="taken", tenant_id=acme.tenant.pk, schema_name=acme.schema, site_id=next_site_id(acme), name="x",
        origins=[],
    )  # fmt: skip
    before = state(acme)
    answer = add(client, name="Typed")
    assert (answer.status_code, values(answer)["name"]) == (200, "Typed")
    assert list(field_errors(answer)) == ["origin"]
    assert state(acme) == before


def test_nothing_changes_when_the_address_was_taken_a_moment_ago(acme: Workspace, shop: Site) -> None:
    """The form saw no duplicate, the database does: the site and its index row both stay."""
    make_site(acme, origin="https://new.example")
    before = state(acme)
    with in_tenant(acme.schema), pytest.raises(IntegrityError, match="site_origin_once"):
        change_site(actor=acme.owner, tenant=acme.tenant, site=Site.objects.get(pk=shop.pk), **CHANGED)
    assert state(acme) == before


def test_two_workspaces_may_have_one_address(acme: Workspace, globex: Workspace) -> None:
    first, second = make_site(acme), make_site(globex)
    assert first.site_key != second.site_key
    assert agree(acme)
    assert agree(globex)


def test_a_website_that_is_not_there_is_404(acme: Workspace, console: Callable[..., Client]) -> None:
    client = console(acme)
    for pk in ("0", "999999", "9223372036854775807", "9223372036854775808", "9" * 40):
        for page in ("", "edit/", "waiting/", "worker.js"):
            assert client.get(f"/sites/{pk}/{page}").status_code == 404, (pk, page)


def test_the_list_shows_each_website_with_its_subscribers(
    acme: Workspace, console: Callable[..., Client], sdk: Client
) -> None:
    sites = [make_site(acme, name=f"Site {n}", origin=f"https://s{n}.example") for n in range(3)]
    for number, site in enumerate(sites):
        for _ in range(number):
            subscribe(sdk, site, Browser().json(), origin=site.origin)
    words = text_of(console(acme).get("/sites/"))
    assert "Site 0 Waiting for its first subscriber https://s0.example 0 Finish installing Edit" in words
    assert "Site 1 https://s1.example 1 Install Edit" in words
    assert "Site 2 https://s2.example 2 Install Edit" in words


def test_the_list_costs_as_many_queries_for_ten_websites_as_for_one(
    acme: Workspace, console: Callable[..., Client], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Host, session, user, member, sites, counts; and the search path twice. Banners cost one every five seconds."""
    client = console(acme)
    make_site(acme, origin="https://s0.example")
    with django_assert_num_queries(9):
        client.get("/sites/")
    for number in range(1, 10):
        make_site(acme, origin=f"https://s{number}.example")
    with django_assert_num_queries(8):
        client.get("/sites/")


def test_an_empty_list_says_what_to_do(acme: Workspace, console: Callable[..., Client]) -> None:
    words = text_of(console(acme).get("/sites/"))
    assert "Add your first website" in words
    assert 'href="/sites/new/"' in console(acme).get("/sites/").content.decode()


def test_a_hostile_name_stays_text_on_every_page(acme: Workspace, console: Callable[..., Client]) -> None:
    site = make_site(acme, name="<script>alert(1)</script>{{ 7|add:7 }}")
    client = console(acme)
    for page in ("/", "/sites/", f"/sites/{site.pk}/", f"/sites/{site.pk}/edit/", "/campaigns/new/"):
        html = client.get(page).content.decode()
        assert "<script>alert" not in html, page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7|add:7 }}" in html, page
