"""A backup is restored on an empty database, and nothing goes out of it until a person says so (OP-01, FT-25)."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.deploy.conftest import Roles
from tests.rules.source import ROOT

OWNER = "truepush_owner"
# A workspace with a finished send, one that is half sent and one that is planned, a picture and a sealed key.
WORLD = """
import django; django.setup()
from pathlib import Path
from django.conf import settings
from django.test import Client
from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.models import Send
from subscribers.actions.site import add_site
from tenants.actions.keys import create_key
from tenants.actions.workspace import create_workspace, prepare_workspace
from tenants.doorway import in_tenant
from tenants.models import DueWork, SendIndex, User
from tests.subscribers.samples import Browser, subscribe
owner = User.objects.create_user("keeper@acme.test", "correct horse battery staple")
tenant = create_workspace(actor=owner, name="Kept")
assert prepare_workspace(actor=None, tenant_id=tenant.pk)
create_key(actor=owner, tenant=tenant, name="Shop", scopes=["campaigns:read"], per_minute=60, expires_at=None)
with in_tenant(tenant.schema_name):
    given = {"name": "Shop", "origin": "https://kept.example", "contact": "mailto:o@acme.test"}
    site = add_site(actor=owner, tenant=tenant, **given)
answer = subscribe(Client(headers={"host": "sdk.localhost"}), site, Browser().json(), origin="https://kept.example")
assert answer.status_code == 201, answer.content
with in_tenant(tenant.schema_name):
    content = {"title": "Sale", "body": "Half price", "url": "https://kept.example/", "icon_url": ""}
    for state in ("finished", "running", "scheduled"):
        campaign = save_draft(actor=owner, tenant=tenant, site=site, content=content)
        send = launch_campaign(actor=owner, tenant=tenant, campaign=campaign, ttl=3600)
        Send.objects.filter(pk=send.pk).update(state=state)
        SendIndex.objects.filter(tenant_id=tenant.pk, send_id=send.pk).update(state=state)
        if state == "finished":
            DueWork.objects.filter(tenant_id=tenant.pk, send_id=send.pk).delete()
Client().force_login(owner)
folder = Path(settings.FILES_DIR) / "images"
folder.mkdir(parents=True)
(folder / "a.png").write_bytes(b"picture")
"""
LOOK = """
import django, json; django.setup()
from django.contrib.sessions.models import Session
from campaigns.models import Send
from subscribers.keyring import unseal
from subscribers.models import VapidKey
from tenants.doorway import in_tenant
from tenants.models import Alert, ApiKey, DueWork, Notice, Tenant
tenant = Tenant.objects.get(slug="kept")
with in_tenant(tenant.schema_name):
    states = list(Send.objects.order_by("pk").values_list("state", flat=True))
    key = VapidKey.objects.get()
    length = len(unseal(key.private_encrypted, bytes(key.public)))
print(json.dumps({
    "states": states, "key": length, "paused": tenant.sending_paused_why[:30],
    "held": list(DueWork.objects.order_by("send_id").values_list("is_held", flat=True)),
    "notices": Notice.objects.filter(tenant_id=tenant.pk).count(),
    "alerts": list(Alert.objects.filter(closed_at=None).values_list("kind", flat=True)),
    "sessions": Session.objects.count(),
    "keys held": ApiKey.objects.filter(tenant=tenant, held_at__isnull=False).count(),
}))
"""
RESTORED = {
    "states": ["finished", "paused", "scheduled"],
    "key": 32,
    "held": [True, True],
    "notices": 2,
    "alerts": ["restored"],
    "sessions": 0,
    "keys held": 1,
}


@pytest.fixture(scope="module")
def backup(roles: Roles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("backups")
    files = into / "from"
    roles.done(OWNER, "-c", WORLD, FILES_DIR=str(files))
    return Path(roles.done(OWNER, "manage.py", "backup", str(into), FILES_DIR=str(files)).strip())


@pytest.fixture
def empty(roles: Roles, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of a machine that has nothing but the keys."""
    name = "restored"
    roles.execute("postgres", f"CREATE DATABASE {name} OWNER {OWNER}", database="postgres")
    yield {"DATABASE_URL": roles.url(OWNER, name), "FILES_DIR": str(tmp_path / "files")}
    roles.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)", database="postgres")


def restore(roles: Roles, folder: Path, given: dict[str, str], **changes: str) -> str:
    """What it says; with an error, the error."""
    answer = roles.run(OWNER, "manage.py", "restore", str(folder), **{**given, **changes})
    return answer.stdout if answer.returncode == 0 else answer.stderr


def check_restored(roles: Roles, given: dict[str, str]) -> None:
    found = json.loads(roles.done(OWNER, "-c", LOOK, **given))
    assert found == {**RESTORED, "paused": found["paused"]}
    assert found["paused"].startswith("Restored from a backup of ")
    assert (Path(given["FILES_DIR"]) / "images" / "a.png").read_bytes() == b"picture"


def test_what_had_finished_stays_so_and_the_rest_waits_for_a_person(
    roles: Roles, backup: Path, empty: dict[str, str]
) -> None:
    said = restore(roles, backup, empty)
    assert "Campaigns that wait for a person: 2. Now start the processes." in said
    check_restored(roles, empty)
    # Once more would mix two: it is refused.
    assert "The database is not empty" in restore(roles, backup, empty)


def test_a_restore_that_was_killed_is_run_again_and_completes(
    roles: Roles, backup: Path, empty: dict[str, str]
) -> None:
    """FT-25: wherever it is cut off."""
    picture = Path(empty["FILES_DIR"]) / "images" / "a.png"
    kill_restore(
        roles, backup, empty, lambda: is_there(roles, "truepush_restoring", "pg_namespace", "nspname")
    )
    kill_restore(roles, backup, empty, lambda: is_there(roles, "tenants_tenant", "pg_class", "relname"))
    kill_restore(roles, backup, empty, picture.exists)
    assert "wait for a person: 2" in restore(roles, backup, empty)
    check_restored(roles, empty)


def is_there(roles: Roles, name: str, catalog: str, column: str) -> bool:
    found = f"SELECT 1 FROM {catalog} WHERE {column} = '{name}'"
    return bool(roles.execute(OWNER, found, database="restored"))


def kill_restore(roles: Roles, backup: Path, given: dict[str, str], came: Callable[[], bool]) -> None:
    """kill -9 as soon as it has come so far."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "restore", str(backup)],
        cwd=ROOT,
        env={**os.environ, **roles.settings, **given},
    )
    deadline = time.monotonic() + 60
    while not came():
        time.sleep(0.02)  # between two looks nobody else is connected
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    process.wait(10)
    assert process.returncode == -signal.SIGKILL


def test_nothing_is_restored_under_who_uses_the_database(
    roles: Roles, backup: Path, empty: dict[str, str]
) -> None:
    with psycopg.connect(empty["DATABASE_URL"]):
        said = restore(roles, backup, empty)
    assert "1 other connections to this database are open. Stop whatever uses it, workers first." in said
    assert not is_there(roles, "truepush_restoring", "pg_namespace", "nspname")


def test_no_worker_begins_before_a_restore_is_finished(roles: Roles, empty: dict[str, str]) -> None:
    roles.execute(OWNER, "CREATE SCHEMA truepush_restoring", database="restored")
    answer = roles.run(OWNER, "manage.py", "worker", **empty)
    assert answer.returncode == 1
    assert "A restore into this database is not finished. Run manage.py restore again" in answer.stderr
    answer = roles.run(OWNER, "manage.py", "ready", **empty)
    assert (answer.returncode, answer.stdout.count("a restore into it is not finished")) == (1, 1)


def test_a_backup_that_was_cut_off_is_none(
    roles: Roles, backup: Path, empty: dict[str, str], tmp_path: Path
) -> None:
    unfinished = tmp_path / "truepush.new"
    unfinished.mkdir()
    (unfinished / "database.dump").touch()
    assert "is no whole backup" in restore(roles, unfinished, empty)
    # The next run goes over what was left.
    made = roles.done(OWNER, "manage.py", "backup", str(tmp_path), FILES_DIR=str(tmp_path / "none")).strip()
    assert sorted(path.name for path in tmp_path.iterdir() if "truepush" in path.name) == [Path(made).name]


def test_what_was_changed_or_cannot_be_read_is_refused(
    roles: Roles, backup: Path, empty: dict[str, str], tmp_path: Path
) -> None:
    other = "other:" + roles.settings["FIELD_KEYS"].partition(":")[2]
    said = restore(roles, backup, empty, FIELD_KEYS=other)
    assert "FIELD_KEYS lacks k1, with which this backup was made. Put the key's own backup there." in said
    changed = tmp_path / "changed"
    shutil.copytree(backup, changed)
    with (changed / "files.tar").open("r+b") as file:
        file.write(b"x")
    assert "files.tar is missing or not what was written" in restore(roles, changed, empty)


def test_no_key_is_in_a_backup_and_nobody_else_reads_it(roles: Roles, backup: Path) -> None:
    assert backup.stat().st_mode & 0o077 == 0
    manifest = json.loads((backup / "manifest.json").read_text())
    assert (manifest["field_keys"], manifest["receipt_keys"]) == (["k1"], [1])
    secrets = [roles.settings[name].partition(":")[2] for name in ("FIELD_KEYS", "RECEIPT_KEYS")]
    for path in backup.iterdir():
        assert not [secret for secret in secrets if secret.encode() in path.read_bytes()]
