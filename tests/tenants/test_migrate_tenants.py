"""`migrate_tenants`: asks once who is behind, migrates only those, and goes on after a failure (TI-13)."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from tenants.actions.migrate import migrate_tenants
from tenants.models import AuditEntry, Tenant
from tenants.schema import schemas_behind
from tests.conftest import Workspace, make_workspace
from tests.tenants.catalog import describe

Later = Callable[[str], None]
ADD_TABLE = 'migrations.CreateModel("Later", [("id", models.BigAutoField(primary_key=True))])'


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def has_later(place: Workspace) -> bool:
    return "table subscribers_later" in describe(place.schema)


@pytest.fixture
def five(acme: Workspace, globex: Workspace) -> list[Workspace]:
    return [acme, globex, *(make_workspace(slug) for slug in ("third", "fourth", "fifth"))]


def test_when_nobody_is_behind_it_asks_little_and_changes_nothing(
    five: list[Workspace], django_assert_num_queries: Any
) -> None:
    before = AuditEntry.objects.count()
    with django_assert_num_queries(4):  # tenants, who has the table, who is behind, old errors
        report = migrate_tenants(actor=None)
    assert (report.total, report.migrated, report.failed) == (5, 0, {})
    assert AuditEntry.objects.count() == before


def test_a_hundred_schemas_are_asked_in_one_query(acme: Workspace, django_assert_num_queries: Any) -> None:
    """Design section 3: 508 schemas in 0.14 s, where the stock no-op run takes 213 s."""
    names = [f"t_many_{number}" for number in range(150)]
    execute(
        ";".join(
            f"CREATE SCHEMA {name}; CREATE TABLE {name}.django_migrations AS"
            f" TABLE {acme.schema}.django_migrations"
            for name in names
        )
    )
    execute("DELETE FROM t_many_7.django_migrations WHERE app = 'campaigns'")
    execute("DELETE FROM t_many_130.django_migrations")
    with django_assert_num_queries(3):  # who has the table, the first hundred, the other fifty
        assert schemas_behind(names) == ["t_many_7", "t_many_130"]


def test_only_those_that_are_behind_are_migrated(five: list[Workspace], later: Later) -> None:
    later(ADD_TABLE)
    assert (migrate_tenants(actor=None).migrated, migrate_tenants(actor=None).migrated) == (5, 0)
    sixth = make_workspace("sixth")
    execute(f"DROP TABLE {sixth.schema}.subscribers_later")
    execute(f"DELETE FROM {sixth.schema}.django_migrations WHERE name = '9999_later'")
    report = migrate_tenants(actor=None)
    assert (report.total, report.migrated, report.failed) == (6, 1, {})
    assert all(has_later(place) for place in [*five, sixth])


def test_it_goes_on_after_one_tenant_fails_and_says_which(
    five: list[Workspace], later: Later, console: Callable[[Workspace], Client]
) -> None:
    """TI-13: the others are migrated, the failed one is as it was and still serves, and a second run completes."""
    third = five[2]
    execute(f"CREATE TABLE {third.schema}.subscribers_later (id int)")
    before = describe(third.schema)
    later(ADD_TABLE)
    report = migrate_tenants(actor=third.owner)
    reason = 'relation "subscribers_later" already exists'
    assert (report.total, report.migrated, report.failed) == (5, 4, {"third": reason})
    assert describe(third.schema) == before
    third.tenant.refresh_from_db()
    assert (third.tenant.migration_error, third.tenant.state) == (reason, Tenant.State.ACTIVE)
    assert Tenant.objects.exclude(migration_error="").count() == 1
    assert console(third).get("/sites/").status_code == 200
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor, entry.detail) == (
        "tenants.migrate",
        "owner@third.test",
        {"migrated": 4, "failed": ["third"]},
    )
    # Once the cause is gone, only the one that failed is done.
    execute(f"DROP TABLE {third.schema}.subscribers_later")
    again = migrate_tenants(actor=None)
    assert (again.total, again.migrated, again.failed) == (5, 1, {})
    third.tenant.refresh_from_db()
    assert (third.tenant.migration_error, has_later(third)) == ("", True)


def test_a_schema_that_is_not_there_does_not_keep_the_others_from_it(
    five: list[Workspace], later: Later
) -> None:
    execute(f"DROP SCHEMA {five[1].schema} CASCADE")
    later(ADD_TABLE)
    report = migrate_tenants(actor=None)
    assert (report.migrated, list(report.failed)) == (4, ["globex"])
    assert 'relation "django_migrations" does not exist' in report.failed["globex"]


def test_an_error_that_was_mended_by_other_means_is_forgotten(acme: Workspace) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(migration_error="lock timeout")
    migrate_tenants(actor=None)
    assert Tenant.objects.get(pk=acme.tenant.pk).migration_error == ""


@pytest.mark.parametrize("state", [Tenant.State.CREATING, Tenant.State.FAILED])
def test_workspaces_without_a_schema_are_passed_over(
    acme: Workspace, globex: Workspace, state: Tenant.State
) -> None:
    execute(f"DROP SCHEMA {globex.schema} CASCADE")
    Tenant.objects.filter(pk=globex.tenant.pk).update(state=state)
    report = migrate_tenants(actor=None)
    assert (report.total, report.failed) == (1, {})


def test_suspended_workspaces_are_migrated_too(acme: Workspace, globex: Workspace, later: Later) -> None:
    Tenant.objects.filter(pk=globex.tenant.pk).update(state=Tenant.State.SUSPENDED)
    later(ADD_TABLE)
    assert migrate_tenants(actor=None).migrated == 2
    assert has_later(globex)


def test_the_command_tells_the_figures(acme: Workspace, globex: Workspace) -> None:
    said = StringIO()
    call_command("migrate_tenants", stdout=said)
    assert said.getvalue() == "2 workspaces: 0 migrated, 0 failed, 2 were up to date.\n"


def test_the_command_fails_if_a_tenant_failed(acme: Workspace, globex: Workspace, later: Later) -> None:
    execute(f"CREATE TABLE {acme.schema}.subscribers_later (id int)")
    later(ADD_TABLE)
    said, complained = StringIO(), StringIO()
    with pytest.raises(CommandError, match="run migrate_tenants again"):
        call_command("migrate_tenants", stdout=said, stderr=complained)
    assert said.getvalue() == "2 workspaces: 1 migrated, 1 failed, 0 were up to date.\n"
    assert complained.getvalue() == 'acme: relation "subscribers_later" already exists\n'
