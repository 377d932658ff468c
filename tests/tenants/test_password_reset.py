"""Forgotten passwords: a link by mail, once, within the hour; and passwords changed (AU-02, AU-10)."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django_q.models import OrmQ

from tenants import tasks
from tenants.actions import attempts
from tenants.actions.attempts import Attempt
from tenants.actions.passwords import change_password
from tenants.models import AuditEntry, User
from tests.conftest import PASSWORD, Workspace
from tests.tenants.people import Browser

OWNER = "owner@acme.test"
NEW = "fifteen letters at least"
SignIn = Callable[[User], Client]


def ask(client: Client, email: str = OWNER) -> Any:
    return client.post("/reset/", {"email": email})


def queued(name: str) -> list[tuple[Any, ...]]:
    return [
        row.task["args"] for row in OrmQ.objects.order_by("pk") if row.task["func"] == f"tenants.tasks.{name}"
    ]


def link_for(user: User) -> str:
    """Send the mail as the worker does; answer the path in it."""
    tasks.mail_reset(user.pk)
    found = re.search(r"http://localhost:8000(/reset/\S+)", mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def choose(client: Client, path: str, password: str = NEW) -> Any:
    page = client.get(path)
    if page.status_code != 302:
        return page
    return client.post(page["Location"], {"password1": password, "password2": password})


def works(email: str, password: str) -> bool:
    client = Client(headers={"host": "localhost:8000"})
    return bool(client.post("/sign-in/", {"login": email, "password": password}).status_code == 302)


def test_the_whole_way(acme: Workspace, public: Client) -> None:
    assert ask(public)["Location"] == "/reset/sent/"
    assert queued("mail_reset") == [(acme.owner.pk,)]
    path = link_for(acme.owner)
    sent = mail.outbox[-1]
    assert (sent.subject, sent.to, sent.from_email) == (
        "A new password for Truepush",
        [OWNER],
        "Truepush <truepush@localhost>",
    )
    answer = choose(public, path)
    # Signed in by the link: nobody else's guesses can keep the owner out (AU-01).
    assert (answer.status_code, answer["Location"]) == (302, "/workspaces/")
    assert public.get("/account/").status_code == 200
    assert (works(OWNER, NEW), works(OWNER, PASSWORD)) == (True, False)


def test_known_and_unknown_addresses_answer_alike(acme: Workspace, public: Client) -> None:
    """AU-02: the same status, the same page, the same statements; the mail is the worker's."""
    shown = []
    for email in (OWNER, "nobody@acme.test"):
        answer = ask(public, email)
        shown.append((answer.status_code, answer["Location"], answer.content))
    assert shown[0] == shown[1]
    assert queued("mail_reset") == [(acme.owner.pk,), (0,)]
    tasks.mail_reset(0)
    assert mail.outbox == []


def test_statements_for_known_and_unknown_are_as_many(
    acme: Workspace, public: Client, django_assert_num_queries: Any
) -> None:
    ask(public)
    for email in (OWNER, "nobody@acme.test"):
        with django_assert_num_queries(7):
            ask(public, email)


def test_an_account_that_is_switched_off_gets_no_mail(acme: Workspace, public: Client) -> None:
    User.objects.filter(pk=acme.owner.pk).update(is_active=False)
    ask(public)
    assert queued("mail_reset") == [(0,)]
    tasks.mail_reset(acme.owner.pk)
    assert mail.outbox == []


def test_the_link_works_once(acme: Workspace, public: Client) -> None:
    path = link_for(acme.owner)
    choose(public, path)
    again = choose(Client(headers={"host": "localhost:8000"}), path)
    assert (again.status_code, b"This link does not work any more" in again.content) == (200, True)


def test_the_link_is_dead_after_a_change_of_the_password(acme: Workspace, public: Client) -> None:
    path = link_for(acme.owner)
    change_password(actor=acme.owner, password=NEW)
    assert b"This link does not work any more" in choose(public, path).content


def test_the_link_is_dead_after_an_hour(acme: Workspace, public: Client, settings: Any) -> None:
    assert settings.PASSWORD_RESET_TIMEOUT == 3600
    path = link_for(acme.owner)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert b"This link does not work any more" in choose(public, path).content


def test_the_link_is_dead_when_the_address_is_another(acme: Workspace, public: Client) -> None:
    path = link_for(acme.owner)
    User.objects.filter(pk=acme.owner.pk).update(email="other@acme.test")
    assert b"This link does not work any more" in choose(public, path).content


def test_the_form_s_address_and_headers_tell_no_key(acme: Workspace, public: Client) -> None:
    """AU-10: neither a referrer nor a browser's history on a shared machine shows the key with the form."""
    path = link_for(acme.owner)
    page = public.get(path)
    assert re.fullmatch(r"/reset/\w+-set-password/", page["Location"])
    form = public.get(page["Location"])
    assert form["Referrer-Policy"] == "same-origin"
    assert path.encode() not in form.content


def test_the_token_is_nowhere_in_the_queue(acme: Workspace, public: Client) -> None:
    """AU-16: ids only."""
    ask(public)
    assert OrmQ.objects.latest("pk").task["args"] == (acme.owner.pk,)


def test_a_reset_ends_every_session(acme: Workspace, signed_in: SignIn, public: Client) -> None:
    browser = Browser(acme, signed_in(acme.owner))
    browser.come_in()
    choose(public, link_for(acme.owner))
    assert browser.public.get("/account/").status_code == 302
    assert browser.console.get("/").status_code == 302


def test_a_reset_verifies_the_address_and_ends_the_guesses(acme: Workspace, public: Client) -> None:
    for _ in range(10):
        attempts.take(Attempt.SIGN_IN, account=OWNER, address="")
    assert not works(OWNER, PASSWORD)
    choose(public, link_for(acme.owner))
    acme.owner.refresh_from_db()
    assert acme.owner.email_verified_at is not None
    assert works(OWNER, NEW)


def test_resets_are_limited_by_account(acme: Workspace, public: Client) -> None:
    answers = [ask(public) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429]
    assert 3500 < int(answers[5]["Retry-After"]) <= 3600


def test_what_happened_is_in_the_audit_log_and_in_a_mail(acme: Workspace, public: Client) -> None:
    ask(public)
    choose(public, link_for(acme.owner))
    rows = AuditEntry.objects.filter(action__startswith="user.").order_by("pk")
    assert [(row.action, row.actor) for row in rows] == [
        ("user.reset_asked", "system"),
        ("user.verify", OWNER),
        ("user.password_reset", OWNER),
        ("user.sign_in", OWNER),
    ]
    assert queued("mail_change") == [(acme.owner.pk, "password")]
    tasks.mail_change(acme.owner.pk, "password")
    assert mail.outbox[-1].subject == "Your Truepush account: the password was changed"


def change(client: Client, old: str, new: str) -> Any:
    return client.post("/account/password/", {"oldpassword": old, "password1": new, "password2": new})


def test_a_change_keeps_this_session_and_ends_the_others(acme: Workspace, signed_in: SignIn) -> None:
    """AU-03."""
    browser, other = Browser(acme, signed_in(acme.owner)), signed_in(acme.owner)
    browser.come_in()
    answer = change(browser.public, PASSWORD, NEW)
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert browser.public.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert browser.console.get("/").status_code == 302


def test_guesses_at_the_present_password_are_limited(acme: Workspace, signed_in: SignIn) -> None:
    client = signed_in(acme.owner)
    assert [change(client, "wrong", NEW).status_code for _ in range(11)] == [200] * 10 + [429]


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("seven77", False),
        ("eight888x", True),
        ("password1", False),
        ("owner@acme.test", False),
        ("x" * 63 + "é", True),
        ("two words and  spaces ", True),
        ("漢字漢字漢字漢字", True),
    ],
)
def test_rules_of_passwords(acme: Workspace, signed_in: SignIn, password: str, fits: bool) -> None:
    """AU-15: at least 8, 64 and more, any characters, none that are common; nothing is cut off."""
    client = signed_in(acme.owner)
    assert (change(client, PASSWORD, password).status_code == 302) == fits
    assert works(OWNER, password) == fits
    assert not works(OWNER, password[:-1])
