"""Migrate the tenants that are behind, one transaction each, and write on each how it went."""

from dataclasses import dataclass, field

from django.db import DatabaseError

from tenants.actions import audit
from tenants.models import Tenant, User
from tenants.problem_notes import note_error
from tenants.schema import catch_up, schemas_behind


@dataclass
class MigrationReport:
    """`failed` maps a tenant's slug to the first line of the database's reason."""

    total: int = 0
    migrated: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def migrate_tenants(*, actor: User | None) -> MigrationReport:
    """Bring every schema up to date; a failure is noted on its tenant and the next one is tried."""
    tenants = [tenant for tenant in Tenant.objects.order_by("pk") if tenant.has_schema]
    behind = set(schemas_behind([tenant.schema_name for tenant in tenants]))
    Tenant.objects.exclude(migration_error="").exclude(schema_name__in=behind).update(migration_error="")
    report = MigrationReport(total=len(tenants))
    for tenant in tenants:
        if tenant.schema_name not in behind:
            continue
        error = _migrate(tenant)
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


def _migrate(tenant: Tenant) -> str:
    try:
        catch_up(tenant.schema_name)
    except DatabaseError as error:
        note_error(error, tenant_id=tenant.pk)
        return str(error).splitlines()[0][:300]
    return ""
