"""`migrate_tenants --jobs`: several at a time, and one whose connection is lost on the way (TI-13, FT-25)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from tenants.actions.migrate import migrate_tenants
from tenants.models import Tenant
from tenants.own_connection import connection_parameters
from tests.conftest import Workspace
from tests.tenants.catalog import describe

# A table, and then the end of the connection in one workspace: as when the database is restarted or the process killed.
BROKEN_OFF = """
    migrations.CreateModel("Later", [("id", models.BigAutoField(primary_key=True))]),
    migrations.RunSQL(
        "DO $$BEGIN IF starts_with(current_schema(), 't_alone') AND to_regclass('public.mended') IS NULL THEN"
        " PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END$$",
        migrations.RunSQL.noop),
"""


@pytest.fixture
def committed(alone: Workspace, django_db_blocker: Any) -> Iterator[list[Tenant]]:
    """Every workspace of the run's database, put back to today's migrations afterwards."""
    with django_db_blocker.unblock():
        tenants = list(Tenant.objects.order_by("pk"))
        yield tenants
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS public.mended")
            for tenant in tenants:
                schema = tenant.schema_name
                cursor.execute(f"DROP TABLE IF EXISTS {schema}.subscribers_later")
                cursor.execute(f"DELETE FROM {schema}.django_migrations WHERE name = '9999_later'")
            cursor.execute("ALTER TABLE tenants_auditentry DISABLE TRIGGER USER")
            cursor.execute("DELETE FROM tenants_auditentry WHERE action = 'tenants.migrate'")
            cursor.execute("ALTER TABLE tenants_auditentry ENABLE TRIGGER USER")


def migrated(tenants: list[Tenant]) -> list[str]:
    return [one.slug for one in tenants if "table subscribers_later" in describe(one.schema_name)]


@contextmanager
def no_new_connections() -> Iterator[None]:
    """As when the server has no room for one more."""
    given = {**connection_parameters(), "dbname": "postgres"}
    change = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format
    name = sql.Identifier(connection.settings_dict["NAME"])
    with psycopg.connect(**given, autocommit=True) as beside:
        beside.execute(change(name, sql.SQL("false")))
        try:
            yield
        finally:
            beside.execute(change(name, sql.SQL("true")))


def test_those_whose_connection_is_refused_are_noted_and_the_next_run_does_them(
    committed: list[Tenant], later: Callable[[str], None]
) -> None:
    later('migrations.CreateModel("Later", [("id", models.BigAutoField(primary_key=True))])')
    first, *others = committed
    with no_new_connections():
        report = migrate_tenants(actor=None, jobs=2)
    assert (report.migrated, list(report.failed)) == (1, [tenant.slug for tenant in others])
    for tenant in others:
        assert "not currently accepting" in Tenant.objects.get(pk=tenant.pk).migration_error
    assert migrated(committed) == [first.slug]
    again = migrate_tenants(actor=None, jobs=2)
    assert (again.migrated, again.failed) == (len(others), {})


@pytest.mark.parametrize("jobs", [1, 3])
def test_one_whose_connection_is_lost_is_as_it_was_and_the_others_are_done(
    committed: list[Tenant], later: Callable[[str], None], jobs: int
) -> None:
    later(BROKEN_OFF)
    others = [tenant.slug for tenant in committed if tenant.slug != "alone"]
    report = migrate_tenants(actor=None, jobs=jobs)
    assert (report.total, report.migrated, list(report.failed)) == (len(committed), len(others), ["alone"])
    assert migrated(committed) == others
    assert "terminating connection" in Tenant.objects.get(slug="alone").migration_error
    with pytest.raises(CommandError, match="it goes on where it stopped"):
        call_command("migrate_tenants", "--jobs", str(jobs))
    # Once the cause is gone, the next run does what is left.
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.mended ()")
    again = migrate_tenants(actor=None, jobs=jobs)
    assert (again.migrated, again.failed) == (1, {})
    assert migrated(committed) == [tenant.slug for tenant in committed]
    assert Tenant.objects.get(slug="alone").migration_error == ""
