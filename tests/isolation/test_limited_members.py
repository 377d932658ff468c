"""A member who is limited to one website: everything of the others is not there, on every page and in every verb.

Rows 1 to 3 of each table are those of websites 1 to 3 (world.py); the member may see website 1.
"""

import re
from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve

from subscribers.models import Site
from tenants.actions.notices import tell, who_may
from tenants.doorway import in_tenant
from tenants.models import Membership, Notice, Role
from tenants.site_limits import only_sites
from tests.isolation.conftest import Two
from tests.isolation.pages import console_pages, everything, value_for
from tests.isolation.routes import FORMS, OPEN, POST_ONLY, TENANT, path_of
from tests.isolation.test_foreign_ids import body_of
from tests.isolation.world import snapshot
from tests.tenants.people import add_member

Console = Callable[..., Client]
OWN, HIDDEN = 1, (2, 3)
# Of people and of the workspace, not of a website: pictures are shared.
NOT_OF_SITES = {
    "tenants:inbox_open",
    "tenants:key_let_in",
    "tenants:key_revoke",
    "tenants:person",
    "tenants:person_remove",
    "tenants:invitation_resend",
    "tenants:invitation_withdraw",
    "campaigns:image_remove",
}
# Limited members are never owners.
OF_OWNERS = {"subscribers:export_keys"}
OF_SITES = [name for name, kind in TENANT.items() if kind and name not in NOT_OF_SITES | OF_OWNERS]
OF_THE_WHOLE = {
    "tenants:keys", "tenants:key_new", "tenants:key_let_in", "tenants:key_revoke",
    "subscribers:site_new", "subscribers:sending", "subscribers:sending_resume", "subscribers:privacy",
    "subscribers:privacy_person", "subscribers:privacy_erase", "campaigns:privacy_data", "campaigns:image_remove",
    "tenants:audit_log", "tenants:audit_file", "tenants:people", "tenants:person", "tenants:person_remove",
    "tenants:invite", "tenants:invitation_resend", "tenants:invitation_withdraw",
}  # fmt: skip
# A picture's columns, and the workspace's own name.
SHARED = ("campaigns.image.", "tenants.")


@pytest.fixture
def limited(two: Two, console: Console) -> Client:
    """An admin, who may do most of those who can be limited."""
    user = add_member(two.first, Role.ADMIN, "limited@acme.test")
    Membership.objects.filter(user=user).update(site_ids=[OWN])
    return console(two.first, user)


def test_nothing_of_another_website_can_be_asked_for_or_changed(two: Two, limited: Client) -> None:
    before = snapshot(two.first)
    for name in OF_SITES:
        for pk in HIDDEN:
            path = path_of(name, value_for(TENANT[name], two.first, pk))
            status = limited.get(path).status_code
            assert status == (405 if name in POST_ONLY else 404), path
            if name in POST_ONLY | FORMS:
                assert limited.post(path, **body_of(name, pk)).status_code == 404, path
        assert snapshot(two.first) == before, name


def test_no_page_shows_a_text_of_another_website(two: Two, limited: Client) -> None:
    pages = console_pages(limited, two.first, (OWN,))
    hidden = re.compile(r"(?<![a-z0-9])zqa\d{3}-[23](?!\d)")
    found = {path: set(hidden.findall(everything(answer))) for path, answer in pages.items()}
    shared = {path for path in found if path.startswith("/images/")}
    assert {path: marks for path, marks in found.items() if marks and path not in shared} == {}
    # The control: of their own they do see.
    own = re.compile(r"(?<![a-z0-9])zqa\d{3}-1(?!\d)")
    assert sum(bool(own.search(everything(answer))) for answer in pages.values()) > 25


def test_forms_neither_offer_nor_take_another_website(two: Two, limited: Client) -> None:
    before = snapshot(two.first)
    for name, kind in TENANT.items():
        if kind or name in OPEN or name in OF_THE_WHOLE or name == "tenants:people_leave":
            continue
        answer = limited.post(
            path_of(name), {"site": 2, "title": "x", "format": "csv", "kind": "profiles", "external_id": "x"}
        )
        assert not re.search(r"zqa\d{3}-[23](?!\d)", everything(answer)), name
    after = snapshot(two.first)
    for model, rows in after.items():
        new = [row for row in rows if row not in before[model]]
        assert [row for row in new if row.get("site_id") in HIDDEN] == [], model


def test_what_is_of_the_whole_workspace_is_closed_to_them(two: Two, limited: Client) -> None:
    """Each page says so by its doorway, and these are they."""
    views = {name: resolve(path_of(name, value_for(kind, two.first, 1) if kind else None), settings.ROOT_URLCONF)
             for name, kind in TENANT.items()}  # fmt: skip
    assert {name for name, match in views.items() if getattr(match.func, "is_whole", False)} == OF_THE_WHOLE
    before = snapshot(two.first)
    for name in OF_THE_WHOLE:
        path = path_of(name, value_for(TENANT[name], two.first, 1) if TENANT[name] else None)
        answer = limited.post(path) if name in POST_ONLY else limited.get(path)
        assert answer.status_code == 403, path
        assert "limited to some websites" in answer.content.decode()
    assert snapshot(two.first) == before


def test_the_limit_ends_with_the_request(two: Two, limited: Client) -> None:
    assert limited.get("/sites/2/").status_code == 404
    with in_tenant(two.first.schema):
        assert Site.objects.count() == 3
        with pytest.raises(ZeroDivisionError), only_sites([1]):
            assert [site.pk for site in Site.objects.all()] == [1]
            assert Site(pk=1).segments.count() == 1
            assert Site(pk=2).segments.count() == 0
            _ = 1 / 0
        assert Site.objects.count() == 3


def test_they_are_told_nothing_of_other_websites_and_asked_to_approve_none(two: Two, limited: Client) -> None:
    user = Membership.objects.get(user__email="limited@acme.test").user
    tenant = two.first.tenant
    for site_id in (1, 2, None):
        about = {"kind": "x", "text": f"Website {site_id}", "path": "/"}
        tell(tenant.pk, [user.pk], site_id=site_id, **about)  # type: ignore[arg-type]
    assert list(Notice.objects.filter(user=user).values_list("text", flat=True)) == ["Website 1"]
    asked = [user.pk in who_may(tenant.pk, Role.SENDER, site_id=site_id) for site_id in (1, 2, None)]
    assert asked == [True, False, False]


def test_menus_offer_only_what_they_may_open(limited: Client) -> None:
    page = limited.get("/sites/").content.decode()
    assert "zqa" in page
    for path in ("/sending/", "/audit/", '/people/"', "/sites/new/", "/privacy/"):
        assert f'href="{path}' not in page
