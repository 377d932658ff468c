"""Support staff suspend a workspace, pause its sending, stop the sending of all; each with a reason, each undone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from subscribers.models import Subscriber
from tenants.actions.sending import SendingHeld, pause_sending, resume_sending
from tenants.actions.support import (
    SupportRefused,
    hold_sending,
    release_sending,
    reopen_workspace,
    suspend_workspace,
)
from tenants.actions.workspace import create_workspace
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, DueWork, Role, SendIndex, SiteIndex, Tenant, User
from tests.conftest import Workspace, make_site
from tests.subscribers.people import add_people
from tests.tenants.people import add_member, add_person, give_second_factor
from truepush import urls_tenant

SignIn = Callable[[User], Client]
WHY = "They ask us to"


def add_send(place: Workspace, send_id: int, state: str) -> None:
    given: dict[str, Any] = {"tenant_id": place.tenant.pk, "schema_name": place.schema, "send_id": send_id}
    now = timezone.now()
    SendIndex.objects.create(**given, site_id=1, kind="campaign", state=state, due_at=now)
    DueWork.objects.create(**given, priority=DueWork.Priority.BULK, due_at=now, is_held=state == "paused")


def held(place: Workspace) -> dict[int, bool]:
    rows = DueWork.objects.filter(tenant_id=place.tenant.pk)
    return dict(rows.order_by("send_id").values_list("send_id", "is_held"))


def paused_by(place: Workspace) -> str | None:
    """None where it is not paused."""
    row = Tenant.objects.get(pk=place.tenant.pk)
    return row.sending_paused_by if row.sending_paused_at else None


def post(staff: Client, path: str, why: str = WHY, **form: str) -> str:
    """Press a button; answer what the next page says."""
    answer = staff.post(f"/admin/{path}", {"why": why, **form}, follow=True)
    assert answer.status_code == 200
    return " ".join(str(message) for message in answer.context["messages"])


def actions(place: Workspace) -> list[tuple[str, str, Any]]:
    rows = AuditEntry.objects.filter(tenant_id=place.tenant.pk, actor="support@truepush.test").order_by("pk")
    return [(row.actor, row.action, row.detail.get("why")) for row in rows if row.action != "alert.close"]


def test_a_suspended_workspace_is_read_and_not_changed(
    staff: Client, acme: Workspace, console: Callable[..., Client]
) -> None:
    site = make_site(acme)
    add_send(acme, 1, "running")
    path = f"workspaces/{acme.tenant.pk}"
    assert post(staff, f"{path}/suspend/") == "Acme is suspended."
    assert (held(acme), paused_by(acme)) == ({1: True}, "suspension")
    assert SiteIndex.objects.get(site_key=site.site_key).state == "suspended"
    owner = console(acme)
    page = owner.get("/")
    assert page.status_code == 200
    assert "This workspace is suspended." in page.content.decode()
    assert WHY in page.content.decode()
    answer = owner.post("/sites/new/", {"name": "New", "origin": "https://new.example"})
    assert (answer.status_code, "This workspace is suspended" in answer.content.decode()) == (403, True)
    assert post(staff, f"{path}/reopen/") == "Acme is open again."
    assert (held(acme), paused_by(acme)) == ({1: False}, None)
    assert SiteIndex.objects.get(site_key=site.site_key).state == "active"
    assert owner.post("/sending/resume/").status_code == 302
    who = "support@truepush.test"
    assert actions(acme) == [(who, "workspace.suspend", WHY), (who, "workspace.reopen", WHY)]


def test_members_of_a_suspended_workspace_read_by_posts_erase_and_leave(
    support: User, acme: Workspace, console: Callable[..., Client]
) -> None:
    site = make_site(acme)
    with in_tenant(acme.schema):
        add_people(site, [{"external_id": "customer-4711"}])
    member = add_member(acme, Role.ADMIN)
    suspend_workspace(actor=support, tenant=acme.tenant, why=WHY)
    client = console(acme, member)
    for path, status in (
        ("segments/preview/", 200), ("audit/file/", 200), ("privacy/person/", 200), ("inbox/read/", 302),
        ("privacy/erase/", 302), ("privacy/", 403), ("inbox/mail/", 403), ("people/leave/", 302),
    ):  # fmt: skip
        answer = client.post(f"/{path}", {"external_id": "customer-4711"})
        assert answer.status_code == status, path
    with in_tenant(acme.schema):
        assert not Subscriber.objects.filter(external_id="customer-4711").exists()
    assert not acme.tenant.memberships.filter(user=member).exists()


def test_these_posts_and_no_others_stay_open_in_a_suspended_workspace() -> None:
    parts = get_resolver(urls_tenant.__name__).url_patterns
    found = [entry for part in parts for entry in part.url_patterns]
    assert {str(entry.pattern) for entry in found if getattr(entry.callback, "even_suspended", False)} == {
        "audit/file/", "inbox/<int:pk>/open/", "inbox/read/", "keys/<int:pk>/revoke/", "people/leave/",
        "privacy/data.json", "privacy/erase/", "privacy/person/", "segments/<int:pk>/count/", "segments/preview/",
        "sends/<int:pk>/breakdown/", "sends/<int:pk>/recipients.csv", "subscribers/<int:pk>/data.json",
        "subscribers/<int:pk>/erase/",
    }  # fmt: skip


def test_a_guard_s_pause_outlives_a_suspension(support: User, acme: Workspace) -> None:
    pause_sending(actor=None, tenant_id=acme.tenant.pk, kind="runaway", why="Too many")
    suspend_workspace(actor=support, tenant=acme.tenant, why=WHY)
    with pytest.raises(SendingHeld, match="The workspace is suspended"):
        release_sending(actor=support, tenant=acme.tenant, why=WHY)
    reopen_workspace(actor=support, tenant=acme.tenant, why=WHY)
    assert paused_by(acme) == ""
    assert resume_sending(actor=acme.owner, tenant=acme.tenant)


def test_a_pause_of_support_ends_by_support_alone(
    staff: Client, acme: Workspace, console: Callable[..., Client]
) -> None:
    for number, state in enumerate(("running", "paused", "cancelled"), 1):
        add_send(acme, number, state)
    path = f"workspaces/{acme.tenant.pk}"
    assert post(staff, f"{path}/hold/") == "All sending of Acme is paused."
    assert (held(acme), paused_by(acme)) == ({1: True, 2: True, 3: False}, "support")
    page = console(acme).post("/sending/resume/", follow=True).content.decode()
    assert "Support stopped the sending of this workspace." in page
    assert "Support alone can let it go on." in page
    assert paused_by(acme) == "support"
    assert "is held already" in post(staff, f"{path}/hold/")
    assert post(staff, f"{path}/let-go/") == "Sending of Acme goes on."
    assert (held(acme), paused_by(acme)) == ({1: False, 2: True, 3: False}, None)
    who = "support@truepush.test"
    assert actions(acme) == [(who, "workspace.pause_sending", WHY), (who, "workspace.resume_sending", WHY)]


def test_one_button_stops_all_workspaces_and_lets_go_of_what_it_stopped(
    staff: Client, support: User, acme: Workspace, globex: Workspace
) -> None:
    add_send(acme, 1, "running")
    add_send(globex, 1, "running")
    hold_sending(actor=support, tenant=globex.tenant, why="Held before")
    assert post(staff, "stop/").startswith("All sending is stopped: ")
    assert (held(acme), paused_by(acme)) == ({1: True}, "everywhere")
    assert paused_by(globex) == "support"
    for place in (acme, globex):
        with pytest.raises(SendingHeld, match="All sending of this installation is stopped"):
            release_sending(actor=support, tenant=place.tenant, why=WHY)
    assert post(staff, "stop/") == "All sending is stopped already. Nothing was changed."
    assert "All sending of this installation is stopped." in staff.get("/admin/now/").content.decode()
    assert post(staff, "start/").startswith("Sending goes on in ")
    assert (held(acme), paused_by(acme)) == ({1: False}, None)
    assert (held(globex), paused_by(globex)) == ({1: True}, "support")
    who = "support@truepush.test"
    assert actions(acme) == [(who, "workspace.pause_sending", WHY), (who, "workspace.resume_sending", WHY)]


def test_a_workspace_that_is_made_meanwhile_does_not_send_either(staff: Client, acme: Workspace) -> None:
    post(staff, "stop/")
    made = create_workspace(actor=acme.owner, name="Late")
    assert paused_by(Workspace(made, acme.owner)) == "everywhere"
    post(staff, "start/")
    assert paused_by(Workspace(made, acme.owner)) is None


def test_a_workspace_suspended_during_a_stop_stays_stopped(
    staff: Client, support: User, acme: Workspace
) -> None:
    post(staff, "stop/")
    suspend_workspace(actor=support, tenant=acme.tenant, why=WHY)
    post(staff, "start/")
    assert paused_by(acme) == "suspension"
    post(staff, "stop/")
    reopen_workspace(actor=support, tenant=acme.tenant, why=WHY)
    assert paused_by(acme) == "everywhere"
    text = f"All sending of this installation is stopped. {WHY}"
    made = create_workspace(actor=acme.owner, name="Late")
    rows = Tenant.objects.filter(pk__in=(acme.tenant.pk, made.pk))
    assert list(rows.values_list("sending_paused_why", flat=True)) == [text, text]


@pytest.mark.parametrize("verb", ["suspend", "hold", "let-go"])
def test_without_a_reason_nothing_happens(staff: Client, acme: Workspace, verb: str) -> None:
    assert "Give a reason" in post(staff, f"workspaces/{acme.tenant.pk}/{verb}/", why="  no ")
    assert (Tenant.objects.get(pk=acme.tenant.pk).state, paused_by(acme), actions(acme)) == (
        "active",
        None,
        [],
    )


def test_what_is_not_so_cannot_be_ended(support: User, acme: Workspace) -> None:
    with pytest.raises(SupportRefused, match="Acme is not suspended"):
        reopen_workspace(actor=support, tenant=acme.tenant, why=WHY)
    with pytest.raises(SupportRefused, match="Sending of Acme is not paused"):
        release_sending(actor=support, tenant=acme.tenant, why=WHY)


def test_who_only_reads_has_no_button_and_may_not_press_one(signed_in: SignIn, acme: Workspace) -> None:
    reader = add_person("reader@truepush.test", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="support_tenant"))
    client = signed_in(reader)
    give_second_factor(reader)
    path = f"/admin/workspaces/{acme.tenant.pk}/"
    for page in (path, "/admin/now/"):
        assert 'name="why"' not in client.get(page).content.decode()
    for button in (f"{path}suspend/", f"{path}hold/", f"{path}let-go/", "/admin/stop/", "/admin/start/"):
        assert client.post(button, {"why": WHY}).status_code == 403
        assert client.get(button).status_code == 403
    assert paused_by(acme) is None
