"""Sign-in with e-mail and password, on the public host and nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from tenants.models import User
from tenants.session_store import stored_key
from tests.conftest import PASSWORD, Workspace


def enter(client: Client, **changes: str) -> Any:
    return client.post("/sign-in/", {"login": "owner@acme.test", "password": PASSWORD, **changes})


def test_a_member_signs_in_and_is_led_to_the_workspaces(acme: Workspace, public: Client) -> None:
    answer = enter(public)
    assert (answer.status_code, answer["Location"]) == (302, "/workspaces/")
    assert public.get("/workspaces/?all").context["request"].user == acme.owner


def test_capital_letters_of_the_address_do_not_matter(acme: Workspace, public: Client) -> None:
    assert enter(public, login="Owner@ACME.test").status_code == 302


@pytest.mark.parametrize(
    ("login", "password"),
    [("owner@acme.test", "wrong"), ("nobody@acme.test", PASSWORD), ("owner@acme.test", PASSWORD.upper())],
    ids=["wrong password", "unknown address", "password in capitals"],
)
def test_a_wrong_sign_in_opens_no_session(acme: Workspace, public: Client, login: str, password: str) -> None:
    answer = enter(public, login=login, password=password)
    assert (answer.status_code, "truepush_session" in answer.cookies) == (200, False)
    assert answer.context["form"].errors
    assert Session.objects.count() == 0


def test_the_session_key_changes_at_sign_in(acme: Workspace, public: Client) -> None:
    """AU-03: what a stranger planted before is worth nothing afterwards."""
    session = public.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    enter(public)
    assert public.cookies["truepush_session"].value != planted
    assert not Session.objects.filter(session_key=stored_key(planted)).exists()


def test_an_account_that_is_switched_off_is_told_so_and_stays_out(acme: Workspace, public: Client) -> None:
    User.objects.filter(pk=acme.owner.pk).update(is_active=False)
    answer = enter(public)
    assert answer.status_code == 403
    assert "This account is switched off." in answer.content.decode()
    assert public.get("/workspaces/").status_code == 302


def test_switching_an_account_off_ends_its_session_at_the_next_request(
    acme: Workspace, signed_in: Callable[[User], Client]
) -> None:
    """AU-03."""
    client = signed_in(acme.owner)
    assert client.get("/workspaces/?all").status_code == 200
    User.objects.filter(pk=acme.owner.pk).update(is_active=False)
    answer = client.get("/workspaces/?all")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/workspaces/%3Fall")


ELSEWHERE = [
    "//evil.test/",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "https:evil.test",
    "https:///evil.test",
    "https://evil.test/",
    "http://localhost:8000@evil.test/",
    "http://acme.localhost:8000.evil.test/",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.test",
    " //evil.test",
    "evil.test",
]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_sign_in_leads_to_no_other_site(acme: Workspace, public: Client, path: str) -> None:
    """WB-08: a `next` that leads away ends on the page of workspaces."""
    assert enter(public, next=path)["Location"] == "/workspaces/"


@pytest.mark.parametrize("path", ELSEWHERE)
def test_who_is_signed_in_already_is_led_to_no_other_site(
    acme: Workspace, signed_in: Callable[[User], Client], path: str
) -> None:
    """WB-08."""
    assert signed_in(acme.owner).get("/sign-in/", {"next": path})["Location"] == "/workspaces/"


def test_sign_in_leads_back_to_where_one_was_asked_to_sign_in(acme: Workspace, public: Client) -> None:
    asked = public.get("/open/acme/?challenge=x")
    assert asked["Location"] == "/sign-in/?next=/open/acme/%3Fchallenge%3Dx"
    assert enter(public, next="/open/acme/?challenge=x")["Location"] == "/open/acme/?challenge=x"


@pytest.mark.parametrize("host", ["acme.localhost:8000", "sdk.localhost:8000"])
@pytest.mark.parametrize(
    "path", ["/sign-in/", "/sign-up/", "/workspaces/", "/open/acme/", "/admin/", "/admin/login/"]
)
def test_people_s_pages_are_on_the_public_host_only(acme: Workspace, host: str, path: str) -> None:
    client = Client(headers={"host": host})
    assert client.get(path).status_code == 404
    assert client.post(path, {"login": "owner@acme.test", "password": PASSWORD}).status_code == 404
    assert Session.objects.count() == 0
