"""AU-08, AU-09, AU-10, UP-09: every kind of secret is made by using the product, and then looked for.

In one pg_dump of the whole database, in what the queue has packed, and in the log at its finest level: none is there.
What is kept readable on purpose: endpoints, p256dh and auth of subscribers, which are needed for every message (PR-07
keeps them out of logs and pages).
"""

import io
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from subscribers.export_links import link_token
from subscribers.keyring import unseal
from subscribers.models import Job, VapidKey
from tenants import tasks
from tenants.actions.invitations import invite
from tenants.backup import run_program
from tenants.doorway import in_tenant
from tenants.models import ApiKey, AttemptCount, AuditEntry, KeptMail, User
from tenants.outbox import text_of
from tenants.session_store import SessionStore, stored_key
from tenants.trail import Trail
from tests.conftest import PASSWORD, Workspace, make_site
from tests.secret_forms import forms_of, forms_of_key
from tests.subscribers.samples import Browser as Visitor
from tests.subscribers.samples import subscribe
from tests.tenants.people import Browser, form_fields, verified
from tests.tenants.test_second_factor import add_app, code, codes_of
from truepush.lib import base64url
from truepush.lib.log_lines import JsonLines

JOINED = "joined@alone.test"
HOST = {"host": "localhost:8000"}


@pytest.fixture
def committed(alone: Workspace, django_db_blocker: Any, settings: Any) -> Iterator[Workspace]:
    """A workspace whose rows pg_dump sees; all that the test leaves goes afterwards."""
    settings.EMAIL_BACKEND = "tenants.outbox.EmailBackend"
    cache.clear()
    with django_db_blocker.unblock():
        last = AuditEntry.objects.latest("pk").pk
        yield alone
        for model in (Session, OrmQ, AttemptCount, KeptMail, ApiKey):
            model.objects.all().delete()
        User.objects.filter(email=JOINED).delete()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE tenants_auditentry DISABLE TRIGGER USER")
            cursor.execute("DELETE FROM tenants_auditentry WHERE id > %s", [last])
            cursor.execute("ALTER TABLE tenants_auditentry ENABLE TRIGGER USER")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """Everything that is logged at any level, as a process of ours writes it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonLines(configured.LOGGING["formatters"]["line"]["secrets"]))
    handler.addFilter(Trail())
    caplog.set_level(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


def mailed(pattern: str) -> str:
    """Find the secret part of the link in the newest mail."""
    found = re.search(pattern, text_of(KeptMail.objects.latest("at")))
    assert found
    return found[1]


def of_people(place: Workspace) -> tuple[dict[str, str], list[str]]:
    """Sign in, add a second factor, ask for a reset, invite somebody, be let into the console."""
    owner = verified(place.owner)
    browser = Browser(place, Client(headers=HOST))
    browser.public.post("/sign-in/", {"login": owner.email, "password": PASSWORD})
    browser.public.post("/sign-in/", {"login": owner.email, "password": f"{PASSWORD}!"})
    known = {"password": PASSWORD, "session before": browser.public.session.session_key}
    known["app"], page = add_app(browser.public)
    codes = codes_of(page)
    fields = browser.open(browser.ask("/"))
    known |= {f"hand-over {name}": value for name, value in fields.items() if name in ("token", "challenge")}
    browser.enter(form_fields(browser.knock(fields)))
    for where, client in (("public", browser.public), ("console", browser.console)):
        known |= {f"{where} {name}": one.value for name, one in client.cookies.items() if "truepush" in name}
    # Two links, each opened and left there: what a session keeps of them is encrypted.
    tasks.mail_reset(owner.pk)
    known["reset"] = mailed(r"/reset/[0-9a-z]+-([\w-]+)/")
    Client(headers=HOST).get(f"/reset/{mailed(r'/reset/([0-9a-z]+-[-0-9A-Za-z]+)/')}/")
    made = invite(actor=owner, tenant=place.tenant, email=JOINED, role="editor")
    tasks.mail_invitation(made.pk)
    known["invitation"] = mailed(r"/invitation/([\w-]+)/")
    guest = Client(headers=HOST)
    guest.get(f"/invitation/{known['invitation']}/")
    guest.post("/invitation/join/", {"password": "another of fifteen letters"})
    known["password of another"] = "another of fifteen letters"
    tasks.mail_verification(User.objects.get(email=JOINED).pk)
    # An app whose page was looked at and left.
    page = confirmed_by_other(guest)
    [known["app, not confirmed"]] = re.findall(r'secret-text">([A-Z2-7]+)<', page)
    Client(headers=HOST).post("/sign-in/second-factor/", {"code": code(known["app"], steps=1)})
    return known, codes


def confirmed_by_other(client: Client) -> str:
    page = client.get("/account/second-factor/app/")
    if page.status_code == 302:
        client.post(page["Location"], {"password": "another of fifteen letters"})
        page = client.get("/account/second-factor/app/")
    return str(page.content.decode())


def of_the_console(place: Workspace, console: Callable[..., Client]) -> dict[str, str]:
    """Make a website, its identity secret, an API key, a subscriber and an export."""
    place.owner.refresh_from_db()  # adding the app ended what was open
    site, client = make_site(place), console(place)
    form = {"name": "Server", "scopes": ["campaigns:read"], "days": "30", "per_minute": "60"}
    page = client.post("/keys/new/", form).content.decode()
    token = re.findall(r"tp_live_[a-z0-9]{8}_[0-9a-f]{40}", page)[0]
    key = {"host": place.host, "authorization": f"Bearer {token}"}
    assert Client(headers=key).get("/api/v1/key").status_code == 200
    assert Client(headers=key).get(f"/api/v1/key?key={token}").status_code == 400
    page = client.post(f"/sites/{site.pk}/identity/", {"do": "renew"}).content.decode()
    identity = re.findall(r'value="([0-9a-f]{64})"', page)[0]
    given = subscribe(Client(headers={"host": "sdk.localhost:8000"}), site, Visitor().json()).json()
    client.post("/exports/new/", {"site": site.pk, "format": "csv"})
    with in_tenant(place.schema):
        link = link_token(Job.objects.get(), place.owner.pk)
    client.get(f"/exports/1/file?token={link}")
    return {
        "API key": token.rpartition("_")[2],
        "identity secret": identity,
        "capability": given["subscriber"],
        "export link": link,
        "console session": client.session.session_key,
    }


def of_the_installation(settings: Any) -> dict[str, str]:
    """What the configuration alone knows."""
    made = {
        f"configured {n}": text for n, text in enumerate(configured.LOGGING["formatters"]["line"]["secrets"])
    }
    for name in ("FIELD_KEYS", "RECEIPT_KEYS"):
        made |= {f"{name} {key}": base64url.encode(secret) for key, secret in getattr(settings, name).items()}
    # The tests' own database may have a password of two letters.
    return {name: text for name, text in made.items() if len(text) > 7}


def private_keys(place: Workspace) -> list[bytes]:
    with in_tenant(place.schema):
        return [unseal(key.private_encrypted, bytes(key.public)) for key in VapidKey.objects.all()]


def written(known: dict[str, str], codes: list[str], keys: list[bytes]) -> dict[str, str]:
    """Name every form of every secret."""
    forms = {f"{name}, as it is": text for name, text in known.items()}
    for name, text in known.items():
        forms |= {f"{name}, {form}": one for form, one in forms_of(text.encode()).items()}
        if re.fullmatch(r"(?:[0-9a-f]{2}){16,}", text):
            forms |= {f"{name}, octets {form}": one for form, one in forms_of(bytes.fromhex(text)).items()}
    for number, key in enumerate(keys):
        forms |= {f"VAPID key {number}, {form}": one for form, one in forms_of_key(key).items()}
    return forms | {f"recovery code {number}": one for number, one in enumerate(codes)}


def found_in(text: str, forms: dict[str, str]) -> list[str]:
    """Name the forms that are there. A few digits count where they stand alone: they are in long numbers by chance."""
    return [
        name
        for name, form in forms.items()
        if form in text and (len(form) > 8 or re.search(rf"(?<![0-9a-zA-Z.]){form}(?![0-9a-zA-Z])", text))
    ]


def dump(folder: Path) -> str:
    (major,) = (connection.pg_version // 10000,)
    run_program("pg_dump", major, ["--format=plain", "--no-password", f"--file={folder / 'dump.sql'}"])
    return (folder / "dump.sql").read_text()


def test_no_secret_is_in_a_dump_of_the_whole_database_or_in_the_log(
    committed: Workspace, console: Callable[..., Client], logged: io.StringIO, settings: Any, tmp_path: Path
) -> None:
    known, codes = of_people(committed)
    known |= of_the_console(committed, console) | of_the_installation(settings)
    keys = private_keys(committed)
    forms = written(known, codes, keys)
    assert (len(codes), len(keys)) == (10, 1)
    assert {name for name, text in known.items() if len(text) < 12} == set()
    packed = "\n".join(str(row.task) for row in OrmQ.objects.all())
    text = dump(tmp_path)
    assert found_in(text, forms) == []
    assert found_in(packed, forms) == []
    assert found_in(logged.getvalue(), forms) == []
    # The controls: what is kept of them is there, and the search finds what there is.
    assert text.count("COPY t_alone_") > 15
    assert bytes(ApiKey.objects.get().digest).hex() in text
    assert stored_key(known["console session"]) in text
    assert Authenticator.objects.filter(user=committed.owner).count() == 2
    assert "tenants.tasks.mail_change" in packed
    assert '"message": "request"' in logged.getvalue()
    assert set(found_in(f"x {known['API key']} {codes[0]}", forms)) >= {
        "API key, as it is",
        "recovery code 0",
    }
    opened = [SessionStore().decode(row.session_data) for row in Session.objects.all()]
    assert known["app, not confirmed"] in str(opened)
