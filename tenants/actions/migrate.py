"""Migrate the tenants that are behind, one transaction each, and write on each how it went."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import DatabaseError, connection

from tenants.actions import audit
from tenants.models import Tenant, User
from tenants.schema import catch_up, schemas_behind


@dataclass
class MigrationReport:
    """`failed` maps a tenant's slug to the first line of the database's reason."""

    total: int = 0
    migrated: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def migrate_tenants(*, actor: User | None, jobs: int = 1) -> MigrationReport:
    """Bring every schema up to date, `jobs` at a time; a failure is noted on its tenant and the next one is tried.

    What was done before a kill stays done, a tenant is done wholly or not at all, and the next run does the rest.
    """
    tenants = [tenant for tenant in Tenant.objects.order_by("pk") if tenant.has_schema]
    behind = set(schemas_behind([tenant.schema_name for tenant in tenants]))
    Tenant.objects.exclude(migration_error="").exclude(schema_name__in=behind).update(migration_error="")
    report = MigrationReport(total=len(tenants))
    for tenant, error in _each([tenant for tenant in tenants if tenant.schema_name in behind], jobs):
        Tenant.objects.filter(pk=tenant.pk).update(migration_error=error)
        if error:
            report.failed[tenant.slug] = error
        else:
            report.migrated += 1
    if behind:
        audit.record(
            "tenants.migrate",
            actor=actor,
            tenant_id=None,
            migrated=report.migrated,
            failed=sorted(report.failed),
        )
    return report


def _each(tenants: list[Tenant], jobs: int) -> Iterator[tuple[Tenant, str]]:
    """Migrate them, and answer each with what went wrong, for the caller to write down: a thread's connection may be
    lost, or be refused."""
    if jobs == 1:
        yield from ((tenant, _migrate(tenant)) for tenant in tenants)
        return
    # Those that lack the same migrations find the SQL that the first one has collected.
    for tenant in tenants[:1]:
        yield tenant, _migrate(tenant)
    with ThreadPoolExecutor(jobs) as pool:
        yield from zip(tenants[1:], pool.map(_migrate_apart, tenants[1:]), strict=True)


def _migrate_apart(tenant: Tenant) -> str:
    """On a connection of this thread's own."""
    try:
        return _migrate(tenant)
    finally:
        connection.close()


def _migrate(tenant: Tenant) -> str:
    try:
        catch_up(tenant.schema_name)
    except DatabaseError as refusal:
        return (str(refusal).splitlines() or [type(refusal).__name__])[0][:300]
    return ""
