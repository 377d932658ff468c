"""Verbs of an import: begin it, bring its file in pieces, start it, take its people in or away again.

Subscriptions come in waiting. One in a hundred is let in for a test message; the rest when a person has seen that it
arrived. So a wrong key pair costs a few, not a list.
"""

import os
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from subscribers.actions.job import JobRefused, check_room, ring
from subscribers.actions.segment import save_segment
from subscribers.importing.given import our_columns
from subscribers.importing.reading import FileRefused, Head, read_head
from subscribers.importing.wish import (
    ADMIT,
    PROFILES,
    PROVIDERS,
    REMOVE,
    SUBSCRIPTIONS,
    Wish,
    mark_of,
    wish_of,
)
from subscribers.job_files import path_of, remove
from subscribers.models import Job, Segment, Site, VapidKey
from subscribers.rules.rule import read
from tenants.actions import audit
from tenants.models import Tenant, User

MOST_CHUNK = 240 * 1024
MOST_UPLOADS = 5
KEPT_WAITING = timedelta(hours=24)
_NEEDED = {SUBSCRIPTIONS: ("endpoint", "p256dh", "auth"), PROFILES: ("external_id",)}


class WrongPlace(Exception):
    """A piece of the file that does not begin where the last one ended; `size` is where that is."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} octets.")
        self.size = size


@transaction.atomic
def begin_import(
    *, actor: User, tenant: Tenant, site: Site, kind: str, provider: str, key: VapidKey | None
) -> Job:
    """Make place for a file; raises JobRefused. Subscriptions need the key pair that they were made with."""
    uploads = Job.everywhere.filter(state=Job.State.UPLOADING).count()
    if uploads >= MOST_UPLOADS:
        raise JobRefused(f"{uploads} imports wait for their file. Bring one of them, or cancel it.")
    wish = Wish(kind, provider, key.pk if key else 0)
    job = Job.objects.create(
        expires_at=Now() + KEPT_WAITING,
        kind=Job.Kind.IMPORT,
        state=Job.State.UPLOADING,
        site=site,
        wish=wish.as_json(),
        created_by=actor.pk,
    )
    audit.record("import.begin", actor=actor, tenant_id=tenant.pk, target=f"job {job.pk}", kind=kind)
    Tenant.objects.filter(pk=tenant.pk).update(has_jobs=True)
    return job


def add_chunk(*, job: Job, at: int, octets: bytes, name: str) -> int:
    """Append a piece of the file at octet `at`; answer how long it is now. Raises WrongPlace, JobRefused.

    `name` tells files apart: with another one than before it begins anew.
    """
    wish = wish_of(job)
    if name != wish.name:
        named = replace(wish, name=name).as_json()
        Job.objects.filter(pk=job.pk, state=Job.State.UPLOADING, wish=job.wish).update(wish=named, octets=0)
    with transaction.atomic():
        return _append(Job.objects.select_for_update().get(pk=job.pk), at, octets)


def _append(job: Job, at: int, octets: bytes) -> int:
    if job.state != Job.State.UPLOADING:
        raise JobRefused("This import has its file already, or was cancelled.")
    if at != job.octets:
        raise WrongPlace(job.octets)
    size = at + len(octets)
    if size > settings.IMPORT_MOST_MB * 1024**2:
        raise JobRefused(
            f"The file has more than {settings.IMPORT_MOST_MB:,} MB. Split it, or pack it with gzip."
        )
    path = path_of(job)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        file.truncate(at)
        file.seek(at)
        file.write(octets)
    Job.objects.filter(pk=job.pk).update(octets=size)
    return size


def start_import(*, actor: User, tenant: Tenant, job: Job, size: int) -> None:
    """Begin to read a file that is whole; raises JobRefused, also for one that cannot be what was meant."""
    job = Job.objects.get(pk=job.pk)
    if job.state != Job.State.UPLOADING:
        raise JobRefused("This import was started already, or was cancelled.")
    if size != job.octets or not size:
        raise JobRefused(
            f"{job.octets:,} of {size:,} octets have come. Choose the file once more: it goes on there."
        )
    check_room()
    try:
        _check_columns(read_head(path_of(job)), wish_of(job).kind)
    except FileRefused as error:
        remove(job)
        Job.objects.filter(pk=job.pk, state=Job.State.UPLOADING).update(octets=0)
        raise JobRefused(f"{error} Nothing was imported.") from None
    with transaction.atomic():
        started = Job.objects.filter(pk=job.pk, state=Job.State.UPLOADING, octets=size)
        if started.update(state=Job.State.WAITING, expires_at=None):
            audit.record(
                "import.start", actor=actor, tenant_id=tenant.pk, target=f"job {job.pk}", octets=size
            )
            ring(tenant.schema_name, job.pk)


def _check_columns(head: Head, kind: str) -> None:
    if head.form != "csv":
        return
    columns = our_columns(head.columns) if kind == SUBSCRIPTIONS else head.columns
    missing = [name for name in _NEEDED[kind] if name not in columns]
    if missing:
        shown = ", ".join(head.columns)
        raise FileRefused(f"Line 1 has no column “{missing[0]}”; it has: {shown:.200}.")


def admit(*, actor: User, tenant: Tenant, job: Job) -> None:
    """Take in everybody of an import who still waits; raises JobRefused."""
    _go_on(actor, tenant, job, ADMIT, "import.admit")


def take_away(*, actor: User, tenant: Tenant, job: Job) -> None:
    """Remove who came by an import and has not been on the website since; raises JobRefused."""
    _go_on(actor, tenant, job, REMOVE, "import.remove")


@transaction.atomic
def _go_on(actor: User, tenant: Tenant, job: Job, phase: str, action: str) -> None:
    wish = wish_of(job)
    ended = (Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED)
    if wish.kind != SUBSCRIPTIONS:
        raise JobRefused("Tags and attributes are in the profiles already.")
    check_room()
    changed = replace(wish, phase=phase).as_json()
    moved = Job.objects.filter(pk=job.pk, state__in=ended).update(
        wish=changed,
        state=Job.State.WAITING,
        lease_until=None,
        finished_at=None,
        fence=F("fence") + 1,
        detail="",
    )
    if not moved:
        raise JobRefused("This import is still at work. Wait for its end.")
    audit.record(action, actor=actor, tenant_id=tenant.pk, target=f"job {job.pk}")
    Tenant.objects.filter(pk=tenant.pk).update(has_jobs=True)
    ring(tenant.schema_name, job.pk)


def segment_for(*, actor: User, tenant: Tenant, job: Job) -> Segment:
    """Find or make the segment of who came by an import and was let in: whom its test message goes to."""
    rule = {"match": "all", "rules": [{"field": "prompt", "op": "is", "values": [mark_of(job)]}]}
    known = Segment.objects.filter(site_id=job.site_id, rule=read(rule).as_json()).first()
    if known is not None:
        return known
    name = f"Import {job.pk}: {PROVIDERS[wish_of(job).provider].label}"
    return save_segment(actor=actor, tenant=tenant, site=job.site, name=name, rule=read(rule))
