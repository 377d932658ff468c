"""The role of what the world can reach does everything that it should, and makes, changes or drops no table (OP-04)."""

import psycopg
import pytest

from tests.deploy.conftest import Roles

SIGN_UP = """
import django; django.setup()
from tenants.actions.workspace import create_workspace
from tenants.models import User
owner = User.objects.create_user("o@acme.test", "correct horse battery staple")
print(create_workspace(actor=owner, name="Acme").pk)
"""
PREPARE = """
import sys, django; django.setup()
from tenants.actions.workspace import prepare_workspace
print(prepare_workspace(actor=None, tenant_id=int(sys.argv[1])))
"""
# What people and visitors do, through the verbs and the SDK's own call; its end is a send with its doorbell.
USE = """
import json, os, django; django.setup()
from django.test import Client
from campaigns.actions.campaign import launch_campaign, save_draft
from subscribers.actions.site import add_site
from subscribers.models import Subscriber
from tenants.doorway import in_tenant, reset_to_public
from tenants.models import DueWork, Tenant, User
from tests.subscribers.samples import Browser, subscribe, unsubscribe
tenant, owner = Tenant.objects.get(slug="acme"), User.objects.get(email="o@acme.test")
with in_tenant(tenant.schema_name):
    given = {"name": "Shop", "origin": "https://shop.example", "contact": "mailto:o@acme.test"}
    site = add_site(actor=owner, tenant=tenant, **given)
sdk = Client(headers={"host": "sdk.localhost"})
browser = Browser()
answer = subscribe(sdk, site, browser.json())
assert answer.status_code == 201, answer.content
reset_to_public()
with in_tenant(tenant.schema_name):
    assert Subscriber.objects.count() == 1
    content = {"title": "Sale", "body": "Half price", "url": "https://shop.example/", "icon_url": ""}
    campaign = save_draft(actor=owner, tenant=tenant, site=site, content=content)
    launch_campaign(actor=owner, tenant=tenant, campaign=campaign, ttl=3600)
assert DueWork.objects.filter(tenant_id=tenant.pk).count() == 1
assert unsubscribe(sdk, site, browser.endpoint, answer.json()["subscriber"]).status_code == 204
public = Client(headers={"host": "localhost"})
signed = public.post("/sign-in/", {"login": "o@acme.test", "password": "correct horse battery staple"})
assert signed.status_code == 302, signed.content
print("used")
"""


def test_it_does_what_people_and_visitors_ask_for(roles: Roles) -> None:
    """The workers' role makes the schema in between; what it makes can be used at once, by default privileges."""
    tenant_id = roles.done("truepush_app", "-c", SIGN_UP).strip()
    assert roles.done("truepush_owner", "-c", PREPARE, tenant_id).strip() == "True"
    assert roles.done("truepush_app", "-c", USE).strip() == "used"
    assert "ok      migrations: " in roles.run("truepush_app", "manage.py", "ready").stdout
    # A table for the length of a connection, as imports use one.
    roles.execute("truepush_app", "CREATE TEMP TABLE mine (id int)")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "ALTER TABLE public.tenants_tenant ADD COLUMN mine int",
        "DROP TABLE public.tenants_handover",
        "TRUNCATE public.tenants_handover",
        "ALTER TABLE public.tenants_auditentry DISABLE TRIGGER ALL",
        "SET ROLE truepush_owner",
        "COPY public.tenants_user TO PROGRAM 'cat'",
    ],
)
def test_it_makes_changes_and_drops_nothing(roles: Roles, statement: str) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.Error)) as caught:
        roles.execute("truepush_app", statement)
    assert caught.value.sqlstate == "42501"


def test_a_migration_needs_the_owner(roles: Roles) -> None:
    """And a workspace that is prepared by the wrong role says so to the page that waits for it."""
    assert roles.run("truepush_app", "manage.py", "migrate_tenants").returncode == 0  # nothing is behind
    roles.execute("truepush_owner", "DELETE FROM django_migrations WHERE app = 'mfa'")
    refused = roles.run("truepush_app", "manage.py", "migrate_schemas", "--shared", "--noinput", "-v0")
    assert refused.returncode != 0
    roles.done("truepush_owner", "manage.py", "migrate_schemas", "--shared", "--fake", "--noinput", "-v0")
