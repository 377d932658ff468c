"""Sign-up makes a person and a workspace, and the page that waits for it moves on by itself."""

from django.test import Client

from tenants.actions.workspace import prepare_workspace
from tenants.models import Membership, Tenant
from tests.conftest import PASSWORD


def test_sign_up_makes_a_user_and_a_workspace_and_waits_for_it(db: None, public: Client) -> None:
    form = {"workspace": "Tea & Co.", "email": "Ann@Example.com", "password1": PASSWORD}
    answer = public.post("/sign-up/", form)
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
