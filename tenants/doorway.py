"""The one doorway into a tenant's schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django_tenants.utils import get_public_schema_name, schema_context

PUBLIC = get_public_schema_name()


class NotInTenant(RuntimeError):
    """Raised where tenant data was asked for outside of `in_tenant`."""


def _wrapper() -> Any:
    """This thread's connection, of django-tenants' class, which has no types."""
    return connection


@contextmanager
def in_tenant(schema_name: str) -> Iterator[None]:
    """Run the block in the schema; always a `with`, since the decorator form leaks between threads.

    Never enter with the public schema: code that means public simply stays outside.
    """
    if not schema_name or schema_name == PUBLIC:
        raise NotInTenant(f"in_tenant needs a tenant's schema name, got {schema_name!r}.")
    with schema_context(schema_name):
        yield


def reset_to_public() -> None:
    """Put this thread's connection back to the public schema, whatever ran before."""
    _wrapper().set_schema_to_public()


def current_schema() -> str:
    """Name the tenant schema that this thread is in; raises NotInTenant in the public one."""
    name = str(_wrapper().schema_name)
    if name == PUBLIC:
        raise NotInTenant("Tenant data was asked for outside of in_tenant().")
    return name
