"""Rules for migrations: nothing is missing, each can be taken back, later ones only add, tenants' are plain SQL."""

from collections.abc import Iterator

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.utils import timezone

from tenants.models import SeenSession, SupportView
from tenants.schema import replay
from tests.conftest import Workspace
from tests.tenants.catalog import describe

OURS = ["tenants", *settings.TENANT_APPS]
# Web processes of the version before still run while these apply, so nothing that they use may go or change its name.
TAKES_AWAY = (operations.DeleteModel, operations.RemoveField, operations.RenameField, operations.RenameModel)
# (app, migration) of one that takes away what no released version uses any more, with the reason beside it.
MAY_TAKE_AWAY: set[tuple[str, str]] = set()


def ours() -> Iterator[Migration]:
    for (app, _), migration in MigrationLoader(None).disk_migrations.items():
        if app in OURS:
            yield migration


def flat(migration: Migration) -> Iterator[Operation]:
    waiting = list(migration.operations)
    while waiting:
        operation = waiting.pop()
        yield operation
        waiting += getattr(operation, "database_operations", [])


def test_every_app_of_ours_has_migrations() -> None:
    assert {migration.app_label for migration in ours()} == set(OURS)


def test_no_change_of_a_model_lacks_its_migration(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_every_operation_can_be_taken_back() -> None:
    stuck = [
        f"{migration}: {o.describe()}" for migration in ours() for o in flat(migration) if not o.reversible
    ]
    assert stuck == []


def test_later_migrations_only_add() -> None:
    takes = [
        f"{migration}: {operation.describe()}"
        for migration in ours()
        if not migration.initial and (migration.app_label, migration.name) not in MAY_TAKE_AWAY
        for operation in flat(migration)
        if isinstance(operation, TAKES_AWAY)
    ]
    assert takes == []


def test_tenant_migrations_are_plain_sql() -> None:
    """Design section 3: a new workspace is a replay of their SQL."""
    python = [
        f"{migration}: {operation.describe()}"
        for migration in ours()
        if migration.app_label in settings.TENANT_APPS
        for operation in flat(migration)
        if not operation.reduces_to_sql
    ]
    assert python == []


def test_a_tenant_s_schema_can_be_migrated_to_zero_and_back(db: None) -> None:
    replay("t_there")
    full = describe("t_there")
    for app in reversed(settings.TENANT_APPS):
        call_command("migrate_schemas", app, "zero", schema_name="t_there", verbosity=0, interactive=False)
    left = {line.split(" ")[1].split(".")[0] for line in describe("t_there") if line.startswith("column ")}
    assert left == {"django_migrations"}
    call_command("migrate_schemas", schema_name="t_there", verbosity=0, interactive=False)
    assert describe("t_there") == full


def test_sessions_that_their_reader_could_take_over_are_ended(acme: Workspace) -> None:
    seen = SeenSession.objects.create(user=acme.owner, session_key="k" * 40, host="h", browser="b")
    SupportView.objects.create(
        user=acme.owner, tenant=acme.tenant, role="analyst", until=timezone.now(), seen=seen
    )
    Session.objects.create(session_key="k" * 32, session_data="e30:1a:b", expire_date=timezone.now())
    loader = MigrationLoader(connection)
    key = ("tenants", "0022_end_old_sessions")
    with connection.schema_editor() as editor:
        loader.disk_migrations[key].apply(loader.project_state(key, at_end=False), editor)
    assert (Session.objects.count(), SeenSession.objects.count()) == (0, 0)
    assert SupportView.objects.get(user=acme.owner).seen_id is None


def test_the_public_migrations_can_be_taken_back(db: None) -> None:
    """Collected, not run: other tests use the tables."""
    loader = MigrationLoader(connection)
    for (app, name), migration in loader.disk_migrations.items():
        if app == "tenants":
            state = loader.project_state((app, name), at_end=False)
            with connection.schema_editor(collect_sql=True) as editor:
                migration.unapply(state, editor, collect_sql=True)
            undone = ("DROP TABLE", "DROP INDEX", "DROP COLUMN")
            only_rows = all(isinstance(one, operations.RunSQL) for one in migration.operations)
            assert only_rows or any(word in line for line in editor.collected_sql for word in undone)
