"""People of a workspace: who may change whom, and that a workspace always keeps an owner."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from tenants.actions.members import MemberRefused, change_member, remove_member
from tenants.models import AuditEntry, Membership, Notice, Role, User
from tests.conftest import Workspace, make_site
from tests.tenants.people import add_member

Console = Callable[..., Client]


def membership(place: Workspace, user: User) -> Membership:
    return Membership.objects.select_related("user").get(tenant=place.tenant, user=user)


def state(place: Workspace) -> list[tuple[str, str, list[int]]]:
    rows = Membership.objects.filter(tenant=place.tenant).order_by("user__email")
    return list(rows.values_list("user__email", "role", "site_ids"))


def test_an_owner_changes_role_and_websites_and_the_log_says_so(acme: Workspace, console: Console) -> None:
    site, anna = make_site(acme), add_member(acme, Role.EDITOR, "anna@acme.test")
    Notice.objects.create(tenant_id=acme.tenant.pk, user=anna, kind="x", text="Of another website", path="/")
    path = f"/people/{membership(acme, anna).pk}/"
    form = {"role": "sender", "where": "some", "site_ids": [site.pk]}
    assert console(acme).post(path, form).status_code == 302
    assert (membership(acme, anna).role, membership(acme, anna).site_ids) == ("sender", [site.pk])
    assert not Notice.objects.filter(user=anna).exists()
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor, entry.target) == ("member.change", acme.owner.email, "anna@acme.test")
    assert entry.before == {"role": "editor", "websites": "all"}
    assert entry.after == {"role": "sender", "websites": ["Shop"]}


REFUSED = {
    # who acts, whom it is about, what is asked for
    "an admin makes an owner": ("admin", "editor", "owner"),
    "an admin makes themselves an owner": ("admin", "admin", "owner"),
    "an admin changes an owner": ("admin", "owner", "editor"),
    "the last owner steps down": ("owner", "owner", "admin"),
    "a sender makes an editor a sender": ("sender", "editor", "sender"),
    "a sender raises themselves": ("sender", "sender", "admin"),
    "somebody invents a role": ("owner", "editor", "root"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_change_that_is_not_theirs_is_refused_and_changes_nothing(
    acme: Workspace, console: Console, case: str
) -> None:
    who, about, role = REFUSED[case]
    people = {name: add_member(acme, Role(name)) for name in ("admin", "sender", "editor")}
    people["owner"] = acme.owner
    member, before = membership(acme, people[about]), (state(acme), AuditEntry.objects.count())
    with pytest.raises(MemberRefused):
        change_member(actor=people[who], tenant=acme.tenant, member=member, role=role)
    answer = console(acme, people[who]).post(f"/people/{member.pk}/", {"role": role, "where": "all"})
    assert answer.status_code == (403 if who == "sender" else 200)
    assert (state(acme), AuditEntry.objects.count()) == before


def test_an_admin_may_step_down_and_make_other_admins(acme: Workspace) -> None:
    ada, eve = add_member(acme, Role.ADMIN), add_member(acme, Role.EDITOR)
    change_member(actor=ada, tenant=acme.tenant, member=membership(acme, eve), role="admin")
    change_member(actor=ada, tenant=acme.tenant, member=membership(acme, ada), role="analyst")
    assert (membership(acme, eve).role, membership(acme, ada).role) == ("admin", "analyst")
    with pytest.raises(MemberRefused, match="Only admins and owners"):
        change_member(actor=ada, tenant=acme.tenant, member=membership(acme, ada), role="admin")


def test_who_is_limited_to_some_websites_decides_about_nobody(acme: Workspace) -> None:
    site, ada, eve = make_site(acme), add_member(acme, Role.ADMIN), add_member(acme, Role.EDITOR)
    Membership.objects.filter(user=ada).update(site_ids=[site.pk])
    before = state(acme)
    for user, role in ((eve, "analyst"), (ada, "admin")):
        with pytest.raises(MemberRefused, match="of the whole workspace"):
            change_member(actor=ada, tenant=acme.tenant, member=membership(acme, user), role=role)
    with pytest.raises(MemberRefused, match="of the whole workspace"):
        remove_member(actor=ada, tenant=acme.tenant, member=membership(acme, eve))
    assert state(acme) == before


def test_websites_that_are_not_there_and_limited_owners_are_refused(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    mine, theirs, eve = make_site(acme), make_site(globex), add_member(acme, Role.EDITOR)
    with pytest.raises(MemberRefused, match="not there any more"):
        change_member(
            actor=acme.owner, tenant=acme.tenant, member=membership(acme, eve), role="editor",
            site_ids=[mine.pk, theirs.pk + 1000],
        )  # fmt: skip
    with pytest.raises(IntegrityError, match="owners_see_all"), transaction.atomic():
        Membership.objects.filter(user=acme.owner).update(site_ids=[mine.pk])
    path = f"/people/{membership(acme, eve).pk}/"
    for form in (
        {"role": "editor", "where": "some"},
        {"role": "owner", "where": "some", "site_ids": [mine.pk]},
    ):
        assert console(acme).post(path, form).status_code == 200
    assert (membership(acme, eve).role, membership(acme, eve).site_ids) == ("editor", [])


def test_the_last_owner_can_neither_leave_nor_be_removed(acme: Workspace, console: Console) -> None:
    client, before = console(acme), state(acme)
    answer = client.post("/people/leave/", follow=True)
    assert "A workspace needs an owner." in answer.content.decode()
    answer = client.post(f"/people/{membership(acme, acme.owner).pk}/remove/", follow=True)
    assert "A workspace needs an owner." in answer.content.decode()
    ada = add_member(acme, Role.ADMIN)
    with pytest.raises(MemberRefused, match="Only owners can remove an owner"):
        remove_member(actor=ada, tenant=acme.tenant, member=membership(acme, acme.owner))
    # One whose account is switched off does not count.
    add_member(acme, Role.OWNER, "off@acme.test")
    User.objects.filter(email="off@acme.test").update(is_active=False)
    assert client.post("/people/leave/").headers["Location"] == "/people/leave/"
    assert [row for row in state(acme) if row[0] == acme.owner.email] == before


def test_a_removed_member_is_out_at_the_next_request(acme: Workspace, console: Console) -> None:
    eve = add_member(acme, Role.EDITOR, "eve@acme.test")
    client = console(acme, eve)
    assert client.get("/campaigns/").status_code == 200
    answer = console(acme).post(f"/people/{membership(acme, eve).pk}/remove/")
    assert (answer.status_code, answer["Location"]) == (302, "/people/")
    assert client.get("/campaigns/").status_code == 302
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.target, entry.before) == (
        "member.remove",
        "eve@acme.test",
        {"role": "editor", "websites": "all"},
    )


def test_anybody_may_leave_and_lands_at_their_other_workspaces(acme: Workspace, console: Console) -> None:
    eve = add_member(acme, Role.ANALYST, "eve@acme.test")
    client = console(acme, eve)
    assert "Leave Acme?" in client.get("/people/leave/").content.decode()
    answer = client.post("/people/leave/")
    assert answer["Location"] == "http://localhost:8000/workspaces/?all"
    assert not Membership.objects.filter(user=eve).exists()
    assert AuditEntry.objects.latest("pk").action == "member.leave"


@pytest.mark.parametrize("way", ["demote each other", "step down", "leave"])
def test_two_owners_at_once_leave_one(alone: Workspace, way: str) -> None:
    second = add_member(alone, Role.OWNER, "second@alone.test")
    owners, start = (alone.owner, second), Barrier(2)

    def run(place: int) -> bool:
        actor, other = owners[place], owners[1 - place]
        about = membership(alone, other if way == "demote each other" else actor)
        start.wait(timeout=10)
        try:
            if way == "leave":
                remove_member(actor=actor, tenant=alone.tenant, member=about)
            else:
                change_member(actor=actor, tenant=alone.tenant, member=about, role="editor")
        except MemberRefused:
            return False
        finally:
            connection.close()
        return True

    try:
        for _ in range(5):
            Membership.objects.filter(tenant=alone.tenant).update(role=Role.OWNER)
            for owner in owners:
                Membership.objects.get_or_create(
                    tenant=alone.tenant, user=owner, defaults={"role": Role.OWNER}
                )
            with ThreadPoolExecutor(2) as pool:
                assert sorted(pool.map(run, range(2))) == [False, True]
            assert Membership.objects.filter(tenant=alone.tenant, role=Role.OWNER).count() == 1
    finally:
        Membership.objects.filter(user=second).delete()
        second.delete()
