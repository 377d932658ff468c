"""The page after sign-in: straight into the only workspace, else a choice of them."""

from collections.abc import Callable
from typing import Any

from django.test import Client

from tenants.actions.workspace import create_workspace
from tenants.models import Membership, Role, Tenant, User
from tests.conftest import Workspace
from tests.tenants.people import add_member, add_person

SignIn = Callable[[User], Client]


def test_without_a_workspace_it_says_whom_to_ask(db: None, signed_in: SignIn) -> None:
    page = signed_in(add_person("new@nowhere.test")).get("/workspaces/")
    assert page.status_code == 200
    assert "No workspace yet" in page.content.decode()
    assert "Ask an owner to invite you." in page.content.decode()


def test_with_one_workspace_it_goes_straight_in(acme: Workspace, signed_in: SignIn) -> None:
    answer = signed_in(acme.owner).get("/workspaces/")
    assert (answer.status_code, answer["Location"]) == (302, "http://acme.localhost:8000/")


def test_with_one_that_is_being_made_it_goes_to_wait_for_it(db: None, signed_in: SignIn) -> None:
    owner = add_person("ann@tea.test")
    create_workspace(actor=owner, name="Tea")
    answer = signed_in(owner).get("/workspaces/")
    assert (answer.status_code, answer["Location"]) == (302, "/workspaces/tea/preparing/")


def test_the_list_can_be_asked_for_with_one_workspace_too(acme: Workspace, signed_in: SignIn) -> None:
    page = signed_in(acme.owner).get("/workspaces/?all")
    assert [row.tenant for row in page.context["memberships"]] == [acme.tenant]


def test_with_two_workspaces_it_shows_both_in_order_and_no_other(
    acme: Workspace, globex: Workspace, signed_in: SignIn, django_assert_num_queries: Any
) -> None:
    person = add_member(globex, Role.ANALYST, "two@acme.test")
    Membership.objects.create(tenant=acme.tenant, user=person, role=Role.ADMIN)
    other = create_workspace(actor=add_person("x@other.test"), name="Secret")
    client = signed_in(person)
    with django_assert_num_queries(4):  # search path, session, person, memberships with their workspaces
        page = client.get("/workspaces/")
    assert [(row.tenant.slug, row.role) for row in page.context["memberships"]] == [
        ("acme", "admin"),
        ("globex", "analyst"),
    ]
    text = page.content.decode()
    assert text.index('href="/open/acme/"') < text.index('href="/open/globex/"')
    assert other.name not in text


def test_each_state_of_a_workspace_is_named(acme: Workspace, globex: Workspace, signed_in: SignIn) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(state=Tenant.State.SUSPENDED)
    Tenant.objects.filter(pk=globex.tenant.pk).update(state=Tenant.State.FAILED)
    Membership.objects.create(tenant=globex.tenant, user=acme.owner, role=Role.EDITOR)
    create_workspace(actor=acme.owner, name="Tea")
    page = signed_in(acme.owner).get("/workspaces/").content.decode()
    for words in ("Suspended", "Set-up failed", "Being set up"):
        assert page.count(f">{words}</span>") == 1
    assert 'href="/workspaces/globex/preparing/"' in page
    assert 'href="/workspaces/tea/preparing/"' in page
    assert 'href="/open/acme/"' in page


def test_a_stranger_is_asked_to_sign_in(public: Client, db: None) -> None:
    answer = public.get("/workspaces/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/workspaces/")
