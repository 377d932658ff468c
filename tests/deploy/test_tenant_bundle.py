"""One workspace in a bundle: into another installation, where its subscribers still hear of it, and back (OP-02)."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tenants.backup import BackupFailed
from tenants.bundle import read_bundle
from tests.deploy.bundle_world import DAMAGE, LOOK, SEND, WORLD
from tests.deploy.conftest import Roles
from tests.rules.source import ROOT
from tests.sandbox.driver import Sandbox, Subscription
from truepush.lib import base64url
from truepush.lib.signing_key import public_of

OWNER = "truepush_owner"
PASSPHRASE = "five words that nobody says"


@dataclass
class Bundled:
    """The workspace as it was made (bundle_world.WORLD), and its bundle."""

    world: dict[str, Any]
    folder: Path
    signer: str
    given: dict[str, str]


@pytest.fixture(scope="module")
def push_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path_factory.mktemp("sandbox"))
    made.program.start()
    yield made
    assert made.program.stop() == 0


@pytest.fixture(scope="module")
def bundled(
    roles: Roles, push_service: Sandbox, elsewhere: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bundled]:
    """`elsewhere` comes first, so that it knows nothing of this workspace."""
    folder = tmp_path_factory.mktemp("bundles")
    given = {
        "BUNDLE_PASSPHRASE": PASSPHRASE,
        "FILES_DIR": str(folder / "files"),
        **{name: elsewhere[name] for name in ("DEMO", "SANDBOX_ORIGIN", "SANDBOX_CA")},
    }
    world = json.loads(roles.done(OWNER, "-c", WORLD, **given))
    answer = roles.run(OWNER, "manage.py", "backup_tenant", "moved", str(folder), **given)
    assert answer.returncode == 0, answer.stderr
    signer = public_of(base64url.decode(roles.settings["BUNDLE_KEY"]))
    assert answer.stderr == f"Signed by {signer}\n"
    yield Bundled(world, Path(answer.stdout.strip()), signer, given)
    # Other tests count what is under way in this installation, and its alerts.
    mine = f"WHERE tenant_id = {world['tenant']}"
    over = f"UPDATE tenants_sendindex SET state = 'finished' {mine}"
    alerts = f"UPDATE tenants_alert SET closed_at = now() {mine}"
    roles.execute(OWNER, over, alerts, f"DELETE FROM tenants_duework {mine}")


@pytest.fixture(scope="module")
def elsewhere(
    roles: Roles, push_service: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The settings of another installation: other secrets, other numbers, other names."""
    roles.execute(
        "postgres", f"CREATE DATABASE elsewhere OWNER {OWNER} TEMPLATE truepush", database="postgres"
    )
    numbers = "SELECT setval('tenants_tenant_id_seq', 1000), setval('tenants_user_id_seq', 5000)"
    # What other tests left to be sent is sealed with keys that this installation has not.
    roles.execute(OWNER, numbers, "UPDATE tenants_duework SET is_held = true", database="elsewhere")
    secret = secrets.token_urlsafe
    yield {
        "DATABASE_URL": roles.url(OWNER, "elsewhere"),
        "FILES_DIR": str(tmp_path_factory.mktemp("elsewhere")),
        "SECRET_KEY": secret(48),
        "FIELD_KEYS": f"k1:{secret(32)}",
        "RECEIPT_KEYS": f"1:{secret(32)}",
        "BUNDLE_KEY": secret(32),
        "BUNDLE_PASSPHRASE": PASSPHRASE,
        "BASE_URL": "http://localhost:8100",
        "SDK_URL": "http://sdk.localhost:8100",
        "DEMO": "true",
        "SANDBOX_ORIGIN": push_service.origin,
        "SANDBOX_CA": str(push_service.ca),
    }
    roles.execute("postgres", "DROP DATABASE elsewhere WITH (FORCE)", database="postgres")


def restore(roles: Roles, folder: Path, given: dict[str, str], *options: str) -> str:
    """What it says; with an error, the error."""
    answer = roles.run(OWNER, "manage.py", "restore_tenant", str(folder), *options, **given)
    return answer.stdout if answer.returncode == 0 else answer.stderr


_TABLES = """
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname NOT LIKE 'pg\\_%' AND nspname NOT LIKE 't\\_moved\\_%'
    AND nspname <> 'information_schema' AND relname NOT LIKE 'django\\_q%' ORDER BY 1, 2
"""


def others(roles: Roles, database: str, tenant_id: int = 0) -> dict[str, object]:
    """A hash of every table, but for the schema of the workspace and its lines in what all share."""
    queries = []
    for schema, table in roles.execute(OWNER, _TABLES, database=database):
        kept = ""
        if schema == "public":
            kept = (
                f"WHERE coalesce(to_jsonb(t)->>'tenant_id', '') <> '{tenant_id}'"
                f" AND ('{table}' <> 'tenants_tenant' OR to_jsonb(t)->>'id' <> '{tenant_id}')"
            )
        name = f"{schema}.{table}"
        queries.append(
            f"SELECT '{name}', md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t {kept}"
        )
    return {
        str(name): md5 for name, md5 in roles.execute(OWNER, " UNION ALL ".join(queries), database=database)
    }


def test_its_subscribers_hear_of_it_from_another_installation(
    roles: Roles, bundled: Bundled, elsewhere: dict[str, str], push_service: Sandbox
) -> None:
    world, before = bundled.world, others(roles, "elsewhere")
    # 1. Killed in the middle, nothing of it is there.
    process = subprocess.Popen(
        [sys.executable, "manage.py", "restore_tenant", str(bundled.folder), "--signer", bundled.signer],
        cwd=ROOT,
        env={**os.environ, **roles.settings, **elsewhere},
    )
    held = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = "
    held += "(SELECT oid FROM pg_database WHERE datname = current_database())"
    deadline = time.monotonic() + 60
    while not roles.execute(OWNER, held, database="elsewhere"):
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    while roles.execute(OWNER, held, database="elsewhere"):
        assert time.monotonic() < deadline
    assert others(roles, "elsewhere") == before
    # 2. Again, whole.
    said = restore(roles, bundled.folder, elsewhere, "--signer", bundled.signer)
    assert "Campaigns that wait for a person: 2.\nAPI keys are not in a bundle" in said
    assert "http://moved.localhost:8100/" in said
    found = json.loads(roles.done(OWNER, "-c", LOOK, **elsewhere))
    log = found.pop("log")
    assert log[0] == "workspace.create"
    assert log[-2:] == ["workspace.put_back", "workspace.pause_sending"]
    number = found["tenant"][0]
    assert number > 1000
    assert found == {
        "tenant": [number, world["schema"], "active"],
        "states": ["finished", "paused", "scheduled"],
        "sends": ["finished", "paused", "scheduled"],
        "held": [True, True],
        "paused": "Restored from a backup ",
        "index": [world["site_key"], ["https://shop.example"], "active", world["schema"]],
        "private": world["secrets"][0],
        "identity": "an identity secret",
        "endpoints": [world["endpoint"]],
        "people": {"editor@moved.test": ["editor", False], "owner@moved.test": ["owner", False]},
        "makers": ["owner@moved.test", None],
        "keys": 0,
        "job": "failed",
        "icon": f"{elsewhere['SDK_URL']}/i/{world['site_key']}/{world['picture']}.png",
        "picture": "a picture",
    }
    after = others(roles, "elsewhere", number)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"public.tenants_user"}
    # 3. The sandbox takes a message only by the key that the browser subscribed with, and decrypts it.
    assert roles.done(OWNER, "-c", SEND, **elsewhere).strip() == "0"
    browser = Subscription(world["endpoint"], b"", b"")
    titles = [
        json.loads(str(message["payload"]))["notification"]["title"]
        for message in push_service.messages(browser)
    ]
    assert titles.count("From elsewhere") == 1


def test_it_comes_back_in_its_own_place_and_nobody_else_notices(roles: Roles, bundled: Bundled) -> None:
    world, given = bundled.world, bundled.given
    number = world["tenant"]
    # 1. Not over one that is in use, nor beside it.
    refused = roles.done(OWNER, "-c", DAMAGE, str(bundled.folder), **given).splitlines()
    assert "moved.localhost is taken." in refused[0]
    assert "The website Shop is in use by the workspace moved" in refused[1]
    assert "moved is in use. Suspend it first" in refused[2]
    # 2. In the place of a suspended one; who was removed since stays so, and keys of the API count as they did.
    before = others(roles, "truepush", number)
    said = restore(roles, bundled.folder, given, "--replace")
    assert "Campaigns that wait for a person: 2.\nWho left after that stays away: 0 erased and 0 " in said
    assert "What was there before is in the schema t_moved_" in said
    assert others(roles, "truepush", number) == before
    found = json.loads(roles.done(OWNER, "-c", LOOK, **given))
    assert found["tenant"] == [number, world["schema"], "active"]
    assert (found["private"], found["endpoints"]) == (world["secrets"][0], [world["endpoint"]])
    assert (found["states"], found["held"]) == (["finished", "paused", "scheduled"], [True, True])
    assert found["people"] == {"owner@moved.test": ["owner", True]}
    assert (found["keys"], found["makers"]) == (1, ["owner@moved.test", "former@moved.test"])
    assert found["log"][-2:] == ["workspace.put_back", "workspace.pause_sending"]


@pytest.fixture
def ours(settings: Any, roles: Roles) -> None:
    settings.BUNDLE_KEY = base64url.decode(roles.settings["BUNDLE_KEY"])


def test_a_changed_octet_anywhere_is_refused_before_the_database_is_asked(
    bundled: Bundled, ours: None, tmp_path: Path
) -> None:
    """This test has no database at all."""
    copy = tmp_path / "changed"
    shutil.copytree(bundled.folder, copy)
    assert read_bundle(copy, passphrase=PASSPHRASE, signer="").workspace["slug"] == "moved"
    for path in sorted(copy.iterdir()):
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(BackupFailed):
                read_bundle(copy, passphrase=PASSPHRASE, signer="")
        path.write_bytes(whole)
    (copy / "more.rows").touch()
    with pytest.raises(BackupFailed, match=r"more\.rows is missing or not what was signed"):
        read_bundle(copy, passphrase=PASSPHRASE, signer="")


def test_whose_bundle_it_is_has_to_be_said_if_it_is_not_ours(bundled: Bundled, settings: Any) -> None:
    settings.BUNDLE_KEY = bytes(32)
    for named in ("", public_of(bytes(32)), public_of(bytes(31) + b"1")):
        with pytest.raises(BackupFailed, match=f"This bundle was signed by {bundled.signer}, not by this"):
            read_bundle(bundled.folder, passphrase=PASSPHRASE, signer=named)
    bundle = read_bundle(bundled.folder, passphrase=PASSPHRASE, signer=bundled.signer)
    assert not bundle.is_ours


def test_another_passphrase_opens_nothing(bundled: Bundled, ours: None) -> None:
    with pytest.raises(BackupFailed, match="The passphrase does not open this bundle"):
        read_bundle(bundled.folder, passphrase=PASSPHRASE + "!", signer="")
    with pytest.raises(BackupFailed, match="at least 12 characters: --passphrase-file, or BUNDLE_PASSPHRASE"):
        read_bundle(bundled.folder, passphrase="", signer="")


def test_a_bundle_of_a_newer_version_is_refused(
    bundled: Bundled, ours: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.restore.all_migrations", lambda: ())
    with pytest.raises(BackupFailed, match=r"which has campaigns\.0001_initial; this is .*Install that one"):
        read_bundle(bundled.folder, passphrase=PASSPHRASE, signer="")


def test_nothing_but_its_name_can_be_read_in_a_bundle(roles: Roles, bundled: Bundled) -> None:
    assert bundled.folder.stat().st_mode & 0o077 == 0
    octets = b"".join(path.read_bytes() for path in bundled.folder.iterdir())
    world = bundled.world
    hidden = [
        world["endpoint"],
        world["site_key"],
        "owner@moved.test",
        "shop.example",
        "a picture",
        PASSPHRASE,
    ]
    hidden += [roles.settings[name].rpartition(":")[2] for name in ("FIELD_KEYS", "BUNDLE_KEY", "SECRET_KEY")]
    found = [text for text in hidden if text.encode() in octets]
    found += [
        secret for secret in world["secrets"] if bytes.fromhex(secret) in octets or secret.encode() in octets
    ]
    assert found == []
