"""`in_tenant`, the one doorway: refuses what is no tenant, puts back what was, and nothing is tenant data outside."""

import pytest
from django.core.cache import cache
from django.db import ProgrammingError, connection, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory

from campaigns.models import Campaign
from subscribers.models import Site
from tenants.doorway import NotInTenant, current_schema, in_tenant
from tenants.middleware import HostMiddleware
from tests.conftest import Workspace, make_site


def search_path() -> str:
    """Ask PostgreSQL, not django-tenants, where we are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_to_string(current_schemas(false), ',')")
        return str(cursor.fetchone()[0])


@pytest.mark.parametrize("name", ["", "public"])
def test_public_and_nothing_are_no_tenants(db: None, name: str) -> None:
    with pytest.raises(NotInTenant, match="needs a tenant's schema name"), in_tenant(name):
        pytest.fail("entered")
    assert search_path() == "public"


@pytest.mark.parametrize("name", ['x"; DROP TABLE tenants_tenant; --', "x" * 64, "pg_catalog"])
def test_a_name_that_is_no_schema_s_reaches_no_table(db: None, name: str) -> None:
    with pytest.raises(Exception, match="Invalid string used for the schema name"), in_tenant(name):
        Site.objects.count()
    assert search_path() == "public"


def test_inside_it_is_the_tenant_s_schema_first(acme: Workspace) -> None:
    with in_tenant(acme.schema):
        assert (search_path(), current_schema()) == (f"{acme.schema},public", acme.schema)
    assert search_path() == "public"


def test_an_exception_puts_the_public_schema_back(acme: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), in_tenant(acme.schema):
        assert search_path() == f"{acme.schema},public"
        raise ZeroDivisionError
    assert search_path() == "public"


def test_nested_it_goes_back_to_the_outer_tenant(acme: Workspace, globex: Workspace) -> None:
    make_site(globex, name="Globex shop")
    with in_tenant(acme.schema):
        with in_tenant(globex.schema):
            assert [site.name for site in Site.objects.all()] == ["Globex shop"]
        assert (search_path(), Site.objects.count()) == (f"{acme.schema},public", 0)
        with pytest.raises(ZeroDivisionError), in_tenant(globex.schema):
            raise ZeroDivisionError
        assert current_schema() == acme.schema
    assert search_path() == "public"


def test_a_rollback_does_not_leave_a_schema_behind_or_lose_one(acme: Workspace) -> None:
    """ROLLBACK TO SAVEPOINT takes back a SET that came after it; the next query must say it again."""
    with pytest.raises(ProgrammingError), transaction.atomic(), in_tenant(acme.schema):
        Site.objects.extra(where=["no_such_column"]).count()
    assert search_path() == "public"
    with in_tenant(acme.schema):
        with pytest.raises(ProgrammingError), transaction.atomic():
            Site.objects.extra(where=["no_such_column"]).count()
        assert search_path() == f"{acme.schema},public"
    assert search_path() == "public"


def test_tenant_data_outside_of_a_tenant_is_an_error_not_an_answer(db: None) -> None:
    """TI-11: no tenant table exists in the public schema, so a forgotten doorway cannot read or write."""
    with pytest.raises(NotInTenant, match="outside of in_tenant"):
        current_schema()
    savepoint = connection.savepoint()
    for model in (Site, Campaign):
        with pytest.raises(ProgrammingError, match="does not exist"):
            model.objects.count()
        connection.savepoint_rollback(savepoint)


def test_a_request_leaves_the_connection_in_public(acme: Workspace, console: object) -> None:
    client: Client = console(acme)  # type: ignore[operator]
    for path in ("/", "/nowhere/", "/enter/"):
        client.get(path)
        assert search_path() == "public"
    assert Client(headers={"host": "nobody.localhost"}).get("/").status_code == 404
    assert search_path() == "public"


def test_a_request_that_breaks_leaves_the_connection_in_public(acme: Workspace, console: object) -> None:
    client: Client = console(acme)  # type: ignore[operator]
    savepoint = connection.savepoint()
    with in_tenant(acme.schema), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE subscribers_site RENAME TO broken")
    with pytest.raises(ProgrammingError):
        client.get("/")
    connection.savepoint_rollback(savepoint)
    assert search_path() == "public"


def test_a_request_does_not_trust_what_the_thread_did_before(acme: Workspace) -> None:
    left_open = in_tenant(acme.schema)
    left_open.__enter__()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE tenants_tenant (LIKE public.tenants_tenant)"
        )  # hides the public one in acme
    assert Client(headers={"host": "globex.localhost:8000"}).get("/").status_code == 302
    assert search_path() == "public"
    left_open.__exit__(None, None, None)


def test_a_request_that_leaves_a_tenant_open_does_not_leave_it_to_the_next(acme: Workspace) -> None:
    left_open = in_tenant(acme.schema)

    def forgetful(request: object) -> HttpResponse:
        left_open.__enter__()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        HostMiddleware(forgetful)(RequestFactory().get("/", headers={"host": "localhost:8000"}))
    assert search_path() == "public"
    left_open.__exit__(None, None, None)


def test_cache_entries_are_the_tenant_s_own(acme: Workspace, globex: Workspace) -> None:
    """TI-08."""
    with in_tenant(acme.schema):
        cache.set("k", "acme's")
    with in_tenant(globex.schema):
        assert cache.get("k") is None
        cache.set("k", "globex's")
        cache.delete("k")
    assert cache.get("k") is None
    with in_tenant(acme.schema):
        assert cache.get("k") == "acme's"
