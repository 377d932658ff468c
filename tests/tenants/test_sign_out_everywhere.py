"""Signing out on one host ends every session of that person on every host, and nobody else's."""

from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from tenants.models import AuditEntry, Membership, Role, User
from tenants.session_store import stored_key
from tests.conftest import Workspace
from tests.tenants.people import Browser, add_member

SignIn = Callable[[User], Client]


@pytest.fixture
def places(acme: Workspace, globex: Workspace, signed_in: SignIn) -> dict[str, Client]:
    """One person, signed in on the public host and in two consoles, and once more in another browser."""
    Membership.objects.create(tenant=globex.tenant, user=acme.owner, role=Role.ANALYST)
    public = signed_in(acme.owner)
    first, second = Browser(acme, public), Browser(globex, public)
    first.come_in()
    second.come_in()
    return {
        "public": public,
        "acme": first.console,
        "globex": second.console,
        "phone": signed_in(acme.owner),
    }


def inside(places: dict[str, Client]) -> dict[str, bool]:
    pages = {"public": "/workspaces/?all", "phone": "/workspaces/?all", "acme": "/", "globex": "/"}
    return {name: client.get(pages[name]).status_code == 200 for name, client in places.items()}


@pytest.mark.parametrize("where", ["public", "acme", "globex", "phone"])
def test_signing_out_ends_all_sessions_on_all_hosts(places: dict[str, Client], where: str) -> None:
    assert inside(places) == {"public": True, "acme": True, "globex": True, "phone": True}
    answer = places[where].post("/sign-out/")
    assert (answer.status_code, answer["Location"]) == (302, "http://localhost:8000/")
    assert inside(places) == {"public": False, "acme": False, "globex": False, "phone": False}


def test_the_cookie_is_worth_nothing_afterwards(places: dict[str, Client], acme: Workspace) -> None:
    """AU-03: sign-out ends the session on the server."""
    kept = places["acme"].cookies["truepush_session"].value
    places["acme"].post("/sign-out/")
    again = Client(headers={"host": acme.host})
    again.cookies["truepush_session"] = kept
    assert again.get("/").status_code == 302
    assert not Session.objects.filter(session_key=stored_key(kept)).exists()


def test_other_people_stay_signed_in(places: dict[str, Client], acme: Workspace, signed_in: SignIn) -> None:
    colleague = Browser(acme, signed_in(add_member(acme, Role.EDITOR)))
    colleague.come_in()
    places["acme"].post("/sign-out/")
    assert colleague.console.get("/").status_code == 200
    assert colleague.public.get("/workspaces/?all").status_code == 200


def test_who_signed_out_can_sign_in_again(
    places: dict[str, Client], acme: Workspace, signed_in: SignIn
) -> None:
    places["public"].post("/sign-out/")
    browser = Browser(acme, signed_in(acme.owner))
    assert browser.come_in().status_code == 302
    assert browser.console.get("/").status_code == 200


def test_it_is_written_down_once(places: dict[str, Client], acme: Workspace) -> None:
    places["globex"].post("/sign-out/")
    entries = AuditEntry.objects.filter(action="user.sign_out_everywhere")
    assert [(entry.actor, entry.target) for entry in entries] == [("owner@acme.test", "owner@acme.test")]


def test_a_stranger_s_sign_out_changes_nothing(acme: Workspace) -> None:
    for host in (acme.host, "localhost:8000"):
        answer = Client(headers={"host": host}).post("/sign-out/")
        assert (answer.status_code, answer["Location"]) == (302, "http://localhost:8000/")
    assert User.objects.get(pk=acme.owner.pk).session_epoch == 0
    assert AuditEntry.objects.filter(action="user.sign_out_everywhere").count() == 0


@pytest.mark.parametrize("where", ["public", "acme"])
def test_a_link_or_a_form_without_our_token_signs_nobody_out(places: dict[str, Client], where: str) -> None:
    """WB-05."""
    assert places[where].get("/sign-out/").status_code == 405
    places[where].handler.enforce_csrf_checks = True
    assert places[where].post("/sign-out/").status_code == 403
    assert inside(places) == {"public": True, "acme": True, "globex": True, "phone": True}
