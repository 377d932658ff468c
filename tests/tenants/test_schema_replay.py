"""A replayed schema is the one that Django's own migrations make, today and after migrations that change fields."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

from tenants.schema import TEMPLATE_SCHEMA, NotPlainSql, all_migrations, catch_up, replay, steps
from tests.conftest import Workspace
from tests.tenants.catalog import describe, schema_exists

Later = Callable[[str], None]
MOST_TABLES = 24

# Every kind of change for which Django looks a name up in the database.
CHANGES = """
    migrations.AlterField("site", "site_key", models.CharField(max_length=40)),
    migrations.AlterField("subscriber", "site", models.ForeignKey(
        "subscribers.Site", on_delete=models.PROTECT, null=True, db_index=False)),
    migrations.AlterField("subscriber", "vapid_key", models.ForeignKey(
        "subscribers.VapidKey", on_delete=models.CASCADE, db_constraint=False)),
    migrations.RemoveConstraint("site", "site_origin_once"),
    migrations.AddField("site", "quota", models.IntegerField(default=3)),
    migrations.AddField("site", "plan", models.CharField(max_length=3, db_default="x", unique=True)),
    migrations.RenameField("site", "contact", "who"),
    migrations.RemoveField("subscriber", "device"),
    migrations.CreateModel("Note", [
        ("id", models.BigAutoField(primary_key=True)),
        ("site", models.ForeignKey("subscribers.Site", on_delete=models.CASCADE)),
    ]),
    migrations.AddField("note", "key", models.ForeignKey(
        "subscribers.VapidKey", null=True, on_delete=models.CASCADE)),
    migrations.RemoveField("note", "site"),
    migrations.RenameModel("Note", "Remark"),
    migrations.AlterModelTable("Remark", "subscribers_remarks"),
    migrations.RunSQL("-- why\\nUPDATE subscribers_site SET plan = 'y'; ALTER TABLE subscribers_site ADD hand int",
                      "ALTER TABLE subscribers_site DROP hand"),
"""


def migrate_with_django(schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
    call_command("migrate_schemas", schema_name=schema, verbosity=0, interactive=False)


def recorded(schema: str) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT app, name FROM {schema}.django_migrations")
        return set(cursor.fetchall())


def test_a_replayed_schema_equals_a_migrated_one(db: None) -> None:
    """Design section 3: tables, columns, defaults, constraints, indexes and sequences."""
    replay("t_replayed")
    migrate_with_django("t_migrated")
    assert describe("t_replayed") == describe("t_migrated")
    assert recorded("t_replayed") >= set(all_migrations())
    assert recorded("t_replayed") <= recorded("t_migrated")


def test_it_stays_so_when_a_migration_changes_fields(db: None, later: Later) -> None:
    """Django finds constraints to drop by looking: collected without tables, their drops would be missing."""
    replay("t_older")
    later(CHANGES)
    replay("t_replayed")
    assert catch_up("t_older") == 1
    migrate_with_django("t_migrated")
    expected = describe("t_migrated")
    assert describe("t_replayed") == expected
    assert describe("t_older") == expected
    assert "column subscribers_site.hand integer identity=" in expected


def test_a_workspace_made_by_the_verb_is_such_a_schema(acme: Workspace) -> None:
    replay("t_replayed")
    assert describe(acme.schema) == describe("t_replayed")


def test_a_tenant_has_at_most_24_tables_and_nothing_exotic(acme: Workspace) -> None:
    """Design section 3: the catalog is the ceiling. No view, partition or trigger; keys are bigint."""
    objects = describe(acme.schema)
    kinds = {line.split(" ", 1)[0] for line in objects}
    tables = [line for line in objects if line.startswith("table ")]
    assert kinds == {"table", "column", "constraint", "index", "sequence"}
    assert len(tables) <= MOST_TABLES
    keys = [line for line in objects if line.startswith("column ") and ".id " in line]
    # A subscriber's engagement and caps go by the subscriber's number.
    assert len(keys) == len(tables) - 2
    assert "column campaigns_engagement.subscriber_id bigint not null identity=" in objects
    assert {line.split(".id ", 1)[1] for line in keys} == {"bigint not null identity=d"}


def test_no_foreign_key_leads_out_of_its_schema(acme: Workspace, globex: Workspace) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint k JOIN pg_class a ON a.oid = k.conrelid"
            " JOIN pg_class b ON b.oid = k.confrelid WHERE a.relnamespace <> b.relnamespace"
        )
        assert cursor.fetchall() == []
        cursor.execute(
            "SELECT count(*) FROM pg_constraint k WHERE contype = 'f' AND connamespace = %s::regnamespace",
            [acme.schema],
        )
        assert cursor.fetchone()[0] > 0


def test_no_tenant_table_is_in_the_public_schema_and_no_public_one_in_a_tenant(acme: Workspace) -> None:
    def tables(schema: str) -> set[str]:
        return {line for line in describe(schema) if line.startswith("table ")}

    assert tables("public") & tables(acme.schema) == {"table django_migrations"}


def test_a_failed_replay_leaves_nothing(db: None, later: Later) -> None:
    later(
        'migrations.RunSQL("CREATE TABLE half (id int)", ""), migrations.RunSQL("SELECT 1/(random() * 0)::int", "")'
    )
    with pytest.raises(DatabaseError, match="division by zero"):
        replay("t_broken")
    assert not schema_exists("t_broken")
    assert not schema_exists(TEMPLATE_SCHEMA)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        assert cursor.fetchone() == ("public",)


def test_a_schema_that_is_there_already_is_left_as_it_is(acme: Workspace) -> None:
    before = describe(acme.schema)
    with pytest.raises(DatabaseError, match="already exists"):
        replay(acme.schema)
    assert describe(acme.schema) == before


def test_a_replay_sets_nothing_for_the_session(db: None) -> None:
    """SET LOCAL only: the connection is used by the next request."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        before = cursor.fetchone()
        replay("t_replayed")
        cursor.execute("SHOW search_path")
        assert cursor.fetchone() == before == ("public",)


def test_collecting_leaves_no_template_behind_and_is_done_once(
    db: None, django_assert_num_queries: Any
) -> None:
    steps.cache_clear()
    steps(frozenset())
    assert not schema_exists(TEMPLATE_SCHEMA)
    with django_assert_num_queries(0):
        steps(frozenset())


@pytest.mark.parametrize(
    "operation",
    [
        "migrations.RunPython(lambda apps, editor: None)",
        "migrations.SeparateDatabaseAndState([migrations.RunPython(lambda apps, editor: None)])",
    ],
)
def test_python_in_a_tenant_migration_is_refused_by_name(db: None, later: Later, operation: str) -> None:
    later(operation)
    with pytest.raises(NotPlainSql, match=r"subscribers.9999_later: .* is not plain SQL"):
        replay("t_broken")
    assert not schema_exists("t_broken")


def test_two_workers_may_make_schemas_at_the_same_moment(alone: Workspace) -> None:
    """Both collect, in one template schema that neither ever commits."""

    def work(name: str) -> list[str]:
        try:
            steps.cache_clear()
            replay(name)
            return describe(name)
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, ["t_first", "t_second"])
    assert first == second == describe(alone.schema)
    assert not schema_exists(TEMPLATE_SCHEMA)
