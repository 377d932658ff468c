"""The audit row that every verb writes inside its own transaction."""

from collections.abc import Mapping
from typing import Any

from tenants.models import AuditEntry, User
from tenants.request_origin import current_origin

SYSTEM = None


def record(
    action: str,
    *,
    actor: User | None,
    tenant_id: int | None,
    target: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **detail: Any,
) -> AuditEntry:
    """Write who did what, and from where; `actor` None means the system itself.

    `before` and `after` hold by name what a setting was and is, `detail` what else belongs to it: plain JSON, never a
    secret. A new action needs its words (`audit_words` of its app).
    """
    origin = current_origin()
    return AuditEntry.objects.create(
        action=action,
        actor_id=actor.pk if actor else None,
        actor=actor.email if actor else "system",
        tenant_id=tenant_id,
        target=target,
        detail=detail,
        before=before,
        after=after,
        address=origin.address,
        request_id=origin.request_id,
    )
