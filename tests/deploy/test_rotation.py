"""`manage.py rotate_keys`: cut off anywhere, everything stays readable, and the next run completes (FT-25)."""

import os
import secrets
import subprocess
import sys
import time

import pytest

from tests.deploy.conftest import Roles
from tests.rules.source import ROOT

OWNER = "truepush_owner"
MANY = 1500
WORLD = f"""
import django; django.setup()
from subscribers.actions.site import add_site
from subscribers.keyring import seal, seal_identity
from subscribers.models import Site, VapidKey
from tenants.actions.workspace import create_workspace, prepare_workspace
from tenants.doorway import in_tenant
from tenants.models import User
owner = User.objects.create_user("keys@acme.test", "correct horse battery staple")
tenant = create_workspace(actor=owner, name="Sealed")
assert prepare_workspace(actor=None, tenant_id=tenant.pk)
with in_tenant(tenant.schema_name):
    given = {{"name": "Shop", "origin": "https://sealed.example", "contact": "mailto:o@acme.test"}}
    site = add_site(actor=owner, tenant=tenant, **given)
    Site.objects.filter(pk=site.pk).update(identity_encrypted=seal_identity(b"identity", site.pk))
    publics = [number.to_bytes(65, "big") for number in range({MANY})]
    VapidKey.objects.bulk_create(
        VapidKey(site=site, public=public, private_encrypted=seal(b"private", public), state="old")
        for public in publics
    )
print(tenant.schema_name)
"""
# Reads everything that is sealed, and says how much of it is under which key.
READ = """
import collections, sys, django; django.setup()
from subscribers.keyring import unseal, unseal_identity
from subscribers.models import Site, VapidKey
from tenants.doorway import in_tenant
with in_tenant(sys.argv[1]):
    keys = list(VapidKey.objects.all())
    sites = list(Site.objects.all())
    for key in keys:
        unseal(key.private_encrypted, bytes(key.public))
    assert [unseal_identity(site.identity_encrypted, site.pk) for site in sites] == [b"identity"]
texts = [key.private_encrypted for key in keys] + [site.identity_encrypted for site in sites]
print(dict(sorted(collections.Counter(text.partition(":")[0] for text in texts).items())))
"""


@pytest.fixture(scope="module")
def schema(roles: Roles) -> str:
    return roles.done(OWNER, "-c", WORLD).strip()


def test_a_rotation_that_was_killed_is_run_again_and_completes(roles: Roles, schema: str) -> None:
    old = roles.settings["FIELD_KEYS"]
    new = f"k2:{secrets.token_urlsafe(32)}"
    both = {"FIELD_KEYS": f"{new},{old}"}
    # 1. Cut off in the middle: some under each key, all readable by processes that know both.
    process = subprocess.Popen(
        [sys.executable, "manage.py", "rotate_keys"],
        cwd=ROOT,
        env={**os.environ, **roles.settings, "DATABASE_URL": roles.url(OWNER), **both},
    )
    count = f"SELECT count(*) FROM {schema}.subscribers_vapidkey WHERE private_encrypted LIKE 'k2:%'"
    deadline = time.monotonic() + 60
    while not roles.execute(OWNER, count)[0][0]:
        assert time.monotonic() < deadline
    process.kill()
    process.wait(10)
    (done,) = roles.execute(OWNER, count)[0]
    assert 0 < int(str(done)) < MANY
    assert roles.done(OWNER, "-c", READ, schema, **both).startswith("{'k1': ")
    # 2. Again: the rest, and after it nothing.
    total = MANY + 2
    said = roles.done(OWNER, "manage.py", "rotate_keys", **both)
    assert "Nothing needs k1 any more" in said
    assert roles.done(OWNER, "manage.py", "rotate_keys", **both).startswith("0 texts")
    # 3. The old key can go.
    assert roles.done(OWNER, "-c", READ, schema, FIELD_KEYS=new).strip() == str({"k2": total})
    # 4. And back, so that other tests read what is theirs.
    roles.done(OWNER, "manage.py", "rotate_keys", FIELD_KEYS=f"{old},{new}")


def test_what_no_key_opens_is_named_and_left(roles: Roles, schema: str) -> None:
    """A session as Django itself signs it is under no key; what it says is not printed."""
    session = f"('{'s' * 32}', 'readable:1w:{'a' * 43}', now())"
    roles.execute(OWNER, f"INSERT INTO django_session VALUES {session}")
    answer = roles.run(OWNER, "manage.py", "rotate_keys", FIELD_KEYS=f"k3:{secrets.token_urlsafe(32)}")
    roles.execute(OWNER, f"DELETE FROM django_session WHERE session_key = '{'s' * 32}'")
    assert answer.returncode == 1
    assert "texts could not be read and stay as they are, under {" in answer.stderr
    assert ("'k1': " in answer.stderr, "'no key': 1" in answer.stderr) == (True, True)
    assert "readable" not in answer.stderr
    assert roles.done(OWNER, "-c", READ, schema).startswith("{'k1': ")
