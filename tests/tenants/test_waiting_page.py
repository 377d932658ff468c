"""The page that waits for a new workspace: it says how things stand, moves on by itself, and offers another try."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from tenants.actions.workspace import create_workspace, prepare_workspace, retry_workspace
from tenants.models import AuditEntry, Role, Tenant, User
from tests.conftest import Workspace
from tests.tenants.catalog import describe, schema_exists
from tests.tenants.people import add_member, add_person

SignIn = Callable[[User], Client]


@pytest.fixture
def new(db: None) -> Workspace:
    owner = add_person("ann@tea.test")
    tenant = create_workspace(actor=owner, name="Tea")
    return Workspace(tenant, owner)


def make_it_fail(place: Workspace) -> None:
    """Let a schema of that name be there already, so that PostgreSQL refuses to make it."""
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA "{place.schema}"')
    assert prepare_workspace(actor=None, tenant_id=place.tenant.pk) is False
    place.tenant.refresh_from_db()


def test_while_it_is_made_the_page_asks_again_every_second(new: Workspace, signed_in: SignIn) -> None:
    client = signed_in(new.owner)
    page = client.get("/workspaces/tea/preparing/").content.decode()
    assert "Setting up Tea" in page
    assert 'hx-get="/workspaces/tea/state/" hx-trigger="every 1s"' in page
    state = client.get("/workspaces/tea/state/")
    assert "HX-Redirect" not in state.headers
    assert 'hx-trigger="every 1s"' in state.content.decode()


def test_once_it_is_ready_the_page_moves_on_by_itself(new: Workspace, signed_in: SignIn) -> None:
    client = signed_in(new.owner)
    assert prepare_workspace(actor=None, tenant_id=new.tenant.pk) is True
    state = client.get("/workspaces/tea/state/")
    assert state["HX-Redirect"] == "http://tea.localhost:8000/"
    assert "hx-trigger" not in state.content.decode()
    page = client.get("/workspaces/tea/preparing/")
    assert (page.status_code, page["Location"]) == (302, "http://tea.localhost:8000/")


def test_a_failed_making_says_so_and_stops_asking(new: Workspace, signed_in: SignIn) -> None:
    make_it_fail(new)
    assert new.tenant.state == Tenant.State.FAILED
    assert (
        new.tenant.state_detail == f'The database could not be prepared: schema "{new.schema}" already exists'
    )
    page = signed_in(new.owner).get("/workspaces/tea/preparing/").content.decode()
    assert "Tea could not be set up" in page
    assert "The database could not be prepared: schema" in page
    assert "hx-trigger" not in page
    assert 'action="/workspaces/tea/retry/"' in page


def test_a_failed_making_leaves_no_table_behind(new: Workspace) -> None:
    make_it_fail(new)
    assert describe(new.schema) == []
    assert AuditEntry.objects.filter(tenant_id=new.tenant.pk, action="workspace.ready").count() == 0


def test_another_try_queues_the_making_again_and_succeeds_once_the_cause_is_gone(
    new: Workspace, signed_in: SignIn
) -> None:
    make_it_fail(new)
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{new.schema}"')
    OrmQ.objects.all().delete()
    client = signed_in(new.owner)
    answer = client.post("/workspaces/tea/retry/")
    assert (answer.status_code, answer["Location"]) == (302, "/workspaces/tea/preparing/")
    new.tenant.refresh_from_db()
    assert (new.tenant.state, new.tenant.state_detail) == (Tenant.State.CREATING, "")
    assert [row.task["args"] for row in OrmQ.objects.all()] == [(new.tenant.pk,)]
    assert AuditEntry.objects.filter(action="workspace.retry", actor="ann@tea.test").count() == 1
    assert prepare_workspace(actor=None, tenant_id=new.tenant.pk) is True
    assert client.get("/workspaces/tea/state/")["HX-Redirect"] == "http://tea.localhost:8000/"


@pytest.mark.parametrize("state", [Tenant.State.CREATING, Tenant.State.ACTIVE, Tenant.State.SUSPENDED])
def test_another_try_does_nothing_unless_the_making_failed(
    new: Workspace, signed_in: SignIn, state: Tenant.State
) -> None:
    Tenant.objects.filter(pk=new.tenant.pk).update(state=state)
    OrmQ.objects.all().delete()
    assert signed_in(new.owner).post("/workspaces/tea/retry/").status_code == 302
    assert (Tenant.objects.get(pk=new.tenant.pk).state, OrmQ.objects.count()) == (state, 0)
    assert retry_workspace(actor=new.owner, tenant=new.tenant) is False


def test_the_making_is_safe_to_run_twice(new: Workspace) -> None:
    assert prepare_workspace(actor=None, tenant_id=new.tenant.pk) is True
    before = describe(new.schema)
    assert prepare_workspace(actor=None, tenant_id=new.tenant.pk) is False
    assert describe(new.schema) == before
    assert AuditEntry.objects.filter(tenant_id=new.tenant.pk, action="workspace.ready").count() == 1


def test_the_making_of_a_workspace_that_is_gone_does_nothing(db: None) -> None:
    assert prepare_workspace(actor=None, tenant_id=987654321) is False


@pytest.mark.parametrize("state", [Tenant.State.CREATING, Tenant.State.FAILED])
def test_the_host_of_a_workspace_that_is_not_ready_is_unknown(new: Workspace, state: Tenant.State) -> None:
    Tenant.objects.filter(pk=new.tenant.pk).update(state=state)
    answer = Client(headers={"host": "tea.localhost:8000"}).get("/")
    assert (answer.status_code, answer.content) == (404, b"Unknown host.\n")
    assert not schema_exists(new.schema)


def test_a_suspended_workspace_is_no_waiting_matter(acme: Workspace, signed_in: SignIn) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(state=Tenant.State.SUSPENDED)
    client = signed_in(acme.owner)
    assert client.get("/workspaces/")["Location"] == "http://acme.localhost:8000/"
    assert client.get("/workspaces/acme/preparing/")["Location"] == "http://acme.localhost:8000/"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("page", ["preparing", "state", "retry"])
def test_another_s_workspace_cannot_be_watched_or_retried(
    new: Workspace, acme: Workspace, signed_in: SignIn, page: str, method: str
) -> None:
    make_it_fail(new)
    stranger = signed_in(add_member(acme, Role.ADMIN))
    expected = 404 if (page == "retry") == (method == "post") else 405
    assert getattr(stranger, method)(f"/workspaces/tea/{page}/").status_code == expected
    new.tenant.refresh_from_db()
    assert new.tenant.state == Tenant.State.FAILED


def test_a_workspace_that_does_not_exist_looks_like_another_s(acme: Workspace, signed_in: SignIn) -> None:
    client = signed_in(acme.owner)
    answers = [client.get(f"/workspaces/{slug}/preparing/") for slug in ("nowhere", "globex")]
    assert [answer.status_code for answer in answers] == [404, 404]
    pages = [answer.content.decode().replace(answer["X-Request-ID"], "") for answer in answers]
    assert pages[0].replace("nowhere", "globex") == pages[1]
