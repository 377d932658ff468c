"""TI-11: tenant data outside of a tenant is an error, never an answer; the public schema has no such table."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import ProgrammingError, connection, models, transaction

from tenants.doorway import NotInTenant, current_schema, in_tenant
from tests.conftest import Workspace
from tests.isolation.conftest import Two
from tests.isolation.world import Marks, models_of_tenants, row

USES: dict[str, Callable[[type[models.Model]], Any]] = {
    "read": lambda model: list(model._default_manager.all()),
    "count": lambda model: model._default_manager.count(),
    "get": lambda model: model._default_manager.get(pk=1),
    "insert": lambda model: row(model, Marks("a"), 1).save(force_insert=True),
    "bulk insert": lambda model: model._default_manager.bulk_create([row(model, Marks("a"), 1)]),
    "update": lambda model: model._default_manager.update(**{model._meta.pk.name: 1}),
    "delete": lambda model: model._default_manager.filter(pk=1)._raw_delete("default"),
    "raw": lambda model: list(model._default_manager.raw(f"SELECT * FROM {model._meta.db_table}")),
}


@pytest.mark.parametrize("use", USES)
def test_a_tenant_model_outside_of_a_tenant_raises(two: Two, use: str) -> None:
    """With two workspaces full of rows, after both were entered and left on this connection."""
    for model in models_of_tenants():
        with (
            pytest.raises(ProgrammingError, match=rf'relation "{model._meta.db_table}" does not exist'),
            transaction.atomic(),
        ):
            USES[use](model)


def test_the_public_schema_has_no_table_of_a_tenant_app(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        public = {name for (name,) in cursor.fetchall()}
    assert len(public) > 10
    assert not public & {model._meta.db_table for model in models_of_tenants()}
    assert not [name for name in public if name.startswith(tuple(f"{app}_" for app in settings.TENANT_APPS))]


def test_a_tenants_schema_has_no_table_of_the_public_one(acme: Workspace) -> None:
    """So a query for users or tenants cannot meet a workspace's own copy."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [acme.schema])
        own = {name for (name,) in cursor.fetchall()}
    assert own == {"django_migrations", *(model._meta.db_table for model in models_of_tenants())}


def test_after_an_error_inside_a_tenant_the_next_query_is_refused_too(two: Two) -> None:
    model = models_of_tenants()[0]
    with pytest.raises(ZeroDivisionError), in_tenant(two.first.schema):
        assert model._default_manager.count() == 3
        1 / 0  # noqa: B018
    with pytest.raises(ProgrammingError, match="does not exist"), transaction.atomic():
        model._default_manager.count()
    with pytest.raises(NotInTenant):
        current_schema()


def test_a_lazy_query_belongs_to_where_it_is_read_not_to_where_it_was_written(two: Two) -> None:
    """The accepted edge of a search path: a queryset that leaves its tenant unread is refused, or reads the next."""
    model = models_of_tenants()[0]
    with in_tenant(two.second.schema):
        rows = model._default_manager.order_by("pk")
    with pytest.raises(ProgrammingError, match="does not exist"), transaction.atomic():
        list(rows)
