"""Two workspaces made once per run, ordinary rollback between tests, and no way out of the machine."""

import ipaddress
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import setup_databases, teardown_databases

from subscribers.actions.site import add_site
from subscribers.models import Site
from tenants.actions.workspace import create_workspace, prepare_workspace
from tenants.banners import forget as forget_banners
from tenants.doorway import in_tenant, reset_to_public
from tenants.flags import forget as forget_flags
from tenants.models import (
    Alert,
    Domain,
    DueWork,
    Handover,
    Invitation,
    KeptMail,
    Membership,
    Pace,
    Problem,
    Role,
    SdkRelease,
    SendIndex,
    SiteIndex,
    Tenant,
    Throttle,
    User,
    WorkerProcess,
)
from tenants.problem_notes import notes
from tenants.sdk_rings import forget as forget_releases
from tenants.site_index import forget_all
from tests.groups import Groups

PASSWORD = "correct horse battery staple"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Cheap passwords; and static files that are looked up, not listed for each new client (40 ms to 5 ms)."""
    django_settings.WHITENOISE_AUTOREFRESH = True
    django_settings.SEND_UNDO_SECONDS = 0.0
    django_settings.STORAGES["images"]["OPTIONS"]["location"] = tempfile.mkdtemp(prefix="truepush-images-")
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def _only_loopback() -> Iterator[None]:
    """Refuse Python's sockets every address that is not of this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"A test tried to connect to {host}.")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@dataclass
class Workspace:
    """A tenant with its owner; `host` is its console's."""

    tenant: Tenant
    owner: User

    @property
    def host(self) -> str:
        return f"{self.tenant.slug}.localhost:8000"

    @property
    def schema(self) -> str:
        return self.tenant.schema_name


def make_workspace(slug: str) -> Workspace:
    owner = User.objects.create_user(f"owner@{slug}.test", PASSWORD)
    tenant = create_workspace(actor=owner, name=slug.capitalize(), slug=slug)
    assert prepare_workspace(actor=None, tenant_id=tenant.pk)
    tenant.refresh_from_db()
    return Workspace(tenant, owner)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """Make the test database with two workspaces in it.

    In place of pytest-django's own, which makes none in a run whose tests only ask for committed data: those would
    then write to the database of DATABASE_URL.
    """
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        for slug in ("acme", "globex"):
            make_workspace(slug)
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    forget_all()
    forget_flags()
    forget_banners()
    notes.write(lambda statement, values: [])
    forget_releases()
    yield
    forget_all()
    forget_flags()
    forget_banners()
    notes.write(lambda statement, values: [])
    forget_releases()
    reset_to_public()


def workspace(slug: str) -> Workspace:
    tenant = Tenant.objects.get(slug=slug)
    return Workspace(tenant, Membership.objects.get(tenant=tenant, role=Role.OWNER).user)


@pytest.fixture
def acme(db: None) -> Workspace:
    return workspace("acme")


@pytest.fixture
def globex(db: None) -> Workspace:
    return workspace("globex")


@pytest.fixture
def alone(django_db_setup: None, django_db_blocker: Any) -> Iterator[Workspace]:
    """A workspace whose rows are committed, for tests with threads or processes; removed afterwards."""
    with django_db_blocker.unblock():
        made = make_workspace("alone")
        try:
            yield made
        finally:
            remove_workspace(made)


def forget_audit(*tenant_ids: int) -> None:
    """Remove entries that a test committed, which the table itself refuses."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_auditentry DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM tenants_auditentry WHERE tenant_id = ANY(%s)", [list(tenant_ids)])
        cursor.execute("ALTER TABLE tenants_auditentry ENABLE TRIGGER USER")


def remove_workspace(made: Workspace) -> None:
    reset_to_public()
    pk = made.tenant.pk
    forget_audit(pk)
    for model in (DueWork, SendIndex, SiteIndex, Pace):
        model.objects.filter(tenant_id=pk).delete()
    for shared in (Throttle, Alert, WorkerProcess, SdkRelease, KeptMail, Problem):
        shared.objects.all().delete()
    for model in (Handover, Invitation, Membership, Domain):
        model.objects.filter(tenant=made.tenant).delete()
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{made.schema}" CASCADE')
        cursor.execute("DELETE FROM tenants_tenant WHERE id = %s", [pk])
        cursor.execute("DELETE FROM django_q_ormq")
    User.objects.filter(pk=made.owner.pk).delete()


@pytest.fixture
def console() -> Callable[..., Client]:
    """Make a client that is signed in on the workspace's host, as its owner or as another member."""

    def sign_in(place: Workspace, user: User | None = None) -> Client:
        client = Client(headers={"host": place.host})
        client.force_login(user or place.owner)
        session = client.session
        session["tenant_id"] = place.tenant.pk
        session.save()
        return client

    return sign_in


@pytest.fixture
def public() -> Client:
    return Client(headers={"host": "localhost:8000"})


@pytest.fixture
def sdk() -> Client:
    return Client(headers={"host": "sdk.localhost:8000"})


def make_site(place: Workspace, **changes: Any) -> Site:
    """Add a website through the verb, inside the workspace's schema."""
    values = {
        "name": "Shop",
        "origin": "https://shop.example",
        "contact": "mailto:ops@example.com",
        **changes,
    }
    with in_tenant(place.schema):
        return add_site(actor=place.owner, tenant=place.tenant, **values)
