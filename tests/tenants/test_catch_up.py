"""Bringing one schema up to date: in one transaction, waiting for nobody long, and never twice."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection

from tenants.schema import all_migrations, catch_up, replay, schemas_behind
from tests.conftest import Workspace, make_site
from tests.tenants.catalog import describe

Later = Callable[[str], None]
ADD_TABLE = 'migrations.CreateModel("Later", [("id", models.BigAutoField(primary_key=True))])'


@pytest.fixture
def second_connection(alone: Workspace) -> Iterator[psycopg.Connection[Any]]:
    """Another session of the same database, as of another process."""
    known = connection.get_connection_params()
    names = ("dbname", "host", "port", "user", "password")
    with closing(psycopg.connect(**{name: known[name] for name in names if known.get(name)})) as other:
        yield other


def forget_last_migration(schema: str) -> None:
    """Put a schema back to before `campaigns`: its objects and the row that says they were made."""
    with connection.cursor() as cursor:
        tables = [line.split()[1] for line in describe(schema) if line.startswith("table campaigns_")]
        cursor.execute("DROP TABLE " + ", ".join(f"{schema}.{table}" for table in tables) + " CASCADE")
        cursor.execute(f"DELETE FROM {schema}.django_migrations WHERE app = 'campaigns'")


def test_a_schema_of_an_older_version_becomes_like_a_new_one(acme: Workspace) -> None:
    replay("t_new")
    forget_last_migration(acme.schema)
    assert schemas_behind([acme.schema]) == [acme.schema]
    missing = [key for key in all_migrations() if key[0] == "campaigns"]
    assert catch_up(acme.schema) == len(missing)
    assert describe(acme.schema) == describe("t_new")
    assert schemas_behind([acme.schema]) == []


def test_what_was_done_under_other_names_is_not_done_again(acme: Workspace) -> None:
    """Migrations that were joined into one: of a schema that has them one by one, nothing changes but the book."""
    replay("t_new")
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {acme.schema}.django_migrations WHERE name IN ('0006_composer', '0006_restraint')"
        )
    assert schemas_behind([acme.schema]) == [acme.schema]
    assert catch_up(acme.schema) == 2
    assert describe(acme.schema) == describe("t_new")
    assert schemas_behind([acme.schema]) == []


def test_a_schema_that_is_up_to_date_is_left_alone(acme: Workspace) -> None:
    before = describe(acme.schema)
    assert catch_up(acme.schema) == 0
    assert describe(acme.schema) == before


def test_rows_stay_where_they_are(acme: Workspace, later: Later) -> None:
    make_site(acme, name="Canary")
    # Deferred checks of the row that was just made would hold up the change of its table.
    connection.check_constraints()
    later('migrations.AddField("site", "quota", models.IntegerField(default=7))')
    assert catch_up(acme.schema) == 1
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, quota FROM {acme.schema}.subscribers_site")
        assert cursor.fetchall() == [("Canary", 7)]


def test_a_migration_that_fails_leaves_the_schema_as_it_was(acme: Workspace, later: Later) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {acme.schema}.subscribers_later (id int)")
    before = describe(acme.schema)
    later(f'migrations.AddField("site", "quota", models.IntegerField(default=7)), {ADD_TABLE}')
    with pytest.raises(DatabaseError, match='relation "subscribers_later" already exists'):
        catch_up(acme.schema)
    assert describe(acme.schema) == before
    assert schemas_behind([acme.schema]) == [acme.schema]


def test_it_gives_up_when_another_holds_a_table_it_must_change(
    alone: Workspace, later: Later, second_connection: psycopg.Connection[Any]
) -> None:
    """A long report must not make every visitor of the tenant wait behind the migration."""
    later('migrations.AddField("site", "quota", models.IntegerField(default=7))')
    second_connection.execute(f"LOCK TABLE {alone.schema}.subscribers_site IN ACCESS SHARE MODE")
    before = describe(alone.schema)
    with pytest.raises(OperationalError, match="lock timeout"):
        catch_up(alone.schema, lock_timeout_ms=100)
    assert describe(alone.schema) == before
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_of_two_runs_at_once_the_second_waits_and_finds_nothing_to_do(
    alone: Workspace, later: Later, second_connection: psycopg.Connection[Any]
) -> None:
    later(ADD_TABLE)
    # The first run has done its work and has not committed yet.
    second_connection.execute(f"LOCK TABLE {alone.schema}.django_migrations IN SHARE ROW EXCLUSIVE MODE")
    second_connection.execute(f"CREATE TABLE {alone.schema}.subscribers_later (id bigint)")
    second_connection.execute(
        f"INSERT INTO {alone.schema}.django_migrations (app, name, applied)"
        " VALUES ('subscribers', '9999_later', now())"
    )

    def run() -> int:
        try:
            return catch_up(alone.schema)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(run)
        wait_for_a_waiter()
        assert not second.done()
        second_connection.commit()
        assert second.result(timeout=10) == 0


def wait_for_a_waiter() -> None:
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("Nobody waited for the lock.")
