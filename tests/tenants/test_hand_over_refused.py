"""Who is not let in by a hand-over, and that nothing is left of the attempt: no session, no entry in the audit log."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db.models import F
from django.test import Client

from tenants.models import AuditEntry, Handover, Membership, Role, User
from tests.conftest import Workspace
from tests.tenants.people import PUBLIC, Browser

SignIn = Callable[[User], Client]


@pytest.fixture
def browser(acme: Workspace, signed_in: SignIn) -> Browser:
    return Browser(acme, signed_in(acme.owner))


def assert_kept_out(answer: Any, reason: str, client: Client) -> None:
    assert answer.status_code == 403
    assert reason in answer.content.decode()
    assert "truepush_session" not in answer.cookies
    assert Session.objects.count() == 1  # the one on the public host
    assert AuditEntry.objects.filter(action="workspace.enter").count() == 0
    assert client.get("/").status_code == 302


def test_a_used_token(browser: Browser, acme: Workspace) -> None:
    fields = browser.open(browser.ask())
    assert browser.enter(fields).status_code == 302
    again = Client(headers={"host": acme.host})
    again.cookies["truepush_enter"] = "whatever"
    answer = again.post("/enter/", fields, headers={"origin": browser.origin})
    assert answer.status_code == 403
    assert "used already" in answer.content.decode()
    assert "truepush_session" not in answer.cookies
    assert AuditEntry.objects.filter(action="workspace.enter").count() == 1


def test_a_late_token(browser: Browser) -> None:
    fields = browser.open(browser.ask())
    Handover.objects.update(expires_at=F("expires_at") - timedelta(seconds=31))
    assert_kept_out(browser.enter(fields), "older than 30 seconds", browser.console)


def test_a_token_of_another_workspace(
    browser: Browser, globex: Workspace, acme: Workspace, signed_in: SignIn
) -> None:
    Membership.objects.create(tenant=globex.tenant, user=acme.owner, role=Role.OWNER)
    fields = browser.open(browser.ask())
    elsewhere = Browser(globex, browser.public)
    elsewhere.ask()
    elsewhere.console.cookies["truepush_enter"] = browser.nonce
    assert_kept_out(elsewhere.enter(fields), "another workspace", elsewhere.console)


def test_a_token_of_another_workspace_that_had_this_host_before(browser: Browser, globex: Workspace) -> None:
    fields = browser.open(browser.ask())
    Handover.objects.update(tenant=globex.tenant)
    assert_kept_out(browser.enter(fields), "another workspace", browser.console)


def test_a_token_of_another_host_of_the_same_workspace(browser: Browser, acme: Workspace) -> None:
    fields = browser.open(browser.ask())
    Handover.objects.update(host="old.localhost")
    assert_kept_out(browser.enter(fields), "another workspace", browser.console)


def test_a_token_copied_to_a_browser_without_the_secret(browser: Browser, acme: Workspace) -> None:
    fields = browser.open(browser.ask())
    thief = Client(headers={"host": acme.host})
    answer = thief.post("/enter/", fields, headers={"origin": browser.origin})
    assert_kept_out(answer, "another browser", thief)


def test_a_token_copied_to_a_browser_with_a_secret_of_its_own(browser: Browser, acme: Workspace) -> None:
    fields = browser.open(browser.ask())
    thief = Browser(acme, Client(headers={"host": "localhost:8000"}))
    thief.ask()
    assert_kept_out(thief.enter(fields), "another browser", thief.console)


def test_a_token_that_failed_a_check_is_used_up(browser: Browser, acme: Workspace) -> None:
    fields = browser.open(browser.ask())
    Client(headers={"host": acme.host}).post("/enter/", fields, headers={"origin": browser.origin})
    assert_kept_out(browser.enter(fields), "used already", browser.console)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.test",
        "null",
        "https://localhost:8000",
        "http://localhost",
        "http://globex.localhost:8000",
        "http://sdk.localhost:8000",
        "",
    ],
)
def test_a_form_sent_by_another_site(browser: Browser, origin: str) -> None:
    fields = browser.open(browser.ask())
    answer = browser.enter(fields, origin=origin)
    assert_kept_out(answer, "not sent by Truepush", browser.console)
    assert Handover.objects.filter(used_at=None).count() == 1


def test_a_form_without_an_origin(browser: Browser) -> None:
    fields = browser.open(browser.ask())
    answer = browser.console.post("/enter/", fields)
    assert_kept_out(answer, "not sent by Truepush", browser.console)


def test_a_referrer_does_not_stand_in_for_the_origin(browser: Browser) -> None:
    fields = browser.open(browser.ask())
    answer = browser.console.post("/enter/", fields, headers={"referer": f"{PUBLIC}/open/acme/"})
    assert_kept_out(answer, "not sent by Truepush", browser.console)


def test_who_is_no_member_any_more(browser: Browser, acme: Workspace) -> None:
    fields = browser.open(browser.ask())
    Membership.objects.filter(user=acme.owner).delete()
    assert_kept_out(browser.enter(fields), "not a member", browser.console)


def test_whose_account_was_switched_off(browser: Browser, acme: Workspace) -> None:
    fields = browser.open(browser.ask())
    User.objects.filter(pk=acme.owner.pk).update(is_active=False)
    assert_kept_out(browser.enter(fields), "not a member", browser.console)


def test_who_signed_out_meanwhile(browser: Browser) -> None:
    fields = browser.open(browser.ask())
    browser.public.post("/sign-out/")
    answer = browser.enter(fields)
    assert (answer.status_code, Session.objects.count()) == (403, 0)
    assert "used already" in answer.content.decode()


@pytest.mark.parametrize("token", ["", "x", "é" * 100, "\0", "a" * 5000])
def test_a_made_up_token(browser: Browser, token: str) -> None:
    browser.ask()
    answer = browser.enter({"token": token, "next": "/"})
    assert answer.status_code == 403
    assert "not one of ours" in answer.content.decode()
    assert "truepush_session" not in answer.cookies


def test_a_refusal_says_how_to_go_on(browser: Browser) -> None:
    browser.ask()
    page = browser.enter({"token": "x"}).content.decode()
    assert '<a class="btn btn-primary" href="/">Start again</a>' in page


def test_the_address_of_a_refusal_leads_back_to_the_front_page(browser: Browser) -> None:
    """It stays in the address bar, and a reload of it is a GET."""
    answer = browser.console.get("/enter/")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert browser.console.put("/enter/").status_code == 405


def test_the_public_host_has_no_entrance(browser: Browser) -> None:
    fields = browser.open(browser.ask())
    assert browser.public.post("/enter/", fields, headers={"origin": PUBLIC}).status_code == 404
    assert Handover.objects.filter(used_at=None).count() == 1
