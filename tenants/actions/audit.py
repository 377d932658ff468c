"""The audit row that every verb writes inside its own transaction."""

from typing import Any

from tenants.models import AuditEntry, User

SYSTEM = None


def record(
    action: str, *, actor: User | None, tenant_id: int | None, target: str = "", **detail: Any
) -> AuditEntry:
    """Write who did what; `actor` None means the system itself. `detail` holds plain JSON, never a secret."""
    return AuditEntry.objects.create(
        action=action,
        actor_id=actor.pk if actor else None,
        actor=actor.email if actor else "system",
        tenant_id=tenant_id,
        target=target,
        detail=detail,
    )
