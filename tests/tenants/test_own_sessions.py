"""One's own sessions: where one is signed in, and ending that, at once and everywhere (AU-03, AU-04)."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenants import session_tracking, tasks
from tenants.actions.handover import HandoverRefused, challenge_of, issue
from tenants.models import AuditEntry, Handover, SeenSession, User
from tenants.session_store import stored_key
from tests.conftest import PASSWORD, Workspace
from tests.tenants.people import Browser

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Safari/605.1.15"
)
SignIn = Callable[[User], Client]


def sign_in(place: Workspace, agent: str = FIREFOX, address: str = "203.0.113.77") -> Browser:
    client = Client(headers={"host": "localhost:8000", "user-agent": agent}, REMOTE_ADDR=address)
    client.post("/sign-in/", {"login": place.owner.email, "password": PASSWORD})
    return Browser(place, client)


def row_of(browser: Browser) -> SeenSession:
    return SeenSession.objects.get(session_key=stored_key(browser.public.session.session_key))


def is_in(browser: Browser) -> tuple[bool, bool]:
    """On the public host, and in the console."""
    return browser.public.get("/account/").status_code == 200, browser.console.get("/").status_code == 200


def test_the_page_tells_browser_truncated_address_and_the_workspaces(acme: Workspace) -> None:
    one, two = sign_in(acme), sign_in(acme, SAFARI, "2001:db8:1:2:3::4")
    two.come_in()
    page = one.public.get("/account/sessions/").content.decode()
    for text in (
        "Firefox on Linux",
        "203.0.113.0",
        "This one",
        "Safari on Mac OS X",
        "2001:db8:1::",
        acme.host[:-5],
    ):
        assert text in page
    assert "203.0.113.77" not in page
    assert page.index("Firefox on Linux") < page.index("Safari on Mac OS X")


def test_ending_one_ends_it_on_every_host_and_leaves_the_others(acme: Workspace) -> None:
    one, two = sign_in(acme), sign_in(acme, SAFARI)
    one.come_in()
    two.come_in()
    answer = one.public.post(f"/account/sessions/{row_of(two).pk}/end/")
    assert answer["Location"] == "/account/sessions/"
    assert (is_in(one), is_in(two)) == ((True, True), (False, False))
    row = AuditEntry.objects.get(action="user.session_end")
    assert (row.actor, row.target) == (acme.owner.email, "Safari on Mac OS X")


def test_a_token_on_its_way_opens_nothing_after_the_end(acme: Workspace) -> None:
    one, two = sign_in(acme), sign_in(acme, SAFARI)
    fields = two.open(two.ask())
    one.public.post(f"/account/sessions/{row_of(two).pk}/end/")
    assert two.enter(fields).status_code == 403
    assert Handover.objects.filter(used_at__isnull=True).count() == 0


def test_a_request_that_was_under_way_when_its_session_ended_gets_no_token(acme: Workspace) -> None:
    one, two = sign_in(acme), sign_in(acme, SAFARI)
    ended, challenge = row_of(two).pk, challenge_of("x")
    one.public.post(f"/account/sessions/{ended}/end/")
    with pytest.raises(HandoverRefused):
        issue(actor=acme.owner, tenant=acme.tenant, challenge=challenge, seen_id=ended)
    assert Handover.objects.count() == 0


def test_ending_all_others_keeps_this_one(acme: Workspace) -> None:
    one, two, three = sign_in(acme), sign_in(acme, SAFARI), sign_in(acme)
    two.come_in()
    before = one.public.session.session_key
    one.public.post("/account/sessions/end-others/")
    assert one.public.session.session_key != before
    assert one.public.get("/account/sessions/").content.decode().count("This one") == 1
    assert (is_in(two), is_in(three)[0]) == ((False, False), False)
    assert SeenSession.objects.count() == 1
    assert AuditEntry.objects.filter(action="user.other_sessions_end", actor=acme.owner.email).count() == 1


def test_nobody_ends_or_sees_another_s(acme: Workspace, globex: Workspace) -> None:
    mine, theirs = sign_in(acme), sign_in(globex, SAFARI)
    assert mine.public.post(f"/account/sessions/{row_of(theirs).pk}/end/").status_code == 404
    assert mine.public.post(f"/account/sessions/{10**30}/end/").status_code == 404
    assert b"Safari" not in mine.public.get("/account/sessions/").content
    assert is_in(theirs)[0]


def test_last_seen_follows_every_five_minutes(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    one = sign_in(acme)
    first = row_of(one).last_at
    one.public.get("/account/")
    assert row_of(one).last_at == first
    later(monkeypatch, 301)
    one.public.get("/account/")
    SeenSession.objects.filter(pk=row_of(one).pk, last_at__gte=first).get()
    assert one.public.session["seen"]["at"] > time.time() + 290


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    class Clock:
        @staticmethod
        def time() -> float:
            return time.time() + seconds

    monkeypatch.setattr(session_tracking, "time", Clock)


def test_thirty_days_are_all_however_much_a_session_is_used(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = sign_in(acme)
    later(monkeypatch, 30 * 86_400 - 60)
    assert one.public.get("/account/").status_code == 200
    later(monkeypatch, 30 * 86_400 + 600)
    assert one.public.get("/account/").status_code == 302
    assert Session.objects.count() == 0


def test_a_console_is_as_old_as_the_sign_in_that_opened_it(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = sign_in(acme)
    SeenSession.objects.update(first_at=timezone.now() - timedelta(days=29))
    one.come_in()
    assert one.console.get("/").status_code == 200
    later(monkeypatch, 86_400 + 600)
    assert one.console.get("/").status_code == 302


def test_fourteen_days_without_use_are_the_end(settings: Any) -> None:
    assert settings.SESSION_COOKIE_AGE == 14 * 86_400


def test_a_page_of_a_console_costs_no_query_more(acme: Workspace, console: Callable[..., Client]) -> None:
    """What a session is tracked by is in the session."""
    one = sign_in(acme)
    one.come_in()
    counts = []
    for client in (console(acme), one.console):
        client.get("/sites/")
        with CaptureQueriesContext(connection) as seen:
            client.get("/sites/")
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_rows_of_sessions_that_are_over_go(acme: Workspace) -> None:
    one, two = sign_in(acme), sign_in(acme, SAFARI)
    Session.objects.filter(session_key=stored_key(two.public.session.session_key)).update(
        expire_date="2020-01-01T00:00Z"
    )
    # By a process of the version before, which ran beside a newer one.
    Session(session_key="a" * 32, session_data="readable", expire_date=timezone.now() + timedelta(1)).save()
    tasks.tidy_sign_in()
    assert list(SeenSession.objects.all()) == [row_of(one)]
    assert Session.objects.count() == 1
