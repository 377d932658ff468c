"""What a bundle may bring into an installation, beside tests/deploy/test_tenant_bundle.py, where one travels."""

import io
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.actions.after_restore import restore_tenant
from subscribers.actions.job import start_export
from subscribers.actions.person import erase, erase_external_id, unsubscribe_person
from subscribers.job_files import opened_at, path_of
from subscribers.models import Site, Subscriber, Tombstone, VapidKey
from tenants.actions.bundle import back_up_tenant, prepare, put_back
from tenants.actions.bundle_parts import add_people as add_members
from tenants.actions.bundle_parts import put_pictures
from tenants.actions.sending import set_tenant_rate
from tenants.actions.support import suspend_workspace
from tenants.backup import BackupFailed
from tenants.bundle import PICTURES, Bundle, read_bundle, sealed
from tenants.doorway import in_tenant
from tenants.models import AuditEntry, Membership, Pace, SiteIndex, Tenant, User
from tests.conftest import Workspace, make_site
from tests.subscribers.people import add_people
from tests.tenants.catalog import describe

PASSPHRASE = "five words that nobody says"
MEMBER = {
    "id": 77,
    "email": "anna@moved.test",
    "name": "Anna",
    "role": "editor",
    "by_mail": False,
    "site_ids": [3],
}


@pytest.fixture(autouse=True)
def _key(settings: Any) -> None:
    settings.BUNDLE_KEY = bytes(range(32))


@pytest.fixture
def outside(alone: Workspace, django_db_blocker: Any) -> Iterator[Workspace]:
    """A workspace with a website, all of it committed; what was put aside goes with it."""
    with django_db_blocker.unblock():
        make_site(alone)
        yield alone
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", [f"{alone.schema}%_old_%"]
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP SCHEMA {name} CASCADE")


def bundle_of(place: Workspace, into: Path) -> Bundle:
    made = back_up_tenant(actor=place.owner, tenant=place.tenant, into=into, passphrase=PASSPHRASE)
    return read_bundle(made, passphrase=PASSPHRASE, signer="")


def test_a_bundle_of_older_tables_is_brought_up_to_date(
    outside: Workspace, later: Callable[[str], None], tmp_path: Path
) -> None:
    bundle = bundle_of(outside, tmp_path)
    later('migrations.CreateModel("Later", [("id", models.BigAutoField(primary_key=True))])')
    del bundle.workspace["tenant"]["told_at"]  # as if a column of the workspace's own had come since, too
    # Bundled and restored while it is suspended: it comes back open.
    Tenant.objects.filter(pk=outside.tenant.pk).update(state="suspended", sending_paused_at=timezone.now(),
        sending_paused_by="suspension")  # fmt: skip
    prepare(bundle, slug="", replace=True)
    done = put_back(actor=None, bundle=bundle, slug="", replace=True)
    assert (done.tenant.pk, done.is_new, done.former != "") == (outside.tenant.pk, False, True)
    assert "table subscribers_later" in describe(outside.schema)
    # And nothing else differs: keys, indexes, defaults. What PostgreSQL has read back, as after pg_restore, it writes
    # with other brackets in the condition of an index.
    found, before = (
        [line.partition(" WHERE ")[0] for line in describe(s)] for s in (outside.schema, done.former)
    )
    assert [line for line in found if "subscribers_later" not in line] == before
    tenant = Tenant.objects.get(pk=outside.tenant.pk)
    assert (tenant.state, tenant.sending_paused_at, tenant.sending_paused_by) == ("active", None, "")
    assert SiteIndex.objects.get(tenant_id=tenant.pk).state == "active"


def test_a_bundle_writes_no_line_but_its_own(outside: Workspace, tmp_path: Path) -> None:
    """As a signer who is trusted with nothing but this workspace could make it."""
    bundle = bundle_of(outside, tmp_path)
    bundle.workspace["shared"]["tenants_siteindex"].remove("tenant_id")
    bundle.workspace["shared"]["tenants_user"] = ["email", "password", "is_superuser"]
    Tenant.objects.filter(pk=outside.tenant.pk).update(state="suspended")
    with pytest.raises(BackupFailed, match="tenants_siteindex in the bundle are not a workspace's own"):
        put_back(actor=None, bundle=bundle, slug="", replace=True)
    assert Tenant.objects.get(pk=outside.tenant.pk).state == "suspended"
    assert SiteIndex.objects.filter(tenant_id=outside.tenant.pk).count() == 1
    # People are refused before there is any work.
    bundle.workspace.update(site_keys=[], people=[{**MEMBER, "role": "emperor"}])
    with pytest.raises(BackupFailed, match="'emperor' in the bundle is no role"):
        prepare(bundle, slug="beside", replace=False)


def test_what_was_erased_left_given_out_or_set_after_the_bundle_is_so_in_its_place(
    outside: Workspace, tmp_path: Path, settings: Any
) -> None:
    settings.FILES_DIR = str(tmp_path / "files")
    given: dict[str, Any] = {"actor": outside.owner, "tenant": outside.tenant}
    with in_tenant(outside.schema):
        site = Site.objects.get()
        names = ("anna", "ben", "carl", "dora", "eve")
        _, ben, carl, dora, eve = add_people(site, [{"external_id": name} for name in names])
        erase(**given, subscribers=[eve])
        again = add_people(site, [{"endpoint": eve.endpoint, "endpoint_digest": eve.endpoint_digest}])[0]
    bundle = bundle_of(outside, tmp_path)
    with in_tenant(outside.schema):
        erase_external_id(**given, external_id="anna")
        erase(**given, subscribers=[dora])
        unsubscribe_person(**given, subscriber=ben)
        # The first of its table: the bundle knows no number of one.
        job = start_export(**given, site=site, file_format="csv")
        path = path_of(job)
        with opened_at(job, 0) as file:
            file.write(b"endpoints")
    set_tenant_rate(**given, per_minute=7)
    suspend_workspace(**given, why="Rows were lost.")
    prepare(bundle, slug="", replace=True)
    restored = restore_tenant(actor=None, bundle=bundle, slug="", replace=True)
    assert restored.left == (2, 1)
    with in_tenant(outside.schema):
        states = dict(Subscriber.objects.values_list("pk", "state"))
        assert states == {ben.pk: "unsubscribed", carl.pk: "active", again.pk: "active"}
        assert Tombstone.objects.count() == 6
        assert start_export(**given, site=site, file_format="csv").pk > job.pk
    assert list(path.parent.iterdir()) == []
    assert Pace.objects.get(key=f"tenant:{outside.tenant.pk}").per_minute == 7


def test_what_cannot_be_read_or_signed_is_in_no_bundle(
    outside: Workspace, tmp_path: Path, settings: Any
) -> None:
    known = settings.FIELD_KEYS
    settings.FIELD_KEYS = {"other": bytes(32)}
    with in_tenant(outside.schema):
        number = VapidKey.objects.get().pk
    with pytest.raises(
        BackupFailed, match=rf"VapidKey {number} cannot be read: its key is not in FIELD_KEYS"
    ):
        bundle_of(outside, tmp_path)
    settings.FIELD_KEYS = known
    settings.BUNDLE_KEY = b""
    with pytest.raises(BackupFailed, match="BUNDLE_KEY is not set, with which bundles are signed"):
        bundle_of(outside, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["truepush-alone.new"]
    # What the first of them had begun to write could be kept, and is in the log; the second wrote nothing.
    assert AuditEntry.objects.filter(tenant_id=outside.tenant.pk, action="workspace.back_up").count() == 1


def test_who_never_showed_that_an_address_is_theirs_does_not_come_in_by_it(acme: Workspace) -> None:
    """Anybody could sign up with the address of somebody whose workspace moves here."""
    early = User.objects.create_user(MEMBER["email"], "a password of a stranger")
    with pytest.raises(BackupFailed, match=r"never showed that the address is theirs: anna@moved\.test"):
        add_members(acme.tenant, [MEMBER], is_ours=False)
    with pytest.raises(BackupFailed):
        add_members(acme.tenant, [MEMBER], is_ours=True)  # another account of ours
    with pytest.raises(BackupFailed, match="'emperor' in the bundle is no role"):
        add_members(acme.tenant, [{**MEMBER, "email": "new@moved.test", "role": "emperor"}], is_ours=False)
    with pytest.raises(BackupFailed, match="'new@moved' in the bundle is no e-mail address"):
        add_members(acme.tenant, [{**MEMBER, "email": "new@moved"}], is_ours=False)
    assert Membership.objects.filter(tenant=acme.tenant).count() == 1
    User.objects.filter(pk=early.pk).update(email_verified_at=datetime(2026, 1, 1, tzinfo=UTC))
    former = {**MEMBER, "id": 78, "email": "former@moved.test", "role": None}
    assert add_members(acme.tenant, [MEMBER, former], is_ours=False) == {77: early.pk}
    row = Membership.objects.get(tenant=acme.tenant, user=early)
    assert (row.role, row.by_mail, row.site_ids) == ("editor", False, [3])
    assert not User.objects.filter(email="former@moved.test").exists()


def test_rows_from_elsewhere_name_nobody_but_members_as_who_did_something(acme: Workspace) -> None:
    """Else a signer could write into the log what support is said to have done."""
    somebody = User.objects.create_user("support@truepush.test", email_verified_at=timezone.now())
    former = {**MEMBER, "email": somebody.email, "role": None}
    assert add_members(acme.tenant, [former], is_ours=False) == {}
    assert add_members(acme.tenant, [former], is_ours=True) == {77: somebody.pk}


def test_the_very_account_of_a_bundle_of_ours_counts_without_proof(acme: Workspace) -> None:
    same = User.objects.create_user(MEMBER["email"])
    assert add_members(acme.tenant, [{**MEMBER, "id": same.pk}], is_ours=True) == {same.pk: same.pk}


@pytest.mark.parametrize("name", ["../a.png", "a.png", f"{'0' * 32}.png", f"{'0' * 32}.svg"])
def test_only_pictures_are_taken_for_pictures(name: str, tmp_path: Path) -> None:
    """As a signer who is trusted with nothing but this workspace could write them."""
    with sealed(tmp_path / PICTURES, bytes(32)) as file, tarfile.open(fileobj=file, mode="w|") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"what"))
    with pytest.raises(BackupFailed, match=r"is no picture of ours|is not what its name says"):
        put_pictures(Bundle(tmp_path, {}, bytes(32)), "t_somebody")
