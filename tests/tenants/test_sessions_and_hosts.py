"""Which host a request is for, and whose session counts there: never another workspace's."""

from collections.abc import Callable

import pytest
from django.test import Client

from tenants.actions.workspace import create_workspace
from tenants.models import Domain, Membership, Role, User
from tests.conftest import Workspace, make_site
from tests.tenants.people import Browser

SignIn = Callable[[User], Client]
Console = Callable[..., Client]


def with_session_of(client: Client, host: str) -> Client:
    """Present the session of one host on another, as no browser would."""
    other = Client(headers={"host": host})
    other.cookies["truepush_session"] = client.cookies["truepush_session"].value
    return other


def test_a_session_of_one_workspace_is_nobody_on_another_s_host(
    acme: Workspace, globex: Workspace, console: Console
) -> None:
    """TI-01, TI-04: even where the person is a member of both."""
    make_site(globex, name="Canary")
    Membership.objects.create(tenant=globex.tenant, user=acme.owner, role=Role.OWNER)
    intruder = with_session_of(console(acme), globex.host)
    for path in ("/", "/sites/", "/sites/1/", "/campaigns/", "/sites/new/"):
        answer = intruder.get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("http://localhost:8000/open/globex/?challenge=")
        assert b"Canary" not in answer.content


def test_a_session_of_a_workspace_is_nobody_on_the_public_host(acme: Workspace, console: Console) -> None:
    intruder = with_session_of(console(acme), "localhost:8000")
    assert intruder.get("/workspaces/?all").status_code == 302
    assert intruder.get("/open/acme/", {"challenge": "a" * 64}).status_code == 302


def test_a_session_of_the_public_host_is_nobody_in_a_console(acme: Workspace, signed_in: SignIn) -> None:
    assert with_session_of(signed_in(acme.owner), acme.host).get("/").status_code == 302


def test_a_member_without_a_hand_over_is_nobody_in_the_console(acme: Workspace) -> None:
    client = Client(headers={"host": acme.host})
    client.force_login(acme.owner)
    assert client.get("/").status_code == 302


def test_who_lost_the_membership_is_out_at_the_next_request(acme: Workspace, console: Console) -> None:
    client = console(acme)
    assert client.get("/").status_code == 200
    Membership.objects.filter(user=acme.owner).delete()
    assert client.get("/").status_code == 302


def test_each_host_answers_only_its_own_pages(acme: Workspace, console: Console) -> None:
    site = make_site(acme)
    settings = f"/sdk/v1/{site.site_key}/settings.json"
    hosts = {
        "localhost:8000": {"/sign-in/": 200, "/sites/": 404, settings: 404},
        acme.host: {"/sign-in/": 404, "/sites/": 302, settings: 404},
        "sdk.localhost:8000": {"/sign-in/": 404, "/sites/": 404, settings: 200},
    }
    for host, pages in hosts.items():
        client = Client(headers={"host": host})
        assert {path: client.get(path).status_code for path in pages} == pages


@pytest.mark.parametrize(
    "host",
    [
        "nobody.localhost:8000",
        "evil.test",
        "127.0.0.1:8000",
        "acme.localhost.evil.test",
        "acme.localhost@evil.test",
        "a.acme.localhost:8000",
        "acme.localhost.:8000",
        ".localhost",
        "[::1]:8000",
        "[::1",
        "acme_localhost",
        "acme.localhost:port",
        "acme localhost",
        "x" * 300 + ".localhost",
        "",
    ],
)
def test_an_unknown_host_gets_404_and_none_of_our_pages(db: None, host: str) -> None:
    """TI-04."""
    answer = Client(headers={"host": host}).get("/")
    assert (answer.status_code, answer.content) == (404, b"Unknown host.\n")
    assert not answer.cookies


def test_capital_letters_and_the_port_do_not_change_the_host(acme: Workspace, console: Console) -> None:
    for host in ("ACME.localhost:8000", "acme.LOCALHOST:9999", "acme.localhost"):
        assert with_session_of(console(acme), host).get("/").status_code == 200


@pytest.mark.parametrize(
    "header", ["x-forwarded-host", "x-forwarded-server", "x-host", "forwarded", "x-original-host"]
)
def test_no_other_header_names_the_host(
    acme: Workspace, globex: Workspace, console: Console, header: str
) -> None:
    """TI-04."""
    make_site(globex, name="Canary")
    value = f"host={globex.host}" if header == "forwarded" else globex.host
    page = console(acme).get("/sites/", headers={header: value})
    assert page.status_code == 200
    assert page.context["tenant"] == acme.tenant
    assert b"Canary" not in page.content


def test_a_second_host_of_a_workspace_leads_to_it_but_lets_in_by_its_first(
    acme: Workspace, signed_in: SignIn
) -> None:
    Domain.objects.create(tenant=acme.tenant, domain="old-acme.localhost", is_primary=False)
    client = Client(headers={"host": "old-acme.localhost:8000"})
    assert client.get("/")["Location"].startswith("http://localhost:8000/open/acme/?")
    browser = Browser(acme, signed_in(acme.owner))
    assert browser.come_in().status_code == 302


def test_a_new_workspace_s_host_answers_as_soon_as_it_is_ready(acme: Workspace) -> None:
    tenant = create_workspace(actor=acme.owner, name="Later")
    client = Client(headers={"host": "later.localhost:8000"})
    assert client.get("/").status_code == 404
    type(tenant).objects.filter(pk=tenant.pk).update(state="active")
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("host", ["localhost:8000", "acme.localhost:8000", "10.0.0.7", "evil.test", ""])
def test_healthz_answers_whoever_asks_by_whatever_name(db: None, host: str) -> None:
    answer = Client(headers={"host": host}).get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_healthz_asks_the_database_nothing(
    db: None, django_assert_num_queries: Callable[..., object]
) -> None:
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        Client(headers={"host": "localhost:8000"}).get("/healthz")
