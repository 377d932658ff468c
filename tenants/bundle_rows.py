"""Rows of a workspace as COPY writes and reads them: its schema's, and its lines in the tables that all share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from psycopg import sql

from tenants.backup import BackupFailed
from tenants.own_connection import ask_here
from tenants.schema import MigrationKey, catch_up, replay, schemas_behind

# Of the shared tables, what is the workspace's and cannot be made anew; in this order.
SHARED = ("SiteIndex", "SendIndex", "DueWork", "Pace", "AuditEntry")
_PIECE = 1 << 18

Columns = Mapping[str, Sequence[str]]


def table_of(name: str) -> str:
    return str(apps.get_model("tenants", name)._meta.db_table)


def tenant_models() -> Iterator[type[models.Model]]:
    for label in settings.TENANT_APPS:
        yield from apps.get_app_config(label).get_models()


_COLUMNS = """
SELECT relname, array_agg(attname::text ORDER BY attnum)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace JOIN pg_attribute ON attrelid = pg_class.oid
WHERE nspname = %s AND relkind = 'r' AND relname <> 'django_migrations'
    AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
GROUP BY relname ORDER BY relname
"""


def columns_of(schema: str) -> dict[str, list[str]]:
    """The tables of a schema with their columns, but the table of migrations."""
    return {table: list(columns) for table, columns in ask_here(_COLUMNS, [schema])}


def counters_of(schema: str) -> dict[str, int]:
    """How far each sequence of a schema has come: numbers of rows that were removed are not given out again."""
    found = ask_here("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = %s", [schema])
    return {name: last for name, last in found if last is not None}


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def write_rows(
    file: IO[bytes], schema: str, table: str, columns: Sequence[str], tenant_id: int | None
) -> None:
    """Write a table of a schema; of a shared one, what is the tenant's."""
    query: sql.Composed = sql.SQL("SELECT {} FROM {}").format(_names(columns), sql.Identifier(schema, table))
    if tenant_id is not None:
        query += sql.SQL(" WHERE tenant_id = {} ORDER BY id").format(sql.Literal(tenant_id))
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY ({}) TO STDOUT").format(query)) as copied:
        for rows in copied:
            file.write(rows)


def read_rows(file: IO[bytes], target: sql.Composable, columns: Sequence[str]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(target, _names(columns))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        while piece := file.read(_PIECE):
            copy.write(piece)


def read_shared(
    file: IO[bytes], table: str, columns: Sequence[str], changed: Mapping[str, sql.Composable]
) -> None:
    """Add a tenant's lines to a shared table; `changed` says what becomes of columns."""
    target = sql.Identifier("public", table)
    values = sql.SQL(", ").join(changed.get(name, sql.Identifier(name)) for name in columns)
    with connection.cursor() as cursor:
        make = sql.SQL("CREATE TEMP TABLE bundle_given ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
        cursor.execute(make.format(_names(columns), target))
        read_rows(file, sql.Identifier("bundle_given"), columns)
        add = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM bundle_given")
        cursor.execute(add.format(target, _names(columns), values))
        cursor.execute("DROP TABLE bundle_given")


_KEYS_AND_INDEXES = """
SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(conname),
    'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(conname)
        || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE contype = 'f' AND connamespace = %(schema)s::regnamespace
UNION ALL
SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = %(schema)s::regnamespace
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


class NewSchema:
    """A schema that is being filled. Foreign keys and indexes come when all rows are there: the database would keep
    something in memory for each row that has a key to be checked."""

    def __init__(self, name: str, made_at: Sequence[MigrationKey]) -> None:
        self.name = name
        replay(name, made_at)
        self._columns = columns_of(name)
        with connection.cursor() as cursor:
            cursor.execute(_KEYS_AND_INDEXES, {"schema": name})
            self._later = cursor.fetchall()
            for drop, _ in self._later:
                cursor.execute(drop)

    def check(self, given: Columns) -> None:
        """Refuse what would not fit: rows without a table, a table without rows, other columns."""
        if {table: sorted(names) for table, names in given.items()} != {
            table: sorted(names) for table, names in self._columns.items()
        }:
            raise BackupFailed("The tables of the bundle are not those that its migrations make.")

    def fill(self, table: str, columns: Sequence[str], file: IO[bytes]) -> None:
        read_rows(file, sql.Identifier(self.name, table), columns)

    def finish(self, counters: Mapping[str, int]) -> None:
        """Put keys, indexes and counters in their places, and migrate to today's tables."""
        with connection.cursor() as cursor:
            for _, add in self._later:
                cursor.execute(add)
            self._go_on(counters)
            for table in self._columns:
                cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(self.name, table)))
        if schemas_behind([self.name]):
            catch_up(self.name)
            # Of tables that came now.
            self._go_on(counters)

    def _go_on(self, counters: Mapping[str, int]) -> None:
        reached = counters_of(self.name)
        for (name,) in ask_here("SELECT sequencename FROM pg_sequences WHERE schemaname = %s", [self.name]):
            if counters.get(name, 0) > reached.get(name, 0):
                place = f"{connection.ops.quote_name(self.name)}.{connection.ops.quote_name(name)}"
                ask_here("SELECT setval(%s, %s)", [place, counters[name]])


def rename_schema(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        statement = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
        cursor.execute(statement.format(sql.Identifier(old), sql.Identifier(new)))


def schema_exists(name: str) -> bool:
    return bool(ask_here("SELECT FROM pg_namespace WHERE nspname = %s", [name]))
