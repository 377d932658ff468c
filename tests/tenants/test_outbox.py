"""Where no mail server is configured, mails are kept for staff to read: sealed, fifty, for a day (AU-08, AU-10)."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from tenants import tasks
from tenants.models import KeptMail, User
from tenants.outbox import forget_old_mail
from tests.conftest import Workspace
from tests.tenants.people import add_person, give_second_factor

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _no_server(settings: Any) -> None:
    settings.EMAIL_BACKEND = "tenants.outbox.EmailBackend"


def test_a_mail_is_kept_and_neither_database_nor_log_tells_its_link(
    acme: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        tasks.mail_reset(acme.owner.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM tenants_keptmail t")
        (stored,) = cursor.fetchone()
    assert ("owner@acme.test" in stored, "/reset/" in stored) == (True, False)
    assert "/reset/" not in caplog.text


def test_staff_read_it_in_the_admin(acme: Workspace, signed_in: SignIn) -> None:
    support = add_person("support@truepush.test", is_staff=True, is_superuser=True)
    client = signed_in(support)
    give_second_factor(support)
    tasks.mail_reset(acme.owner.pk)
    kept = KeptMail.objects.get()
    assert b"A new password for Truepush" in client.get("/admin/tenants/keptmail/").content
    page = client.get(f"/admin/tenants/keptmail/{kept.pk}/change/").content.decode()
    assert '<a href="http://localhost:8000/reset/' in page


def test_the_newest_fifty_are_kept(db: None) -> None:
    for n in range(52):
        mail.send_mail(f"Number {n}", "text", None, ["x@x.test"])
    assert set(KeptMail.objects.values_list("subject", flat=True)) == {f"Number {n}" for n in range(2, 52)}


def test_they_go_after_a_day(db: None) -> None:
    for n in range(2):
        mail.send_mail(f"Number {n}", "text", None, ["x@x.test"])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tenants_keptmail SET at = now() - interval '25 hours' WHERE subject = 'Number 0'"
        )
    assert forget_old_mail() == 1
    assert KeptMail.objects.get().subject == "Number 1"


def test_a_console_address_means_the_outbox(start: Callable[..., tuple[int, str]]) -> None:
    code = "from truepush import settings; print(settings.EMAIL_BACKEND)"
    assert start(code, EMAIL_URL="consolemail://") == (0, "tenants.outbox.EmailBackend\n")
    assert start(code, EMAIL_URL="smtp+tls://u:p@mail.example.com:587") == (
        0,
        "django.core.mail.backends.smtp.EmailBackend\n",
    )
