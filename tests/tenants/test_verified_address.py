"""E-mail addresses are verified by a link; who has not yet can work, and is asked to."""

import re
from collections.abc import Callable

from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django_q.models import OrmQ

from tenants import tasks
from tenants.models import AuditEntry, User
from tests.conftest import PASSWORD, Workspace

SignIn = Callable[[User], Client]
REMINDER = b"Your e-mail address is not verified."


def link_for(user: User) -> str:
    tasks.mail_verification(user.pk)
    found = re.search(r"http://localhost:8000(/verify/\S+)", mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def test_sign_up_sends_a_link_and_lets_in_before_it_is_followed(db: None, public: Client) -> None:
    form = {"workspace": "Tea", "email": "ann@example.com", "password1": PASSWORD}
    assert public.post("/sign-up/", form)["Location"] == "/workspaces/tea/preparing/"
    user = User.objects.get(email="ann@example.com")
    queued = [row.task["args"] for row in OrmQ.objects.all() if "mail_verification" in row.task["func"]]
    assert queued == [(user.pk,)]
    assert REMINDER in public.get("/workspaces/?all").content


def test_the_link_asks_first_and_verifies_by_a_button(acme: Workspace, signed_in: SignIn) -> None:
    """Mail filters open links."""
    client, path = signed_in(acme.owner), link_for(acme.owner)
    assert b"Is owner@acme.test yours?" in client.get(path).content
    acme.owner.refresh_from_db()
    assert acme.owner.email_verified_at is None
    assert "owner@acme.test is verified." in client.post(path, follow=True).content.decode()
    acme.owner.refresh_from_db()
    assert acme.owner.email_verified_at is not None
    assert EmailAddress.objects.get(user=acme.owner).verified
    assert REMINDER not in client.get("/workspaces/?all").content
    assert AuditEntry.objects.latest("pk").action == "user.verify"


def test_the_link_works_once_and_in_any_browser(acme: Workspace, public: Client) -> None:
    path = link_for(acme.owner)
    assert public.post(path)["Location"] == "/sign-in/"
    assert b"This link does not work any more" in public.get(path).content
    assert b"This link does not work any more" in public.post(path).content


def test_a_link_for_an_address_that_the_account_had_is_worth_nothing(acme: Workspace, public: Client) -> None:
    path = link_for(acme.owner)
    User.objects.filter(pk=acme.owner.pk).update(email="other@acme.test")
    assert b"This link does not work any more" in public.post(path).content


def test_a_changed_link_is_worth_nothing(acme: Workspace, public: Client) -> None:
    path = link_for(acme.owner)
    assert b"This link does not work any more" in public.post(path[:-2] + "x/").content


def test_another_mail_can_be_asked_for_five_times_an_hour(acme: Workspace, signed_in: SignIn) -> None:
    client = signed_in(acme.owner)
    assert [client.post("/account/verify/").status_code for _ in range(6)] == [302] * 5 + [429]


def test_who_is_verified_gets_no_further_mail(acme: Workspace, public: Client) -> None:
    public.post(link_for(acme.owner))
    tasks.mail_verification(acme.owner.pk)
    assert len(mail.outbox) == 1


def test_whoever_the_operator_makes_staff_is_verified(db: None) -> None:
    assert User.objects.create_superuser("boss@truepush.test", PASSWORD).email_verified_at is not None
