"""Ask for an export, work on it a slice at a time, cancel it, bring it back after a kill, remove its file.

A slice claims the job under a lease, writes pieces of the file, and after each commits how far it came. A process that
is killed leaves the file longer than that: whoever goes on cuts it there, so no row is in it twice and none is missing.
"""

import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from subscribers.exports import FORMATS, Rows, Wish, count_rows, head
from subscribers.job_files import FileInUse, opened_at, remove
from subscribers.models import Job, Segment, Site
from subscribers.rules.arguments import RuleRefused
from subscribers.segment_users import rules_within
from tenants.actions import audit
from tenants.doorway import in_tenant
from tenants.models import Tenant, User

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
KEPT = timedelta(hours=24)
SECRETS_KEPT = timedelta(hours=1)
MOST_AT_ONCE = 5
TASK = "subscribers.tasks.work_on"
_MOVING = (Job.State.WAITING, Job.State.RUNNING)


class JobRefused(ValueError):
    """The job cannot be started; the text says why and what to do."""


@transaction.atomic
def start_export(
    *,
    actor: User,
    tenant: Tenant,
    site: Site,
    file_format: str,
    segment: Segment | None = None,
    with_secrets: bool = False,
) -> Job:
    """Ask for a file of a website's subscribers, or of a segment's; raises JobRefused."""
    if file_format not in FORMATS:
        raise JobRefused(f"{file_format!r:.40} is not a format. Choose {' or '.join(FORMATS)}.")
    if Job.objects.filter(state__in=_MOVING).count() >= MOST_AT_ONCE:
        raise JobRefused(f"{MOST_AT_ONCE} exports are being made. Wait for one of them, or cancel it.")
    wish = Wish(file_format, timezone.now().isoformat(), with_secrets=with_secrets)
    if segment is not None:
        rules = {str(pk): rule.as_json() for pk, rule in rules_within(segment).items()}
        wish = Wish(file_format, wish.at, segment.pk, segment.name, rules, with_secrets)
    job = Job.objects.create(kind=Job.Kind.EXPORT, site=site, wish=wish.as_json(), created_by=actor.pk)
    audit.record(
        "export.start", actor=actor, tenant_id=tenant.pk, target=f"job {job.pk}", with_secrets=with_secrets
    )
    Tenant.objects.filter(pk=tenant.pk).update(has_jobs=True)
    ring(tenant.schema_name, job.pk)
    return job


def ring(schema_name: str, pk: int) -> None:
    async_task(TASK, schema_name, pk, cluster=settings.SHORT_QUEUE)


@transaction.atomic
def cancel_job(*, actor: User, tenant: Tenant, job: Job) -> bool:
    """Stop it and remove its file; False if it had ended already."""
    changed = Job.objects.filter(pk=job.pk, state__in=_MOVING).update(
        state=Job.State.CANCELLED, finished_at=Now(), fence=F("fence") + 1, expires_at=Now()
    )
    if changed:
        audit.record("export.cancel", actor=actor, tenant_id=tenant.pk, target=f"job {job.pk}")
    return bool(changed)


def work_on(pk: int, *, seconds: float) -> bool:
    """Work on a job for a while; True if there is more to do. Call inside the tenant."""
    job = _claim(pk)
    if job is None:
        return False
    until = time.monotonic() + seconds
    try:
        with opened_at(job, job.octets) as file:
            while True:
                if not _write_piece(job, file):
                    return False
                if time.monotonic() > until:
                    break
    except FileInUse:
        return False  # whoever writes it goes on; if it was dead after all, the chore comes back
    except RuleRefused as error:
        _fail(job, str(error))
        return False
    except OSError as error:
        _fail(job, f"The file could not be written: {error.strerror}. Make room and start it again.")
        return False
    return bool(Job.objects.filter(pk=pk, fence=job.fence).update(lease_until=None))


def _claim(pk: int) -> Job | None:
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    claimed = Job.objects.filter(free, pk=pk, state__in=_MOVING).update(
        state=Job.State.RUNNING, fence=F("fence") + 1, lease_until=Now() + LEASE
    )
    return Job.objects.get(pk=pk) if claimed else None


def _write_piece(job: Job, file: Any) -> bool:
    """Append one piece and commit how far it came; False when the file is whole or the job another's."""
    wish = Wish(**job.wish)
    changes: dict[str, Any] = {}
    if job.total is None:
        job.total = changes["total"] = count_rows(job.site_id, wish)
        file.write(head(wish))
    rows = Rows(job.site_id, wish, after=job.cursor)
    for octets in rows:
        file.write(octets)
    file.flush()
    job.cursor, job.done, job.octets = rows.last, job.done + rows.count, file.tell()
    changes |= {"cursor": job.cursor, "done": job.done, "octets": job.octets}
    is_whole = rows.is_end
    if is_whole:
        kept = SECRETS_KEPT if wish.with_secrets else KEPT
        changes |= {
            "state": Job.State.DONE,
            "finished_at": Now(),
            "expires_at": Now() + kept,
            "lease_until": None,
        }
    else:
        changes["lease_until"] = Now() + LEASE
    mine = Job.objects.filter(pk=job.pk, fence=job.fence).update(**changes)
    return bool(mine) and not is_whole


def _fail(job: Job, detail: str) -> None:
    Job.objects.filter(pk=job.pk, fence=job.fence).update(
        state=Job.State.FAILED, detail=detail[:300], finished_at=Now(), expires_at=Now(), lease_until=None
    )


def resume_all() -> int:
    """Ring for jobs that nobody works on, remove files whose time is over; answer how many tenants were visited."""
    visited = 0
    for tenant in Tenant.objects.filter(has_jobs=True, state=Tenant.State.ACTIVE).order_by("pk"):
        try:
            with in_tenant(tenant.schema_name):
                _tend(tenant)
        except DatabaseError as error:
            log.error("jobs of %s failed: %s", tenant.schema_name, str(error).splitlines()[0])
        visited += 1
    return visited


def _tend(tenant: Tenant) -> None:
    for job in Job.objects.filter(expires_at__lt=Now()).order_by("pk"):
        remove(job)
        Job.objects.filter(pk=job.pk).update(expires_at=None)
    # One that was asked for a moment ago has its bell already.
    still = Q(lease_until=None, created_at__lt=Now() - timedelta(seconds=30)) | Q(lease_until__lt=Now())
    for job in Job.objects.filter(still, state__in=_MOVING).order_by("pk"):
        ring(tenant.schema_name, job.pk)
    with transaction.atomic():
        # Locked against a start at the same moment, which sets it again.
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        if not Job.objects.filter(Q(state__in=_MOVING) | Q(expires_at__isnull=False)).exists():
            Tenant.objects.filter(pk=tenant.pk).update(has_jobs=False)
