"""Support staff's site: on the public host, for staff alone, and for reading alone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from subscribers.models import VapidKey
from tenants.doorway import in_tenant
from tenants.models import (
    Alert,
    AuditEntry,
    DueWork,
    FeatureFlag,
    KeptMail,
    Membership,
    Pace,
    Role,
    SdkRelease,
    SendIndex,
    SiteIndex,
    Tenant,
    Throttle,
    User,
    WorkerProcess,
)
from tenants.outbox import EmailBackend
from tests.conftest import Workspace, make_site
from tests.tenants.people import Browser, add_member, add_person, give_second_factor

SignIn = Callable[[User], Client]
MODELS = (
    Tenant,
    User,
    SiteIndex,
    SendIndex,
    DueWork,
    AuditEntry,
    WorkerProcess,
    Alert,
    Pace,
    Throttle,
    SdkRelease,
    FeatureFlag,
    KeptMail,
)


def signed_in_staff(signed_in: SignIn, email: str, **marks: bool) -> Client:
    user = add_person(email, is_staff=True, **marks)
    client = signed_in(user)
    give_second_factor(user)
    return client


@pytest.fixture
def staff(signed_in: SignIn) -> Client:
    return signed_in_staff(signed_in, "support@truepush.test", is_superuser=True)


@pytest.fixture
def rows(acme: Workspace) -> dict[type[Any], Any]:
    """One row of everything that staff can see."""
    site = make_site(acme, name="Teapot shop")
    now = timezone.now()
    place = {"tenant_id": acme.tenant.pk, "schema_name": acme.schema, "send_id": 77}
    send = SendIndex.objects.create(**place, site_id=site.pk, kind="campaign", state="running", due_at=now)
    work = DueWork.objects.create(**place, priority=DueWork.Priority.BULK, due_at=now)
    return {
        Tenant: acme.tenant,
        User: acme.owner,
        SiteIndex: SiteIndex.objects.get(site_key=site.site_key),
        SendIndex: send,
        DueWork: work,
        AuditEntry: AuditEntry.objects.latest("pk"),
        WorkerProcess: WorkerProcess.objects.create(host="h", pid=1, role="clock", version="1"),
        Alert: Alert.objects.create(kind="runaway", tenant_id=acme.tenant.pk, text="Look at it."),
        Pace: Pace.objects.create(key=f"tenant:{acme.tenant.pk}", tenant_id=acme.tenant.pk, per_minute=60),
        KeptMail: kept_mail(),
        Throttle: Throttle.objects.create(
            lane="o:https://x", kind="origin", origin="https://x", per_second=1, normal=1
        ),
        FeatureFlag: FeatureFlag.objects.create(name="own-encoder"),
        SdkRelease: SdkRelease.objects.create(version="0.0.1", files={"worker.js": "x"}, digest="0"),
    }


def kept_mail() -> KeptMail:
    EmailBackend().send_messages([EmailMessage("Hello", "text", to=["x@x.test"])])
    return KeptMail.objects.get()


def address(model: type[Any], page: str = "") -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{page}"


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Read all rows of the public schema, except sessions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND relname <> 'django_session'"
        )
        contents = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
            contents[table] = cursor.fetchall()
        return contents


def test_it_has_these_lists_and_no_other(db: None) -> None:
    assert set(admin.site._registry) == set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_staff_read_each_list_and_each_row(
    rows: dict[type[Any], Any], staff: Client, model: type[Any]
) -> None:
    page = staff.get(address(model))
    assert page.status_code == 200
    assert rows[model] in page.context["cl"].result_list
    row = staff.get(address(model, f"{rows[model].pk}/change/"))
    assert row.status_code == 200
    assert "Save" not in row.content.decode()
    assert staff.get(address(model, f"{rows[model].pk}/history/")).status_code == 200


def test_a_list_takes_as_many_queries_for_many_rows_as_for_one(
    rows: dict[type[Any], Any], staff: Client
) -> None:
    def ask(model: type[Any]) -> int:
        with CaptureQueriesContext(connection) as queries:
            staff.get(address(model))
        return len(queries)

    before = {model: ask(model) for model in MODELS}
    for number in range(30):
        Tenant.objects.create(name=f"T{number}", slug=f"t{number}", schema_name=f"t_{number}")
        add_person(f"p{number}@many.test")
    assert {model: ask(model) for model in MODELS} == before


def test_a_search_finds_the_customer(rows: dict[type[Any], Any], staff: Client, globex: Workspace) -> None:
    found = staff.get(address(Tenant), {"q": "acme"}).context["cl"].result_list
    assert list(found) == [rows[Tenant]]
    found = staff.get(address(SiteIndex), {"q": "teapot"}).context["cl"].result_list
    assert list(found) == [rows[SiteIndex]]


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_added_changed_or_deleted(
    rows: dict[type[Any], Any], staff: Client, model: type[Any]
) -> None:
    pk = rows[model].pk
    before = everything()
    form = {
        "name": "Hacked",
        "slug": "hacked",
        "email": "hacked@evil.test",
        "is_superuser": "on",
        "post": "yes",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": str(rows[User].pk),
        "memberships-0-role": "owner",
    }
    action = {"action": "delete_selected", "_selected_action": str(pk), "post": "yes"}
    assert staff.post(address(model, "add/"), form).status_code == 403
    assert staff.get(address(model, "add/")).status_code == 403
    assert staff.post(address(model, f"{pk}/change/"), form).status_code == 403
    assert staff.post(address(model, f"{pk}/delete/"), form).status_code == 403
    assert staff.get(address(model, f"{pk}/delete/")).status_code == 403
    staff.post(address(model), action)
    assert everything() == before
    assert LogEntry.objects.count() == 0


def test_no_page_holds_a_secret(rows: dict[type[Any], Any], staff: Client, acme: Workspace) -> None:
    """AU-09: no hash of a password, no key of a website, no token."""
    browser = Browser(acme, staff)
    Membership.objects.create(tenant=acme.tenant, user=User.objects.get(is_staff=True), role=Role.ANALYST)
    token = browser.open(browser.ask())["token"]
    with in_tenant(acme.schema):
        sealed = [key.private_encrypted for key in VapidKey.objects.all()]
    assert sealed
    secrets = [rows[User].password, rows[User].password.split("$")[-1], token, browser.nonce, *sealed]
    pages = ["/admin/", *(address(model) for model in MODELS)]
    pages += [address(model, f"{row.pk}/change/") for model, row in rows.items()]
    for page in pages:
        text = staff.get(page).content.decode()
        assert [secret for secret in secrets if secret in text] == [], page


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.ANALYST])
def test_customers_are_shown_to_the_sign_in_and_nothing_else(
    rows: dict[type[Any], Any], acme: Workspace, signed_in: SignIn, role: Role
) -> None:
    """AU-11: a tenant's owner is never staff."""
    user = acme.owner if role == Role.OWNER else add_member(acme, role)
    client = signed_in(user)
    for page in (
        "",
        "tenants/tenant/",
        "tenants/user/",
        f"tenants/tenant/{acme.tenant.pk}/change/",
        "nowhere/",
    ):
        answer = client.get(f"/admin/{page}")
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


def test_a_staff_mark_alone_shows_nothing(rows: dict[type[Any], Any], signed_in: SignIn) -> None:
    """AU-11: what is read is granted model by model."""
    client = signed_in_staff(signed_in, "new@truepush.test")
    user = User.objects.get(email="new@truepush.test")
    assert "permission to view or edit anything." in client.get("/admin/").content.decode()
    assert {client.get(address(model)).status_code for model in MODELS} == {403}
    user.user_permissions.add(Permission.objects.get(codename="view_tenant"))
    assert client.get(address(Tenant)).status_code == 200
    assert client.get(address(User)).status_code == 403


def test_even_with_every_permission_nothing_can_be_changed(
    rows: dict[type[Any], Any], signed_in: SignIn
) -> None:
    client = signed_in_staff(signed_in, "eager@truepush.test")
    User.objects.get(email="eager@truepush.test").user_permissions.set(Permission.objects.all())
    before = everything()
    for model in MODELS:
        assert client.post(address(model, f"{rows[model].pk}/change/"), {"name": "x"}).status_code == 403
        assert client.post(address(model, f"{rows[model].pk}/delete/"), {"post": "yes"}).status_code == 403
    assert everything() == before


@pytest.mark.parametrize("host", ["acme.localhost:8000", "sdk.localhost:8000"])
def test_other_hosts_have_no_such_site(rows: dict[type[Any], Any], staff: Client, host: str) -> None:
    client = Client(headers={"host": host})
    client.cookies["truepush_session"] = staff.cookies["truepush_session"].value
    for page in ("", "login/", "tenants/tenant/", "jsi18n/"):
        assert client.get(f"/admin/{page}").status_code == 404


def test_a_switched_off_member_of_staff_is_out_at_the_next_request(
    rows: dict[type[Any], Any], staff: Client
) -> None:
    User.objects.filter(email="support@truepush.test").update(is_staff=False)
    assert staff.get("/admin/").status_code == 302
