"""WB-01, WB-02: words that would be markup or a script are words, in a real browser, in console and admin.

Every text column of a workspace holds them. Chromium opens each page as the owner and as support staff: nothing runs,
and no page asks for anything that its own Content-Security-Policy refuses, so that a violation means an attempt.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client
from playwright.sync_api import Page

from tenants.models import AuditEntry, SendIndex, SiteIndex, Tenant, User
from tests.conftest import Workspace
from tests.e2e.browsers.chromium import chromium
from tests.isolation.live import granian
from tests.isolation.routes import OPEN, POST_ONLY, TENANT, path_of
from tests.isolation.world import Marks, fill_with
from tests.tenants.people import add_person, give_second_factor

WORDS = {1: '"><img src=x onerror=pwned()>{{7*7}}', 2: "'-pwned()-'<svg onload=pwned()></script>"}
# Nobody types a website's key, and addresses are made with it.
KEYS = {"subscribers.site.site_key": {1: "a" * 24, 2: "b" * 24}}
LISTENS = """
  window.pwned = () => console.error("PWNED");
  addEventListener("securitypolicyviolation", (event) =>
    console.error("REFUSED " + event.violatedDirective + " " + event.blockedURI));
"""
OF_TENANT: tuple[Any, ...] = (SiteIndex, SendIndex, AuditEntry)
# Files, and answers that are no page of their own.
NO_PAGES = {
    "subscribers:stub",
    "subscribers:import_stub",
    "subscribers:test_worker",
    "subscribers:export_file",
}


class Hostile(Marks):
    """In place of marks; what is too long for a column is cut, which may leave a tag open."""

    def of(self, column: str) -> str:
        return KEYS.get(column, WORDS)[int(self.place)]


@dataclass
class Walk:
    """A browser's page, and what was wrong with what it opened."""

    page: Page
    base: str
    opened: int = 0
    shown: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        answer = self.page.goto(self.base + path, wait_until="load")
        assert answer
        if answer.status >= 500:
            self.wrong.append(f"{path}: {answer.status}")
        self.opened += answer.status == 200
        text = str(self.page.evaluate("document.body.innerText")).lower()
        self.shown |= {words for words in WORDS.values() if words.lower() in text}
        if "49" in text and "{{7*7}}" not in text and "7*7" in answer.text():
            self.wrong.append(f"{path}: a template ran it")

    def hear(self, said: Any) -> None:
        if said.text.startswith(("PWNED", "REFUSED")):
            self.wrong.append(f"{self.page.url}: {said.text}")


@pytest.fixture
def place(alone: Workspace, django_db_blocker: Any) -> Iterator[Workspace]:
    """A workspace, and people, whose every word is hostile; committed, since the web server reads it."""
    with django_db_blocker.unblock():
        with transaction.atomic():  # rows name each other, whichever comes first
            for number in WORDS:
                fill_with(Hostile(str(number)), alone, (number,))
        User.objects.filter(pk=alone.owner.pk).update(name=WORDS[1][:40])
        try:
            yield alone
        finally:
            Session.objects.all().delete()
            User.objects.filter(email="support@hostile.test").delete()


def session_of(user: User, host: str, **values: Any) -> str:
    client = Client(headers={"host": host})
    client.force_login(user)
    session = client.session
    session.update(values)
    session.save()
    return str(session.session_key)


def paths() -> list[str]:
    return [
        path_of(name, pk if kind else None)
        for name, kind in TENANT.items()
        if name not in POST_ONLY | OPEN | NO_PAGES and kind in ("", "pk")
        for pk in (WORDS if kind and name.startswith("campaigns:") else (1,))
    ]


@contextmanager
def browser() -> Iterator[Callable[[str, str, list[str]], Walk]]:
    """Open pages of a host with a session, as the server of production answers them; nothing comes from elsewhere."""
    with granian() as server, chromium() as running:

        def walk(host: str, session: str, wanted: list[str]) -> Walk:
            base = f"http://{host}:{server.port}"
            context = running.new_context()
            context.add_cookies([{"name": "truepush_session", "value": session, "url": base}])
            context.add_init_script(LISTENS)
            context.route(lambda url: not url.startswith(base), lambda route: route.abort())
            found = Walk(context.new_page(), base)
            found.page.on("console", found.hear)
            found.page.on("dialog", lambda dialog: found.wrong.append(f"{found.page.url}: {dialog.message}"))
            for path in wanted:
                found.open(path)
            context.close()
            return found

        yield walk


def test_nothing_that_people_typed_runs_in_the_console_or_in_the_admin(place: Workspace) -> None:
    """WB-01, WB-02."""
    own = session_of(place.owner, place.host, tenant_id=place.tenant.pk)
    support = add_person("support@hostile.test", is_staff=True, is_superuser=True)
    give_second_factor(support)
    staff = session_of(support, "localhost:8000")
    admin = admin_paths(place)
    with browser() as walk:
        console = walk(place.host.partition(":")[0], own, paths())
        pages_of_staff = walk("localhost", staff, admin)
    assert console.wrong == []
    assert pages_of_staff.wrong == []
    assert (console.opened > 50, pages_of_staff.opened) == (True, len(admin))
    # The control: the words are there, as words.
    assert console.shown == pages_of_staff.shown == set(WORDS.values())


def admin_paths(place: Workspace) -> list[str]:
    rows = [(model, model.objects.filter(tenant_id=place.tenant.pk).latest("pk").pk) for model in OF_TENANT]
    rows += [(Tenant, place.tenant.pk), (User, place.owner.pk)]
    names = [(f"/admin/tenants/{model._meta.model_name}/", pk) for model, pk in rows]
    return ["/admin/now/", f"/admin/workspaces/{place.tenant.pk}/"] + [
        path for name, pk in names for path in (name, f"{name}{pk}/change/")
    ]
