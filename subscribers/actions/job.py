"""Ask for an export; work on any job a slice at a time, cancel it, bring it back after a kill, remove its file.

A slice claims the job under a lease, writes pieces of the file, and after each commits how far it came. A process that
is killed leaves the file longer than that: whoever goes on cuts it there, so no row is in it twice and none is missing.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, DataError, ProgrammingError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django_q.tasks import async_task

from subscribers.actions.import_pieces import import_some
from subscribers.actions.job_steps import LEASE, repeat, tell_done
from subscribers.actions.prune_pieces import prune_some
from subscribers.audience import TooSlow, count
from subscribers.exports import FORMATS, Rows, Wish, head, meant_by
from subscribers.importing.reading import FileRefused
from subscribers.job_files import FileInUse, opened_at, remove, remove_all
from subscribers.models import Job, Segment, Site
from subscribers.segment_users import take_down
from tenants.actions import audit
from tenants.doorway import current_schema, in_tenant
from tenants.models import Problem, Tenant, User
from tenants.problem_notes import note_error

log = logging.getLogger(__name__)

KEPT = timedelta(hours=24)
SECRETS_KEPT = timedelta(hours=1)
MOST_AT_ONCE = 5
TASK = "subscribers.tasks.work_on"
COUNT_MS = 45_000


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
    check_room()
    wish = Wish(file_format, timezone.now().isoformat(), with_secrets=with_secrets)
    if segment is not None:
        wish = Wish(file_format, wish.at, segment.pk, segment.name, take_down(segment), with_secrets)
    job = Job.objects.create(kind=Job.Kind.EXPORT, site=site, wish=wish.as_json(), created_by=actor.pk)
    audit.record(
        "export.start", actor=actor, tenant_id=tenant.pk, target=f"job {job.pk}",
        format=file_format, segment=wish.name, with_secrets=with_secrets,
    )  # fmt: skip
    Tenant.objects.filter(pk=tenant.pk).update(has_jobs=True)
    ring(tenant.schema_name, job.pk)
    return job


def check_room() -> None:
    """Raises JobRefused while as many jobs move as may at once."""
    if Job.everywhere.filter(state__in=Job.MOVING).count() >= MOST_AT_ONCE:
        raise JobRefused(
            f"{MOST_AT_ONCE} jobs of this workspace are at work. Wait for one of them, or cancel it."
        )


def ring(schema_name: str, pk: int) -> None:
    async_task(TASK, schema_name, pk, cluster=settings.SHORT_QUEUE)


@transaction.atomic
def cancel_job(*, actor: User, tenant: Tenant, job: Job) -> bool:
    """Stop it and remove its file; False if it had ended already. What was imported so far stays."""
    stoppable = (*Job.MOVING, Job.State.UPLOADING)
    changed = Job.objects.filter(pk=job.pk, state__in=stoppable).update(
        state=Job.State.CANCELLED, finished_at=Now(), fence=F("fence") + 1, expires_at=Now()
    )
    if changed:
        audit.record(f"{job.kind}.cancel", actor=actor, tenant_id=tenant.pk, target=f"job {job.pk}")
    return bool(changed)


def work_on(pk: int, *, seconds: float) -> bool:
    """Work on a job for a while; True if there is more to do. Call inside the tenant."""
    job = _claim(pk)
    if job is None:
        return False
    until = time.monotonic() + seconds
    try:
        has_more = _WORK[job.kind](job, until)
    except FileInUse:
        return False  # whoever writes it goes on; if it was dead after all, the chore comes back
    except (TooSlow, FileRefused, DataError, ProgrammingError, OSError) as error:
        _fail(job, error)
        return False
    return has_more and bool(Job.objects.filter(pk=pk, fence=job.fence).update(lease_until=None))


def _export_some(job: Job, until: float) -> bool:
    with opened_at(job, job.octets) as file:
        return repeat(until, lambda: _write_piece(job, file))


def _claim(pk: int) -> Job | None:
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    claimed = Job.objects.filter(free, pk=pk, state__in=Job.MOVING).update(
        state=Job.State.RUNNING, fence=F("fence") + 1, lease_until=Now() + LEASE
    )
    return Job.objects.get(pk=pk) if claimed else None


def _write_piece(job: Job, file: Any) -> bool:
    """Append one piece and commit how far it came; False when the file is whole or the job another's."""
    wish = Wish(**job.wish)
    changes: dict[str, Any] = {}
    if job.total is None:
        job.total = changes["total"] = count(meant_by(job.site_id, wish), milliseconds=COUNT_MS).total
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
    with transaction.atomic():
        mine = Job.objects.filter(pk=job.pk, fence=job.fence).update(**changes)
        if mine and is_whole:
            tell_done(job, f"Your export is ready: {job.done:,} rows.", "/exports/")
    return bool(mine) and not is_whole


def _fail(job: Job, error: Exception) -> None:
    """End a job that would fail each time it is tried again, unlike one whose database is away."""
    said = (str(error) or "too slow").splitlines()[0]
    log.error("%s of %s failed: %s", job, current_schema(), said)
    note_error(error, Problem.Kind.JOB, site_id=job.site_id)
    Job.objects.filter(pk=job.pk, fence=job.fence).update(
        state=Job.State.FAILED, detail=_in_words(error), finished_at=Now(), expires_at=Now(), lease_until=None
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, FileRefused):
        return str(error)[:300]
    if isinstance(error, OSError):
        return f"The file could not be read or written: {error.strerror}. Make room and start it again."
    if isinstance(error, TooSlow):
        return "Counting its rows took too long. Export less, or wait until the database has less to do."
    return (
        "The database refused it; what it said is in the workers' log. Tell support the number of this job."
    )


def resume_all() -> int:
    """Ring for jobs that nobody works on, remove files whose time is over; answer how many tenants were visited.

    Also of a suspended tenant: the time of its files is over all the same.
    """
    visited = 0
    for tenant in Tenant.objects.filter(has_jobs=True).order_by("pk"):
        try:
            with in_tenant(tenant.schema_name):
                _tend(tenant)
        except DatabaseError as error:
            log.error("jobs of %s failed: %s", tenant.schema_name, str(error).splitlines()[0])
            note_error(error, tenant_id=tenant.pk)
        visited += 1
    return visited


def end_jobs(tenant: Tenant, why: str) -> None:
    """Fail what is under way and forget all files, which are elsewhere. Call in a verb's transaction, in the tenant.

    What lies here is of jobs that are no more: no time of theirs would ever be over.
    """
    remove_all()
    Job.everywhere.filter(state__in=(*Job.MOVING, Job.State.UPLOADING)).update(
        state=Job.State.FAILED, detail=why, finished_at=Now(), fence=F("fence") + 1, lease_until=None
    )
    Job.everywhere.filter(expires_at__isnull=False).update(expires_at=None)
    Tenant.objects.filter(pk=tenant.pk).update(has_jobs=False)


def _tend(tenant: Tenant) -> None:
    Job.objects.filter(state=Job.State.UPLOADING, expires_at__lt=Now()).update(state=Job.State.CANCELLED)
    for job in Job.objects.filter(expires_at__lt=Now()).order_by("pk"):
        remove(job)
        Job.objects.filter(pk=job.pk).update(expires_at=None)
    # One that was asked for a moment ago has its bell already.
    still = Q(lease_until=None, created_at__lt=Now() - timedelta(seconds=30)) | Q(lease_until__lt=Now())
    for job in Job.objects.filter(still, state__in=Job.MOVING).order_by("pk"):
        ring(tenant.schema_name, job.pk)
    with transaction.atomic():
        # Locked against a start at the same moment, which sets it again.
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        if not Job.objects.filter(Q(state__in=Job.MOVING) | Q(expires_at__isnull=False)).exists():
            Tenant.objects.filter(pk=tenant.pk).update(has_jobs=False)


# Called with a job that was claimed and the moment (time.monotonic) to make room for others; says if there is more.
_WORK: dict[str, Callable[[Job, float], bool]] = {
    Job.Kind.EXPORT: _export_some,
    Job.Kind.IMPORT: import_some,
    Job.Kind.PRUNE: prune_some,
}
