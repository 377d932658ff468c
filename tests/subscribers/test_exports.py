"""Exports: what is in the file, that a kill loses and repeats nothing, and who may take it."""

import base64
import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from subscribers import exports
from subscribers.actions.job import resume_all, start_export, work_on
from subscribers.actions.segment import save_segment
from subscribers.job_files import opened_at, path_of
from subscribers.models import Job, Segment, Site, Subscriber, VapidKey
from subscribers.rules.rule import read
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, Role, Tenant
from tests.conftest import PASSWORD, Workspace
from tests.subscribers.pages import page_text
from tests.subscribers.people import add_people
from tests.tenants.people import add_member

ODD = [
    '=HYPERLINK("http://evil")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    'quote " comma , line\nbreak',
    "ünïcode",
    "' ; DROP",
]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.FILES_DIR = str(tmp_path / "files")


def start(place: Workspace, site: Site, file_format: str = "csv", **more: Any) -> Job:
    return start_export(actor=place.owner, tenant=place.tenant, site=site, file_format=file_format, **more)


def content(job: Job) -> str:
    return path_of(job).read_bytes().decode()


def finish(job: Job) -> Job:
    while work_on(job.pk, seconds=0):
        pass
    return Job.objects.get(pk=job.pk)


def table(job: Job) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content(job), newline="")))


def test_a_csv_file_has_everybody_and_no_formula(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        rows = add_people(shop, [{"external_id": text, "tags": [text[:60]]} for text in ODD])
        add_people(
            shop, [{"state": "gone", "ended_at": timezone.now(), "ended_why": "410"}, {"is_test": True}]
        )
        job = finish(start(acme, shop))
        found = table(job)
        assert (job.state, job.done, job.total) == ("done", len(ODD) + 1, len(ODD) + 1)
    assert [int(row["id"]) for row in found[:-1]] == [row.pk for row in rows]
    assert [row["external_id"] for row in found[:-1]] == [
        f"'{text}" if text[0] in "=+-@\t" else text for text in ODD
    ]
    assert [row["tags"] for row in found[:-1]] == [row["external_id"] for row in found[:-1]]
    assert (found[-1]["state"], found[-1]["ended_why"]) == ("gone", "410")
    assert not {"endpoint", "auth", "p256dh"} & set(found[0])


def test_json_lines_hold_every_value_as_it_is(acme: Workspace, shop: Site) -> None:
    attributes = {"n": 12.5, "t": 'a "b" \\ \n', "y": True, "l": None}
    with in_tenant(acme.schema):
        add_people(
            shop, [{"external_id": text, "tags": ["a", "b,c"], "attributes": attributes} for text in ODD]
        )
        job = finish(start(acme, shop, "jsonl"))
        lines = content(job).splitlines()
    found = [json.loads(line) for line in lines]
    assert [one["external_id"] for one in found] == ODD
    assert all(one["tags"] == ["a", "b,c"] and one["attributes"] == attributes for one in found)


def segment(place: Workspace, site: Site) -> Segment:
    rule = {"match": "all", "rules": [{"field": "country", "op": "is", "values": ["DE"]}]}
    return save_segment(actor=place.owner, tenant=place.tenant, site=site, name="German", rule=read(rule))


def test_a_segment_is_exported_by_the_rule_that_it_had(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        german, _ = add_people(shop, [{"country": "DE"}, {"country": "AT"}])
        chosen = segment(acme, shop)
        job = start(acme, shop, segment=chosen)
        Segment.objects.filter(pk=chosen.pk).delete()
        assert [int(row["id"]) for row in table(finish(job))] == [german.pk]


def test_who_goes_on_after_a_kill_repeats_and_loses_nobody(
    acme: Workspace, shop: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed process wrote behind its last commit is cut off."""
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 3)
    with in_tenant(acme.schema):
        rows = add_people(shop, [{}] * 10)
        job = start(acme, shop)
        assert work_on(job.pk, seconds=0)
        half = Job.objects.get(pk=job.pk)
        assert (half.done, half.state) == (3, "running")
        with path_of(job).open("ab") as file:
            file.write(b"4711,half a row of a process that was kil")
        # Its lease still runs: nobody else takes the job.
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() + timedelta(seconds=60))
        assert not work_on(job.pk, seconds=0)
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        done = finish(job)
        assert (done.done, done.total) == (10, 10)
        assert [int(row["id"]) for row in table(done)] == [row.pk for row in rows]
        assert path_of(job).stat().st_size == done.octets
        assert path_of(job).stat().st_mode & 0o777 == 0o600


def test_one_that_was_believed_dead_and_still_writes_is_left_alone(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        job = start(acme, shop)
        with opened_at(job, 0) as file:
            assert not work_on(job.pk, seconds=0)
            file.write(b"mine")
        assert content(job) == "mine"


def test_the_chore_rings_for_what_nobody_works_on_and_removes_what_is_over(
    acme: Workspace, shop: Site
) -> None:
    with in_tenant(acme.schema):
        stuck, over = start(acme, shop), start(acme, shop)
        finish(over)
        Job.objects.filter(pk=over.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        Job.objects.filter(pk=stuck.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    OrmQ.objects.all().delete()
    assert resume_all() == 1
    (bell,) = OrmQ.objects.all()
    assert bell.task["args"] == (acme.schema, stuck.pk)
    assert Tenant.objects.get(pk=acme.tenant.pk).has_jobs
    with in_tenant(acme.schema):
        assert not path_of(over).exists()
        assert Job.objects.get(pk=over.pk).expires_at is None
        finish(stuck)
        Job.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    resume_all()
    assert not Tenant.objects.get(pk=acme.tenant.pk).has_jobs
    assert resume_all() == 0


def test_files_of_a_suspended_workspace_are_removed_too(acme: Workspace, shop: Site) -> None:
    with in_tenant(acme.schema):
        job = finish(start(acme, shop))
        Job.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    Tenant.objects.filter(pk=acme.tenant.pk).update(state=Tenant.State.SUSPENDED)
    resume_all()
    with in_tenant(acme.schema):
        assert not path_of(job).exists()


def test_a_cancelled_export_ends_and_leaves_no_file(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    with in_tenant(acme.schema):
        job = start(acme, shop)
    console(acme).post(f"/exports/{job.pk}/cancel/")
    with in_tenant(acme.schema):
        assert not work_on(job.pk, seconds=0)
        assert Job.objects.get(pk=job.pk).state == "cancelled"
    resume_all()
    with in_tenant(acme.schema):
        assert not path_of(job).exists()


def links(client: Client) -> list[str]:
    page = client.get("/exports/").content.decode()
    return [
        part.split('"')[0]
        for part in page.split('href="')
        if part.startswith("/exports/") and "/" in part[9:]
    ]


def test_the_file_is_taken_with_a_link_of_ones_own(
    acme: Workspace, globex: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    client = console(acme)
    with in_tenant(acme.schema):
        add_people(shop, [{"external_id": "anna"}])
    answer = client.post("/exports/new/", {"site": shop.pk, "format": "csv", "segment": ""})
    assert (answer.status_code, answer["Location"]) == (302, f"/exports/?site={shop.pk}")
    with in_tenant(acme.schema):
        finish(Job.objects.get())
    (link,) = links(client)
    answer = client.get(link)
    assert b"anna" in b"".join(answer.streaming_content)
    assert answer["Cache-Control"] == "no-store"
    assert AuditEntry.objects.filter(action="export.download", actor=acme.owner.email).count() == 1
    # Another person of the workspace, another workspace, another job, a token that was changed.
    other = console(acme, add_member(acme, Role.ADMIN))
    assert other.get(link).status_code == 404
    assert console(globex).get(link).status_code == 404
    assert client.get(link.replace("/exports/", "/exports/9")).status_code == 404
    assert client.get(link[:-1]).status_code == 404
    with in_tenant(acme.schema):
        Job.objects.update(expires_at=None)
    assert client.get(link).status_code == 404


def test_endpoints_and_keys_leave_with_an_owner_who_gives_the_password(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    client, form = console(acme), {"site": shop.pk, "format": "jsonl", "segment": "", "with_secrets": "on"}
    with in_tenant(acme.schema):
        (row,) = add_people(shop, [{}])
    said = page_text(client.post("/exports/new/", {**form, "password": "wrong"}, follow=True))
    assert "That is not your password, so nothing was exported." in said
    admin = console(acme, add_member(acme, Role.ADMIN))
    said = page_text(admin.post("/exports/new/", {**form, "password": PASSWORD}, follow=True))
    assert "Only owners can export endpoints and keys." in said
    with in_tenant(acme.schema):
        assert not Job.objects.exists()
    client.post("/exports/new/", {**form, "password": PASSWORD})
    with in_tenant(acme.schema):
        job = finish(Job.objects.get())
        (made,) = [json.loads(line) for line in content(job).splitlines()]
        key = VapidKey.objects.get(site=shop)
        assert made["endpoint"] == Subscriber.objects.get(pk=row.pk).endpoint
        assert (decoded(made["p256dh"]), decoded(made["auth"])) == (bytes(row.p256dh), bytes(row.auth))
        assert decoded(made["vapid_public"]) == bytes(key.public)
        assert job.expires_at is not None and job.expires_at - timezone.now() < timedelta(hours=1, minutes=1)
    file, keys = links(client)
    assert links(admin) == []
    assert admin.get(file).status_code == 404 and admin.get(keys).status_code == 403
    (pair,) = client.get(keys).json()["vapid_keys"]
    assert decoded(pair["public"]) == bytes(key.public)
    assert len(decoded(pair["private"])) == 32
    # What is kept of the job holds neither.
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg(job::text, '') FROM {acme.schema}.subscribers_job job")
        assert pair["private"] not in cursor.fetchone()[0]


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_too_many_at_once_and_unknown_formats_are_refused(
    acme: Workspace, console: Callable[..., Client], shop: Site
) -> None:
    client = console(acme)
    said = page_text(client.post("/exports/new/", {"site": shop.pk, "format": "xml"}, follow=True))
    assert "'xml' is not a format. Choose csv or jsonl." in said
    for _ in range(6):
        answer = client.post("/exports/new/", {"site": shop.pk, "format": "csv"}, follow=True)
    assert "5 jobs of this workspace are at work. Wait for one of them, or cancel it." in page_text(answer)
    with in_tenant(acme.schema):
        assert Job.objects.count() == 5


def test_a_file_that_cannot_be_written_says_so(
    acme: Workspace, shop: Site, settings: Any, tmp_path: Any
) -> None:
    (tmp_path / "file").write_text("")
    settings.FILES_DIR = str(tmp_path / "file")
    with in_tenant(acme.schema):
        job = finish(start(acme, shop))
        assert (job.state, job.detail) == (
            "failed",
            "The file could not be read or written: Not a directory. Make room and start it again.",
        )
