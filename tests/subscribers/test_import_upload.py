"""The file of an import comes in pieces; what cannot be meant is refused before anything is read."""

from typing import Any

import pytest

from subscribers.actions.importing import WrongPlace, add_chunk, start_import
from subscribers.actions.job import JobRefused, resume_all
from subscribers.job_files import path_of
from subscribers.models import Job, Site
from tenants.doorway import in_tenant
from tenants.models import Tenant
from tests.conftest import Workspace
from tests.subscribers.import_files import as_csv, begin, bring, finish, onesignal
from tests.subscribers.samples import Browser


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.FILES_DIR = str(tmp_path / "files")


def test_the_file_comes_in_pieces_and_goes_on_where_it_was(
    acme: Workspace, shop: Site, settings: Any
) -> None:
    octets = as_csv([onesignal(Browser())])
    with in_tenant(acme.schema):
        job = begin(acme, shop)

        def add(at: int, piece: bytes, name: str = "a.csv") -> int:
            return add_chunk(job=Job.objects.get(pk=job.pk), at=at, octets=piece, name=name)

        assert add(0, octets[:100]) == 100
        with pytest.raises(WrongPlace) as wrong:
            add(0, octets[:100])
        assert wrong.value.size == 100
        with pytest.raises(JobRefused, match=f"100 of {len(octets)} octets have come"):
            start_import(actor=acme.owner, tenant=acme.tenant, job=job, size=len(octets))
        # Another file begins anew.
        with pytest.raises(WrongPlace) as wrong:
            add(100, octets[100:], "b.csv")
        assert wrong.value.size == 0
        assert add(0, octets, "b.csv") == len(octets)
        settings.IMPORT_MOST_MB = 1
        with pytest.raises(JobRefused, match="more than 1 MB"):
            add(len(octets), bytes(1024**2), "b.csv")
        start_import(actor=acme.owner, tenant=acme.tenant, job=job, size=len(octets))
        with pytest.raises(JobRefused, match="has its file already"):
            add(len(octets), b"x", "b.csv")
        assert finish(job).result["new"] == 1


def test_a_file_without_its_columns_is_refused_and_another_may_come(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        job = begin(acme, shop)
        with pytest.raises(JobRefused) as refused:
            bring(acme, job, b"a,b\n1,2\n")
        assert str(refused.value) == "Line 1 has no column “endpoint”; it has: a, b. Nothing was imported."
        assert finish(bring(acme, job, as_csv([onesignal(Browser())]))).result["new"] == 1


def test_a_file_that_never_comes_is_given_up(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        job = begin(acme, shop)
        add_chunk(job=job, at=0, octets=b"abc", name="a.csv")
        Job.objects.filter(pk=job.pk).update(expires_at="2026-01-01T00:00:00Z")
        path = path_of(job)
        assert path.exists()
    resume_all()
    with in_tenant(acme.schema):
        assert Job.objects.get(pk=job.pk).state == "cancelled"
        assert not path.exists()
    assert not Tenant.objects.get(pk=acme.tenant.pk).has_jobs
