"""The mark by which the fold finds workspaces whose browsers said something (subscribers.actions.profile, .funnel)."""

import time

from django.db.models.functions import Now

from tenants.models import Tenant

# A process marks its workspace once in so many seconds; a mark is cleared when it is five times as old.
MARK_SECONDS = 2.0
_marked: dict[int, float] = {}


def mark_told(tenant_id: int) -> None:
    """Say that something waits to be folded. Call after it is stored."""
    now = time.monotonic()
    if now - _marked.get(tenant_id, -MARK_SECONDS) >= MARK_SECONDS:
        Tenant.objects.filter(pk=tenant_id).update(told_at=Now())
        _marked[tenant_id] = now
