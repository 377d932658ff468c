"""The hand-over: from a session on the public host to one on the workspace's host, by a token worth one use."""

import hashlib
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from tenants.actions.handover import LIFETIME, challenge_of
from tenants.models import AuditEntry, Handover, User
from tenants.session_store import stored_key
from tests.conftest import Workspace
from tests.tenants.people import PUBLIC, Browser, form_fields, query_of

SignIn = Callable[[User], Client]


@pytest.fixture
def browser(acme: Workspace, signed_in: SignIn) -> Browser:
    return Browser(acme, signed_in(acme.owner))


def test_the_whole_way_from_the_console_s_address_into_the_console(browser: Browser) -> None:
    # 1. The console knows nobody yet: it draws a secret for this browser and sends it to the public host.
    answer = browser.console.get("/campaigns/?page=2")
    address = query_of(answer["Location"])
    assert answer["Location"].startswith(f"{PUBLIC}/open/acme/?")
    assert address == {"challenge": challenge_of(browser.nonce), "next": "/campaigns/?page=2"}
    # 2. The public host knows the person and answers with a form for the console's host.
    page = browser.public.get(answer["Location"].removeprefix(PUBLIC))
    assert 'action="http://acme.localhost:8000/enter/"' in page.content.decode()
    fields = form_fields(page)
    assert fields == {"token": fields["token"], "next": "/campaigns/?page=2"}
    # 3. That form comes without the console's cookies; the console answers with a form of its own.
    between = browser.knock(fields)
    assert 'action="/enter/"' in between.content.decode()
    assert form_fields(between) == fields
    assert "truepush_session" not in between.cookies
    # 4. The second form carries the cookie to which the token is bound, and opens the session.
    entered = browser.enter(fields)
    assert (entered.status_code, entered["Location"]) == (302, "/campaigns/?page=2")
    assert browser.console.get("/campaigns/").status_code == 200


def test_the_session_carries_its_person_and_its_workspace(browser: Browser, acme: Workspace) -> None:
    browser.come_in()
    session = browser.console.session
    assert (session["_auth_user_id"], session["tenant_id"]) == (str(acme.owner.pk), acme.tenant.pk)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor, entry.tenant_id) == (
        "workspace.enter",
        "owner@acme.test",
        acme.tenant.pk,
    )


def test_the_session_key_changes_at_entry_and_nothing_planted_stays(browser: Browser) -> None:
    """AU-03: fixation."""
    session = browser.console.session
    session["planted"] = True
    session.save()
    browser.come_in()
    assert browser.console.session.session_key != session.session_key
    assert "planted" not in browser.console.session
    assert not Session.objects.filter(session_key=stored_key(session.session_key)).exists()


def test_the_secret_of_the_browser_lives_ten_minutes(browser: Browser) -> None:
    browser.ask()
    assert browser.console.cookies["truepush_enter"]["max-age"] == 600


def test_tabs_that_a_browser_opens_at_once_all_come_in(browser: Browser) -> None:
    """As when it restores them: no tab may make another's token worthless."""
    asked = [browser.ask(path) for path in ("/campaigns/", "/sites/", "/")]
    fields = [browser.open(address) for address in asked]
    assert [browser.enter(given)["Location"] for given in fields] == ["/campaigns/", "/sites/", "/"]
    assert browser.console.get("/").status_code == 200


def test_the_token_and_the_secret_are_in_the_database_as_hashes_only(browser: Browser) -> None:
    token = browser.open(browser.ask())["token"]
    row = Handover.objects.latest("pk")
    assert bytes(row.digest) == hashlib.sha256(token.encode()).digest()
    assert row.challenge == hashlib.sha256(browser.nonce.encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM tenants_handover t")
        (stored,) = cursor.fetchone()
    for secret in (token, browser.nonce):
        assert len(secret) == 43  # 256 bits
        assert secret not in stored


def test_the_token_lives_thirty_seconds(browser: Browser) -> None:
    assert LIFETIME.total_seconds() == 30


def test_pages_with_a_token_are_kept_by_no_cache(browser: Browser) -> None:
    page = browser.public.get(browser.ask().removeprefix(PUBLIC))
    assert page["Cache-Control"] == "no-store"
    assert browser.knock(form_fields(page))["Cache-Control"] == "no-store"


def test_the_token_s_page_tells_its_origin_but_no_address(browser: Browser) -> None:
    """`same-origin` would make browsers send `Origin: null`; the full address would tell the path."""
    page = browser.public.get(browser.ask().removeprefix(PUBLIC))
    assert page["Referrer-Policy"] == "strict-origin"


@pytest.mark.parametrize(
    "challenge", ["", "x", "g" * 64, "A" * 64, "a" * 63, "a" * 65, "\0" * 64, "é" * 64, "a" * 64 + "\n"]
)
def test_without_a_proper_challenge_one_begins_at_the_console(browser: Browser, challenge: str) -> None:
    answer = browser.public.get("/open/acme/", {"challenge": challenge})
    assert (answer.status_code, answer["Location"]) == (302, "http://acme.localhost:8000/")
    assert Handover.objects.count() == 0


def test_a_stranger_s_workspace_is_not_handed_over(browser: Browser, globex: Workspace) -> None:
    answer = browser.public.get("/open/globex/", {"challenge": "a" * 64})
    assert answer.status_code == 404
    assert Handover.objects.count() == 0


def test_a_live_part_of_a_page_asks_for_a_reload_when_the_session_is_over(acme: Workspace) -> None:
    answer = Client(headers={"host": acme.host}).get("/sites/", headers={"hx-request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (401, "true")


LOCAL = {
    "/campaigns/": "/campaigns/",
    "/sites/1/?a=b&c=d": "/sites/1/?a=b&c=d",
    "//evil.test": "/",
    "///evil.test": "/",
    "/\\evil.test": "/",
    "/\t/evil.test": "/",
    "\\/evil.test": "/",
    "https:evil.test": "/",
    "https://evil.test/": "/",
    "http://acme.localhost:8000/": "/",
    "javascript:alert(1)": "/",
    "": "/",
    "campaigns/": "/",
    "?a=b": "/",
    "/%2f%2fevil.test": "/%2f%2fevil.test",
}


@pytest.mark.parametrize("given", LOCAL)
def test_the_way_in_ends_on_a_page_of_this_host(browser: Browser, given: str) -> None:
    """WB-08: at each of the two forms."""
    browser.ask()
    page = browser.public.get("/open/acme/", {"challenge": challenge_of(browser.nonce), "next": given})
    fields = form_fields(page)
    assert fields["next"] == LOCAL[given]
    assert form_fields(browser.knock({**fields, "next": given}))["next"] == LOCAL[given]
    assert browser.enter({**fields, "next": given})["Location"] == LOCAL[given]


def test_no_header_can_be_smuggled_in_with_the_path(browser: Browser) -> None:
    fields = browser.open(browser.ask())
    answer = browser.enter({**fields, "next": "/x\r\nSet-Cookie: a=b"})
    assert (answer["Location"], "a" in answer.cookies) == ("/x%0D%0ASet-Cookie:%20a=b", False)
