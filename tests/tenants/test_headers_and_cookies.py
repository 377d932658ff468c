"""What every answer carries, whatever it is: the headers that keep browsers from mischief, and cookies of one host."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tenants.doorway import in_tenant
from tenants.models import Role, User
from tests.conftest import PASSWORD, Workspace, make_site
from tests.tenants.people import PUBLIC, Browser, add_member, give_second_factor

Console = Callable[..., Client]
SignIn = Callable[[User], Client]

CONTENT_SECURITY_POLICY = {
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "form-action 'self' http://*.localhost:8000 http://localhost:8000",
    "img-src 'self' https: data: http://*.localhost:8000 http://localhost:8000",
}


def policy_of(answer: Any) -> set[str]:
    return {part.strip() for part in answer["Content-Security-Policy"].split(";") if part.strip()}


def assert_guarded(answer: Any) -> None:
    """WB-03, as far as it goes here: scripts of our own only, no sniffing, no frames, no address told."""
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Referrer-Policy"] in ("same-origin", "strict-origin")
    assert policy_of(answer) == CONTENT_SECURITY_POLICY


ANSWERS: dict[str, tuple[str, str, str, int]] = {
    "landing": ("localhost:8000", "get", "/", 200),
    "sign-in": ("localhost:8000", "get", "/sign-in/", 200),
    "public 404": ("localhost:8000", "get", "/nowhere/", 404),
    "public 405": ("localhost:8000", "get", "/sign-out/", 405),
    "static file": ("localhost:8000", "get", "/static/css/base.css", 200),
    "admin": ("localhost:8000", "get", "/admin/", 302),
    "healthz": ("localhost:8000", "get", "/healthz", 200),
    "unknown host": ("nobody.localhost", "get", "/", 404),
    "not our host": ("evil.test", "get", "/", 404),
    "console to sign in": ("acme.localhost:8000", "get", "/", 302),
    "console 404": ("acme.localhost:8000", "get", "/nowhere/", 404),
    "console 405": ("acme.localhost:8000", "put", "/", 405),
    "console 403": ("acme.localhost:8000", "post", "/enter/", 403),
    "console live part": ("acme.localhost:8000", "get", "/sites/1/waiting/", 302),
    "sdk 404": ("sdk.localhost:8000", "get", "/", 404),
    "sdk 405": ("sdk.localhost:8000", "get", "/sdk/v1/receipts", 405),
    "sdk unknown site": ("sdk.localhost:8000", "get", "/w/abc.js", 404),
    "slash appended": ("localhost:8000", "get", "/sign-in", 301),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_every_answer_is_guarded(acme: Workspace, case: str) -> None:
    host, method, path, status = ANSWERS[case]
    answer = getattr(Client(headers={"host": host}), method)(path)
    assert answer.status_code == status
    assert_guarded(answer)


def test_console_pages_and_refusals_to_members_are_guarded(acme: Workspace, console: Console) -> None:
    client = console(acme, add_member(acme, Role.ANALYST))
    statuses = {"/": 200, "/sites/new/": 403, "/sites/987654/": 404}
    for path, status in statuses.items():
        answer = client.get(path)
        assert answer.status_code == status
        assert_guarded(answer)


def test_a_refused_form_is_guarded(acme: Workspace, console: Console) -> None:
    client = console(acme)
    client.handler.enforce_csrf_checks = True
    answer = client.post("/sites/new/", {"name": "x"})
    assert answer.status_code == 403
    assert_guarded(answer)


def test_hand_over_and_admin_pages_are_guarded(acme: Workspace, signed_in: SignIn) -> None:
    User.objects.filter(pk=acme.owner.pk).update(is_staff=True, is_superuser=True)
    browser = Browser(acme, signed_in(acme.owner))
    give_second_factor(acme.owner)
    assert_guarded(browser.public.get(browser.ask().removeprefix(PUBLIC)))
    assert_guarded(browser.public.get("/admin/tenants/tenant/"))


def test_an_error_of_ours_is_guarded_and_tells_nothing(acme: Workspace, console: Console) -> None:
    """WB-16: no stack trace, no SQL, no settings."""
    client = console(acme)
    client.raise_request_exception = False
    with in_tenant(acme.schema), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE subscribers_site RENAME TO broken")
    answer = client.get("/")
    assert answer.status_code == 500
    assert_guarded(answer)
    assert b"Something broke on our side" in answer.content
    for word in (b"ProgrammingError", b"Traceback", b"subscribers", b"Django", b"SELECT", b"SECRET"):
        assert word not in answer.content


def test_the_console_never_invites_other_origins(acme: Workspace, console: Console) -> None:
    """WB-06."""
    client = console(acme)
    for path in ("/", "/sites/", "/enter/"):
        for method in ("get", "post", "options"):
            answer = getattr(client, method)(path, headers={"origin": "https://evil.test"})
            assert not [name for name in answer.headers if name.startswith("Access-Control-")]


def assert_of_one_host(answer: Any) -> None:
    for morsel in answer.cookies.values():
        assert (morsel["domain"], morsel["httponly"], morsel["samesite"]) == ("", True, "Lax"), morsel.key


def test_every_cookie_is_of_one_host_and_out_of_reach_of_scripts(
    acme: Workspace, public: Client, signed_in: SignIn
) -> None:
    """WB-04; `Secure` comes with https."""
    answer = public.post("/sign-in/", {"login": "owner@acme.test", "password": PASSWORD})
    assert set(answer.cookies) >= {"truepush_session"}
    assert_of_one_host(answer)
    form = Client(headers={"host": "localhost:8000"}).get("/sign-up/")
    assert set(form.cookies) == {"truepush_csrf"}
    assert_of_one_host(form)
    browser = Browser(acme, signed_in(acme.owner))
    asked = browser.console.get("/")
    assert set(asked.cookies) == {"truepush_enter"}
    assert_of_one_host(asked)
    entered = browser.come_in()
    assert set(entered.cookies) >= {"truepush_session"}
    assert_of_one_host(entered)


def test_a_message_to_the_next_page_is_a_cookie_of_one_host_too(acme: Workspace, console: Console) -> None:
    answer = console(acme).get("/campaigns/new/")
    assert set(answer.cookies) == {"messages"}
    assert_of_one_host(answer)


def test_cookies_are_secure_where_the_installation_is_on_https(settings: Any) -> None:
    assert settings.IS_HTTPS is False
    assert (settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE) == (False, False)
    assert settings.SESSION_COOKIE_DOMAIN is None
    assert settings.CSRF_COOKIE_DOMAIN is None


def test_on_https_browsers_take_a_cookie_from_this_very_host_alone(
    start: Callable[..., tuple[int, str]],
) -> None:
    """WB-04."""
    names = ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "ENTER_COOKIE_NAME")
    say = f"import truepush.settings as given; print(*(getattr(given, name) for name in {names}))"
    said = "__Host-truepush_session __Host-truepush_csrf __Host-truepush_enter\n"
    assert start(say, BASE_URL="https://push.acme.test", SDK_URL="https://sdk.acme.test") == (0, said)


def test_the_sdk_host_sets_no_cookie_reads_none_and_varies_by_none(
    acme: Workspace, console: Console, django_assert_num_queries: Any
) -> None:
    """Design section 6: a host without cookies. A shared cache could not keep what varies by cookie."""
    site = make_site(acme)
    visitor = Client(headers={"host": "sdk.localhost:8000"})
    visitor.cookies["truepush_session"] = console(acme).cookies["truepush_session"].value
    for path in (
        f"/sdk/v1/{site.site_key}/truepush.js",
        f"/sdk/v1/{site.site_key}/settings.json",
        f"/w/{site.site_key}.js",
        "/nowhere",
    ):
        answer = visitor.get(path)
        assert not answer.cookies
        assert "Cookie" not in answer.headers.get("Vary", "")
    with django_assert_num_queries(0):
        assert visitor.get(f"/sdk/v1/{site.site_key}/truepush.js").status_code == 200
