"""Sign-up makes a person and a workspace, or says beside the field what is wrong and makes nothing."""

from typing import Any

import pytest
from django.test import Client
from django_q.models import OrmQ

from tenants.actions.workspace import prepare_workspace
from tenants.models import AuditEntry, Domain, Membership, Tenant, User
from tests.conftest import PASSWORD, Workspace

FORM = {"workspace": "Tea & Co.", "email": "Ann@Example.com", "password1": PASSWORD}


def counts() -> dict[str, int]:
    models = (User, Tenant, Domain, Membership, AuditEntry, OrmQ)
    return {model.__name__: model.objects.count() for model in models}


def test_sign_up_makes_a_user_and_a_workspace_and_waits_for_it(db: None, public: Client) -> None:
    answer = public.post("/sign-up/", FORM)
    assert (answer.status_code, answer["Location"]) == (302, "/workspaces/tea-co/preparing/")
    tenant = Tenant.objects.get(slug="tea-co")
    assert tenant.state == Tenant.State.CREATING
    member = Membership.objects.get(tenant=tenant)
    assert (member.user.email, member.role) == ("ann@example.com", "owner")
    waiting = public.get("/workspaces/tea-co/state/")
    assert "HX-Redirect" not in waiting.headers
    assert prepare_workspace(actor=None, tenant_id=tenant.pk)
    ready = public.get("/workspaces/tea-co/state/")
    assert ready["HX-Redirect"] == "http://tea-co.localhost:8000/"


def test_sign_up_writes_who_made_the_workspace_and_queues_its_making_once(db: None, public: Client) -> None:
    before = counts()
    public.post("/sign-up/", FORM)
    made = {name: number - before[name] for name, number in counts().items()}
    assert made == {"User": 1, "Tenant": 1, "Domain": 1, "Membership": 1, "AuditEntry": 2, "OrmQ": 2}
    entry = AuditEntry.objects.filter(action="workspace.create").latest("pk")
    tenant = Tenant.objects.get(slug="tea-co")
    assert (entry.action, entry.actor, entry.tenant_id) == ("workspace.create", "ann@example.com", tenant.pk)
    tasks = [row.task for row in OrmQ.objects.order_by("pk")][-2:]
    assert [(task["func"], task["args"]) for task in tasks] == [
        ("tenants.tasks.prepare_workspace", (tenant.pk,)),
        ("tenants.tasks.mail_verification", (entry.actor_id,)),
    ]


def test_the_owner_of_a_new_workspace_is_not_support_staff(db: None, public: Client) -> None:
    """AU-11: a tenant's owner is never staff, whatever else the form carries."""
    public.post("/sign-up/", FORM | {"is_staff": "on", "is_superuser": "on", "role": "owner", "slug": "www"})
    user = User.objects.get(email="ann@example.com")
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert Membership.objects.get(user=user).tenant.slug == "tea-co"


REFUSED = {
    "no workspace name": ({"workspace": ""}, "workspace", "This field is required."),
    "a name of spaces": ({"workspace": "   "}, "workspace", "This field is required."),
    "a name nobody can see": (
        {"workspace": "\u200b\u2060 \u202e"},
        "workspace",
        "Give the workspace a name that people can see.",
    ),
    "a name with a NUL": ({"workspace": "Te\0a"}, "workspace", "Null characters are not allowed."),
    "a name of 81 characters": (
        {"workspace": "x" * 81},
        "workspace",
        "Ensure this value has at most 80 characters (it has 81).",
    ),
    "no e-mail": ({"email": ""}, "email", "This field is required."),
    "no address": ({"email": "ann"}, "email", "Enter a valid email address."),
    "an address of 255 characters": (
        {"email": "a@" + "b" * 61 + ".c" * 94 + ".test"},
        "email",
        "This address has 256 characters; at most 254 are possible.",
    ),
    "an address that is known": (
        {"email": "OWNER@acme.test"},
        "email",
        "A user is already registered with this email address.",
    ),
    "no password": ({"password1": ""}, "password1", "This field is required."),
    "a short password": (
        {"password1": "Xy7_pq"},
        "password1",
        "This password is too short. It must contain at least 8 characters.",
    ),
    "a common password": ({"password1": "password123"}, "password1", "This password is too common."),
    "the address as password": (
        {"password1": "ann@example.com"},
        "password1",
        "The password is too similar to the email.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_field_is_named_and_nothing_is_made(acme: Workspace, public: Client, case: str) -> None:
    changes, field, message = REFUSED[case]
    before = counts()
    answer = public.post("/sign-up/", FORM | changes)
    form: Any = answer.context["form"]
    assert (answer.status_code, form.errors[field]) == (200, [message])
    assert list(form.errors) == [field]
    assert counts() == before
    assert "truepush_session" not in answer.cookies


def test_what_was_typed_is_not_lost_but_the_password_is_not_sent_back(db: None, public: Client) -> None:
    answer = public.post("/sign-up/", FORM | {"email": "ann"})
    page = answer.content.decode()
    assert 'value="Tea &amp; Co."' in page
    assert PASSWORD not in page


def test_sign_up_leads_to_no_other_site(db: None, public: Client) -> None:
    """WB-08."""
    answer = public.post("/sign-up/", FORM | {"next": "//evil.test/"})
    assert answer["Location"] == "/workspaces/tea-co/preparing/"


def test_who_is_signed_in_is_led_to_the_workspaces(acme: Workspace, signed_in: Any) -> None:
    answer = signed_in(acme.owner).get("/sign-up/")
    assert (answer.status_code, answer["Location"]) == (302, "/workspaces/")
