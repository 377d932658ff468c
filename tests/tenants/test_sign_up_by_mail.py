"""AU-02: where mail reaches people, a sign-up begins with a link, and answers alike for every address."""

import re
import socket
import traceback
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from tenants import mails, tasks
from tenants.models import AttemptCount, Membership, User
from tests.conftest import PASSWORD, Workspace

NEW = "Ann@Example.com"
FORM = {"workspace": "Tea & Co.", "email": "eve@evil.test", "password1": PASSWORD}


@pytest.fixture(autouse=True)
def _by_mail(settings: Any) -> None:
    settings.SIGN_UP_BY_MAIL = True


def visitor() -> Client:
    return Client(headers={"host": "localhost:8000"})


def asked(client: Client, email: str) -> str:
    """Give an address, let the worker mail, and answer the text of what was sent to it."""
    assert client.post("/sign-up/", {"email": email})["Location"] == "/sign-up/sent/"
    task = OrmQ.objects.latest("pk").task
    assert task["func"] == "tenants.tasks.mail_sign_up"
    assert email.lower() not in str(task["args"]).lower()
    tasks.mail_sign_up(*task["args"])
    assert mail.outbox[-1].to == [email]
    return str(mail.outbox[-1].body)


def people(email: str = NEW) -> list[User]:
    return list(User.objects.filter(email__iexact=email))


def link_in(text: str) -> str:
    found = re.search(r"http://localhost:8000(/sign-up/\S+)", text)
    assert found, text
    return found[1]


def test_the_link_makes_a_workspace_for_its_address_and_no_other(db: None) -> None:
    client = visitor()
    assert b'name="workspace"' not in client.get("/sign-up/").content
    path = link_in(asked(client, NEW))
    assert "example" not in path.lower()
    assert not people()
    other = visitor()  # a mail may be read in another browser
    assert other.get(path)["Location"] == "/sign-up/"
    page = other.get("/sign-up/").content.decode()
    assert re.search(r'<input type="email" name="email" value="Ann@Example.com"[^>]* disabled', page)
    assert other.post("/sign-up/", FORM)["Location"] == "/workspaces/tea-co/preparing/"
    [user] = people()
    assert (user.email, user.email_verified_at is not None) == ("ann@example.com", True)
    assert Membership.objects.get(tenant__slug="tea-co").user == user


def test_an_address_with_an_account_is_answered_alike_and_mailed_the_way_to_sign_in(acme: Workspace) -> None:
    pages, statements = {}, {}
    for email in ("owner@acme.test", "owner@none.test"):
        client = visitor()
        AttemptCount.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            answer = client.post("/sign-up/", {"email": email}, follow=True)
        statements[email] = [re.sub(r"\'[^\']*\'|\d+", "", query["sql"]) for query in queries]
        pages[email] = (answer.status_code, answer.redirect_chain, answer.content)
    assert pages["owner@acme.test"] == pages["owner@none.test"]
    assert statements["owner@acme.test"] == statements["owner@none.test"]
    text = asked(visitor(), "owner@acme.test")
    assert "http://localhost:8000/sign-in/" in text
    assert "/sign-up/" not in text


def test_without_the_link_no_form_makes_an_account(db: None) -> None:
    answer = visitor().post("/sign-up/", FORM)
    assert answer["Location"] == "/sign-up/sent/"
    assert not people("eve@evil.test")


def test_a_link_works_for_a_day_and_not_when_it_was_changed(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link_in(asked(visitor(), NEW))
    for bad in (path[:-3] + "AA/", "/sign-up/" + "x" * 3000 + "/", "/sign-up/sent:abc/"):
        assert visitor().get(bad).status_code == 404, bad
    monkeypatch.setattr(mails, "LINK_SECONDS", 0)
    over = visitor().get(path)
    assert (over.status_code, b"This link does not work any more" in over.content) == (404, True)


def test_a_link_that_is_used_again_leads_to_the_sign_in(db: None) -> None:
    path, late = link_in(asked(visitor(), NEW)), visitor()
    late.get(path)
    for at in ("/sign-up/", "/sign-in/"):
        client = visitor()
        assert client.get(path)["Location"] == at
        client.post("/sign-up/", FORM)
    assert len(people()) == 1
    assert b'name="workspace"' not in late.get("/sign-up/").content


def test_who_followed_a_link_may_take_another_address(db: None) -> None:
    client = visitor()
    client.get(link_in(asked(visitor(), NEW)))
    assert b"Use another address" in client.get("/sign-up/").content
    assert client.post("/sign-up/", {"another": "yes"})["Location"] == "/sign-up/"
    page = client.get("/sign-up/").content
    assert (b"Use another address" in page, b'name="workspace"' in page) == (False, False)


def test_an_address_that_a_mail_server_refuses_stands_in_no_error(db: None, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        settings.EMAIL_PORT = nobody.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    with pytest.raises(mails.MailNotSent) as said:
        mails.mail_sign_up(NEW)
    assert "".join(traceback.format_exception(said.value)).count("ConnectionRefusedError") == 1
    assert "example.com" not in "".join(traceback.format_exception(said.value)).lower()


def test_five_mails_an_hour_go_to_one_address(db: None) -> None:
    answers = [visitor().post("/sign-up/", {"email": NEW}).status_code for _ in range(6)]
    assert answers == [302] * 5 + [429]
    bad = visitor().post("/sign-up/", {"email": "ann"})
    assert b"Enter a valid email address." in bad.content
