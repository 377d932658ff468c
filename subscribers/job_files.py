"""Where the files of jobs lie: settings.FILES_DIR, a folder for each workspace, readable to us alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction

from subscribers.models import Job
from tenants.doorway import current_schema


class FileInUse(Exception):
    """Another process writes this file at this moment."""


def path_of(job: Job) -> Path:
    return Path(settings.FILES_DIR, current_schema(), f"{job.kind}-{job.pk}")


@contextmanager
def opened_at(job: Job, octets: int) -> Iterator[BinaryIO]:
    """Open a job's file to go on behind its first `octets`; what a killed process wrote behind them is cut off.

    Raises FileInUse while another process of this machine has it open: one that was only believed to be dead.
    """
    path = path_of(job)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileInUse from None
        file.truncate(octets)
        file.seek(octets)
        yield file
        file.flush()
        os.fsync(file.fileno())


def errors_of(job: Job) -> Path:
    """Where an import's problems are written, line by line."""
    return path_of(job).with_name(f"{job.kind}-{job.pk}-errors.csv")


def remove(job: Job) -> None:
    path_of(job).unlink(missing_ok=True)
    errors_of(job).unlink(missing_ok=True)


def remove_all() -> None:
    """Remove what lies in the workspace's folder now, once the transaction is committed. Call inside the tenant."""
    found = list(Path(settings.FILES_DIR, current_schema()).glob("*"))

    def unlink() -> None:
        for path in found:
            path.unlink(missing_ok=True)

    transaction.on_commit(unlink)


def remove_upload(job: Job) -> None:
    """Remove what was brought, as soon as it is read: it holds secrets of browsers."""
    path_of(job).unlink(missing_ok=True)
