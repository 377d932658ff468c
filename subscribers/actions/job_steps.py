"""What all jobs that change rows have in common: a piece is one transaction, with how far it came."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from subscribers.models import Job
from tenants.actions.notices import tell
from tenants.doorway import current_schema
from tenants.models import Tenant

LEASE = timedelta(seconds=60)


def repeat(until: float, step: Callable[[], bool]) -> bool:
    """Take steps while there is more to do and time; one at least. Answer whether there is more."""
    has_more = step()
    while has_more and time.monotonic() < until:
        has_more = step()
    return has_more


def is_mine(job: Job) -> bool:
    """Lock the job inside the piece's transaction; False for a worker that lost it meanwhile."""
    mine = Job.objects.select_for_update().filter(pk=job.pk, fence=job.fence, state=Job.State.RUNNING)
    return mine.first() is not None


def advance(job: Job, name: str, number: int, *, has_more: bool) -> bool:
    """Note that a piece is done, under this name of `result`; at the end the job is. Answer `has_more`."""
    job.result = {**job.result, name: job.result.get(name, 0) + number}
    changes: dict[str, Any] = {"result": job.result, "done": F("done") + number}
    if has_more:
        changes["lease_until"] = Now() + LEASE
    else:
        changes |= {"state": Job.State.DONE, "finished_at": Now(), "lease_until": None}
    Job.objects.filter(pk=job.pk).update(**changes)
    return has_more


def tell_done(job: Job, text: str, path: str) -> None:
    """Say to who began it that it is done. Call in the transaction that ends it."""
    tenant_id = Tenant.objects.filter(schema_name=current_schema()).values_list("pk", flat=True).get()
    tell(tenant_id, [job.created_by], site_id=job.site_id, kind=job.kind, text=text, path=path)
