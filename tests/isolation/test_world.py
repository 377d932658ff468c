"""The tests of isolation are worth what their rows are worth: every table is filled, every text column marked."""

from django.db import connection

from tenants.doorway import in_tenant
from tests.isolation.conftest import Two
from tests.isolation.world import BOTH, ONLY_SECOND, Marks, models_of_tenants, text_columns


def dump(schema: str) -> str:
    """Write every row of every table of the schema as text."""
    parts = []
    with in_tenant(schema), connection.cursor() as cursor:
        for model in models_of_tenants():
            cursor.execute(f"SELECT t::text FROM {model._meta.db_table} t")
            parts += [row for (row,) in cursor.fetchall()]
    return "\n".join(parts)


def test_every_tenant_table_has_the_same_keys_in_both_and_more_in_the_second(two: Two) -> None:
    """TI-01."""
    for place, pks in ((two.first, BOTH), (two.second, BOTH + ONLY_SECOND)):
        with in_tenant(place.schema), connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute("SELECT to_regclass(%s)", [f"{place.schema}.{table}"])
                if cursor.fetchone()[0] and table != "django_migrations":
                    key = connection.introspection.get_primary_key_column(cursor, table)
                    cursor.execute(f"SELECT array_agg({key} ORDER BY {key}) FROM {table}")
                    assert cursor.fetchone()[0] == list(pks), table


def test_every_text_column_of_the_second_has_a_mark_that_the_first_has_not(two: Two) -> None:
    first, second = dump(two.first.schema), dump(two.second.schema)
    tenant_columns = [name for name in text_columns() if not name.startswith("tenants.")]
    assert len(tenant_columns) > 30
    for column in tenant_columns:
        assert Marks("b").of(column) in second, column
        assert Marks("b").of(column) not in first, column
