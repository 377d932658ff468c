"""Every route has its rows in the access table, and every row is true for every kind of person (TI-02)."""

from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tenants.models import Role
from tenants.roles import RANK
from tests.conftest import Workspace
from tests.rules.access_table import ADMIN, CONSOLE, MEMBERS, PUBLIC, TABLE, Host, Row, Who
from tests.rules.access_world import World, make_world, state

URLCONFS = {
    Host.PUBLIC: settings.PUBLIC_SCHEMA_URLCONF,
    Host.TENANT: settings.ROOT_URLCONF,
    Host.SDK: settings.SDK_URLCONF,
}
# The ways into and out of a console: they are for whoever has no session there yet, or any more.
DOORS = {"enter/", "sign-out/", "support/end/"}
# Where a key is asked for, and no session counts.
BY_KEY = {"api/v1/key"}
# Its answer is the token that the form carries: a row that no other request can see.
WRITES_ON_GET = {"open/<slug:slug>/": "tenants_handover"}
# Their token is checked in place of the form's, since they come from another host.
WITHOUT_FORM_TOKEN = {"enter/"}
# Views of Django's admin and of django-allauth: some take a PUT as the POST of a form, token and all.
ALLAUTH = (
    "sign-in/",
    "sign-up/",
    "reset/",
    "^reset/",
    "account/password/",
    "account/confirm/",
    "account/second-factor/",
    "sign-in/second-factor/",
)
OTHERS = {row.route for row in ADMIN} | {row.route for row in PUBLIC if row.route.startswith(ALLAUTH)}
UNKNOWN = [987654321, 10**30]


class Route(NamedTuple):
    host: Host
    route: str
    view: Callable[..., Any]


def routes() -> Iterator[Route]:
    for host, urlconf in URLCONFS.items():
        for route, view in walk(get_resolver(urlconf), ""):
            yield Route(host, route, view)


def walk(resolver: URLResolver, before: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route, entry.callback
        else:
            yield from walk(entry, route)


@pytest.fixture
def world(acme: Workspace, globex: Workspace) -> World:
    return make_world(acme, globex)


def rows_of(host: Host, *methods: str) -> list[Row]:
    return [row for row in TABLE if row.host == host and (not methods or row.method in methods)]


def answer_of(world: World, row: Row, client: Client, **changed: Any) -> int:
    """Ask, and undo whatever it did, in the database and in the cookies."""
    again = copy(client)
    again.cookies = deepcopy(client.cookies)
    with transaction.atomic():
        status = world.ask(again, row, **changed).status_code
        transaction.set_rollback(True)
    return int(status)


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert {(row.host, row.route) for row in TABLE} == {(found.host, found.route) for found in routes()}


def test_every_page_of_the_console_says_which_role_it_needs() -> None:
    """Deny by default: the doorway that checks the role is the only way to a view."""
    open_to_all = {
        found.route
        for found in routes()
        if found.host == Host.TENANT and not hasattr(found.view, "console_role")
    }
    assert open_to_all == DOORS | BY_KEY


def test_the_roles_of_the_table_are_those_of_the_views() -> None:
    said = {found.route: found.view.console_role for found in routes() if hasattr(found.view, "console_role")}
    for row in CONSOLE:
        if row.route not in DOORS | BY_KEY:
            allowed = {who for who in MEMBERS if row.expected[who] != 403}
            assert allowed == {who for who in MEMBERS if RANK[Role(who.value)] >= RANK[said[row.route]]}, row


@pytest.mark.parametrize("host", list(Host))
def test_every_row_is_true_for_everyone(world: World, host: Host) -> None:
    clients = {who: world.client(who, host) for who in Who}
    wrong = [
        f"{row} as {who}: {status}, expected {row.expected[who]}"
        for row in rows_of(host)
        for who, client in clients.items()
        if (status := answer_of(world, row, client)) != row.expected[who]
    ]
    assert wrong == []


@pytest.mark.parametrize("host", list(Host))
def test_reading_changes_nothing(world: World, host: Host) -> None:
    """WB-05: walk all pages as those who see most, and compare every row of every table; sessions excepted."""
    changes = []
    for who in (Who.OWNER, Who.STAFF, Who.ANONYMOUS):
        client = world.client(who, host)
        for row in rows_of(host, "GET"):
            without = ("django_session", WRITES_ON_GET.get(row.route, ""))
            before = state(without=without)
            world.ask(client, row)
            if state(without=without) != before:
                changes.append(f"{row} as {who}")
    assert changes == []


@pytest.mark.parametrize("host", [Host.PUBLIC, Host.TENANT])
def test_no_form_is_taken_without_its_token(world: World, host: Host) -> None:
    """WB-05: as those who may do it, so that nothing but the missing token stops them."""
    clients = {who: world.client(who, host) for who in (Who.OWNER, Who.STAFF, Who.ANONYMOUS)}
    before = state()
    taken = []
    for row in rows_of(host, "POST"):
        for who, client in clients.items():
            client.handler.enforce_csrf_checks = True
            if row.route not in WITHOUT_FORM_TOKEN and world.ask(client, row).status_code != 403:
                taken.append(f"{row} as {who}")
    assert taken == []
    assert state() == before


def test_who_may_not_post_changes_nothing(world: World) -> None:
    """Of a console: members of a lesser role, and who is no member. All at once, then one look at all rows."""
    clients = {who: world.client(who, Host.TENANT) for who in Who}
    before, asked = state(), 0
    for row in rows_of(Host.TENANT, "POST"):
        for who, client in clients.items():
            is_refused = row.expected[who] == 403 or who not in MEMBERS
            if is_refused and row.route not in DOORS:
                assert world.ask(client, row).status_code == row.expected[who], f"{row} as {who}"
                asked += 1
    assert asked > 250
    assert state() == before


@pytest.mark.parametrize("host", list(Host))
def test_other_methods_are_refused_and_change_nothing(world: World, host: Host) -> None:
    """WB-07."""
    client = world.client(Who.OWNER, host)
    before = state()
    taken = set()
    for route in sorted({row.route for row in rows_of(host)} - OTHERS):
        known = {row.method for row in rows_of(host) if row.route == route}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - known:
            if world.ask(client, Row(host, method, route, {})).status_code != 405:
                taken.add(f"{method} {host} /{route}")
    assert taken == set()
    assert state() == before


def test_what_does_not_exist_is_404_for_the_owner_too(world: World) -> None:
    """TI-01, the part that needs no second workspace; also numbers that PostgreSQL cannot hold."""
    client = world.client(Who.OWNER, Host.TENANT)
    found = [
        f"{row} with {pk}: {status}"
        for row in CONSOLE
        if "<int:pk>" in row.route
        for pk in UNKNOWN
        if (status := answer_of(world, row, client, pk=pk)) != 404
    ]
    assert found == []
