"""AU-12: support staff look into a console: with a reason, for half an hour, read-only, in the workspace's own log."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from tenants.actions.sessions import end_other_sessions, end_session
from tenants.actions.support_view import end_lapsed_views
from tenants.models import AuditEntry, Membership, Role, SupportView, User
from tests.conftest import Workspace, make_site
from tests.tenants.people import Browser, add_person, give_second_factor
from truepush import urls_tenant

SignIn = Callable[[User], Client]
WHY = "Ticket 4711: nothing arrives"


def begin(staff: Client, place: Workspace, role: str = "analyst", why: str = WHY) -> str:
    answer = staff.post(f"/admin/workspaces/{place.tenant.pk}/look/", {"role": role, "why": why})
    assert answer.status_code == 302
    return str(answer["Location"])


@pytest.fixture
def looking(staff: Client, acme: Workspace) -> Browser:
    """Support staff in the console of acme, as an analyst."""
    assert begin(staff, acme) == "http://acme.localhost:8000/"
    browser = Browser(acme, staff)
    assert browser.come_in().status_code == 302
    return browser


def log_of(place: Workspace) -> list[tuple[str, str, str]]:
    rows = AuditEntry.objects.filter(tenant_id=place.tenant.pk, action__startswith="support.").order_by("pk")
    return list(rows.values_list("actor", "action", "target"))


def test_every_page_says_who_looks_why_until_when_and_how_to_end_it(looking: Browser) -> None:
    until = SupportView.objects.get().until
    assert timedelta(minutes=29) < until - timezone.now() <= timedelta(minutes=30)
    for path in ("/", "/campaigns/", "/subscribers/", "/sites/"):
        page = looking.console.get(path).content.decode()
        assert f"support@truepush.test sees Acme as Analyst, read-only, until {until:%H:%M} UTC." in page
        assert WHY in page
        assert 'action="/support/end/"' in page


def test_the_workspace_sees_it_in_its_own_audit_log(
    looking: Browser, acme: Workspace, console: Callable[..., Client]
) -> None:
    for path in ("/", "/sites/", "/", "/sites/"):
        looking.console.get(path)
    looking.console.post("/support/end/")
    who = "support@truepush.test"
    assert log_of(acme) == [
        (who, "support.view_start", ""),
        (who, "support.view_page", "/"),
        (who, "support.view_page", "/sites/"),
        (who, "support.view_end", ""),
    ]
    first = AuditEntry.objects.get(action="support.view_start")
    assert (first.detail["role"], first.detail["why"]) == ("analyst", WHY)
    page = console(acme).get("/audit/").content.decode()
    assert "began to look into the workspace as support" in page
    assert who in page


def test_what_is_asked_for_as_a_part_of_a_page_is_in_the_log_too(looking: Browser, acme: Workspace) -> None:
    assert looking.console.get("/subscribers/", headers={"HX-Request": "true"}).status_code == 200
    assert ("support@truepush.test", "support.view_page", "/subscribers/") in log_of(acme)


@pytest.mark.parametrize("role", list(Role))
def test_every_write_is_refused_whatever_the_role(staff: Client, acme: Workspace, role: Role) -> None:
    begin(staff, acme, role)
    browser = Browser(acme, staff)
    browser.come_in()
    site = make_site(acme)
    for path in (
        "/campaigns/new/", f"/sites/{site.pk}/edit/", "/sites/new/", "/sending/", "/sending/resume/", "/security/",
        "/people/invite/", "/audit/file/", "/exports/new/", "/privacy/", "/people/leave/", "/segments/preview/",
    ):  # fmt: skip
        assert browser.console.post(path).status_code == 403, path
    assert not Membership.objects.filter(user__email="support@truepush.test").exists()


def test_no_view_of_a_console_takes_a_post(staff: Client, acme: Workspace) -> None:
    """All routes of a console that have no number, as an owner: what is not refused is closed by its method."""
    begin(staff, acme, "owner")
    browser = Browser(acme, staff)
    browser.come_in()
    routes = [
        f"/{entry.pattern}"
        for part in get_resolver(urls_tenant.__name__).url_patterns
        for entry in part.url_patterns
    ]
    plain = [
        route
        for route in routes
        if "<" not in route and route not in ("/enter/", "/support/end/", "/sign-out/")
    ]
    assert len(plain) > 30
    assert {browser.console.post(route).status_code for route in plain} == {403, 405}


def test_these_pages_and_no_others_are_closed_to_a_look() -> None:
    parts = get_resolver(urls_tenant.__name__).url_patterns
    closed = {
        str(e.pattern)
        for part in parts
        for e in part.url_patterns
        if getattr(e.callback, "is_private", False)
    }
    assert closed == {
        "exports/", "exports/new/", "exports/<int:pk>/row/", "exports/<int:pk>/cancel/", "exports/<int:pk>/file",
        "exports/<int:pk>/keys", "imports/", "imports/new/", "imports/<int:pk>/", "imports/<int:pk>/state/",
        "imports/<int:pk>/errors", "imports/<int:pk>/worker.js", "inbox/", "inbox/count/", "keys/", "keys/new/",
        "people/invite/", "people/leave/", "problems/new/", "problems/<int:pk>/", "security/",
        "sites/<int:pk>/identity/",
    }  # fmt: skip


def test_secrets_exports_and_ways_to_sign_in_are_closed_to_an_owner_s_view_too(
    staff: Client, acme: Workspace
) -> None:
    begin(staff, acme, "owner")
    browser = Browser(acme, staff)
    browser.come_in()
    site = make_site(acme)
    for path in (
        f"/sites/{site.pk}/identity/", "/exports/", "/imports/", "/imports/new/", "/security/", "/inbox/",
        "/inbox/count/", "/keys/", "/keys/new/", "/people/invite/", "/people/leave/", "/exports/1/file",
        "/exports/1/keys",
    ):  # fmt: skip
        answer = browser.console.get(path)
        assert (answer.status_code, b"Support does not see this page" in answer.content) == (403, True), path
    assert browser.console.get("/people/").status_code == 200


def test_a_role_sees_no_more_than_a_member_of_it_and_what_it_was_refused_was_not_seen(
    looking: Browser, acme: Workspace
) -> None:
    refused = looking.console.get("/audit/")
    assert (refused.status_code, b"End the support view" in refused.content) == (403, True)
    assert looking.console.get("/subscribers/987654/").status_code == 404
    assert [action for _, action, _ in log_of(acme)] == ["support.view_start"]
    assert looking.console.get("/people/").status_code == 403
    assert looking.console.get("/campaigns/new/").status_code == 403


def test_it_ends_by_hand_and_cannot_be_taken_up_again(looking: Browser) -> None:
    answer = looking.console.post("/support/end/")
    assert answer["Location"] == "http://localhost:8000/admin/"
    assert looking.console.get("/").status_code == 302
    assert looking.public.get(looking.ask().removeprefix("http://localhost:8000")).status_code == 404


def test_it_ends_after_half_an_hour(looking: Browser, acme: Workspace) -> None:
    SupportView.objects.update(until=timezone.now())
    assert looking.console.get("/").status_code == 302
    assert AuditEntry.objects.get(action="support.view_end").detail["why"] == "time is up"


def test_upkeep_writes_down_the_end_of_what_nobody_asks_for(looking: Browser) -> None:
    assert end_lapsed_views() == 0
    SupportView.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert end_lapsed_views() == 1
    assert AuditEntry.objects.get(action="support.view_end").detail["why"] == "time is up"


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}])
def test_it_ends_when_staff_rights_go(looking: Browser, support: User, change: dict[str, bool]) -> None:
    User.objects.filter(pk=support.pk).update(**change)
    assert looking.console.get("/").status_code == 302


def test_it_ends_when_the_permission_goes(looking: Browser, support: User) -> None:
    User.objects.filter(pk=support.pk).update(is_superuser=False)
    assert looking.console.get("/").status_code == 302
    assert AuditEntry.objects.get(action="support.view_end").detail["why"] == "no longer support staff"


def test_it_ends_when_the_second_factor_goes(looking: Browser, support: User) -> None:
    support.authenticator_set.all().delete()
    assert looking.console.get("/").status_code == 302


def ends() -> list[dict[str, str]]:
    return list(AuditEntry.objects.filter(action="support.view_end").values_list("detail", flat=True))


def test_its_end_is_written_with_the_end_of_the_sign_in(looking: Browser, support: User) -> None:
    view = SupportView.objects.get()
    assert end_session(actor=support, pk=view.seen_id or 0)
    until = view.until.isoformat()
    assert ends() == [{"role": "analyst", "why": "signed out", "until": until}]


def test_its_end_is_written_with_the_end_of_all_sessions(looking: Browser, support: User) -> None:
    end_other_sessions(actor=support)
    assert [end["why"] for end in ends()] == ["signed out"]


def test_upkeep_writes_down_that_its_sign_in_ended_another_way(looking: Browser) -> None:
    looking.public.post("/admin/logout/")
    assert (end_lapsed_views(), end_lapsed_views()) == (1, 0)
    assert [end["why"] for end in ends()] == ["signed out"]


@pytest.mark.parametrize("path", ["/admin/logout/", "/sign-out/"])
def test_it_ends_with_the_sign_in_that_it_began_in(looking: Browser, path: str) -> None:
    assert looking.console.get("/").status_code == 200
    looking.public.post(path)
    assert looking.console.get("/").status_code == 302


def test_another_browser_of_the_same_person_does_not_come_in_by_it(
    looking: Browser, support: User, acme: Workspace
) -> None:
    other = Client(headers={"host": "localhost:8000"})
    other.force_login(support)
    browser = Browser(acme, other)
    assert other.get(browser.ask().removeprefix("http://localhost:8000")).status_code == 404


def test_it_opens_this_workspace_alone(looking: Browser, globex: Workspace) -> None:
    browser = Browser(globex, looking.public)
    assert looking.public.get(browser.ask().removeprefix("http://localhost:8000")).status_code == 404
    assert looking.console.get("/", headers={"host": globex.host}).status_code == 302


@pytest.mark.parametrize(("role", "why"), [("analyst", ""), ("analyst", "   x "), ("boss", WHY), ("", WHY)])
def test_without_a_reason_or_with_an_unknown_role_nothing_begins(
    staff: Client, acme: Workspace, role: str, why: str
) -> None:
    assert begin(staff, acme, role, why) == f"/admin/workspaces/{acme.tenant.pk}/"
    assert (SupportView.objects.count(), log_of(acme)) == (0, [])


def test_a_member_looks_in_as_themselves(staff: Client, support: User, acme: Workspace) -> None:
    """Nobody gets round what they may do as a member, nor takes another person's place."""
    Membership.objects.create(tenant=acme.tenant, user=support, role=Role.ANALYST)
    begin(staff, acme, "owner")
    assert SupportView.objects.count() == 0


def test_staff_without_the_permission_or_a_second_factor_cannot_begin(
    signed_in: SignIn, acme: Workspace
) -> None:
    reader = add_person("reader@truepush.test", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="support_tenant"))
    client = signed_in(reader)
    path = f"/admin/workspaces/{acme.tenant.pk}/look/"
    assert client.post(path, {"role": "analyst", "why": WHY}).status_code == 302
    give_second_factor(reader)
    assert client.post(path, {"role": "analyst", "why": WHY}).status_code == 403
    assert client.get(f"/admin/workspaces/{acme.tenant.pk}/").status_code == 200
    assert SupportView.objects.count() == 0
