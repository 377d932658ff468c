"""Support staff's pages that read: what happens now, search, a workspace, a send."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from campaigns.models import Batch
from tenants.actions.sending import stop_of_everything
from tenants.doorway import in_tenant
from tenants.models import Alert, Membership, Role, SendIndex, SiteIndex, SupportView, Tenant
from truepush.lib.ids import read_id
from truepush.staff.doors import StaffRequest, access_any_send, access_any_workspace, context_of, staff_page
from truepush.staff.now import MOST, right_now
from truepush.staff.problems import worst
from truepush.staff.search import LEAST, Found, search
from truepush.staff.search import MOST as LONGEST


@staff_page("support_tenant")
def now(request: StaffRequest) -> HttpResponse:
    control = request.user.has_perm("tenants.control_tenant")
    found = {**right_now(), **worst(), "is_stopped": stop_of_everything() is not None, "may_control": control}
    return render(request, "staff/now.html", context_of(request, "Now", **found))


@staff_page("support_tenant")
def search_page(request: StaffRequest) -> HttpResponse:
    """Search all workspaces, or the one named by `in`; `after` goes on behind a workspace that was visited."""
    text = " ".join(request.GET.get("q", "").replace("\0", "").split())[:LONGEST]
    place = read_id(request.GET.get("in"))
    within = access_any_workspace(place) if place else None
    found: Found | None = None
    if len(text) >= LEAST:
        people = request.user.has_perm("tenants.view_user")
        found = search(text, within=within, after=read_id(request.GET.get("after")), people=people)
    more = {"q": text, "within": within, "found": found, "least": LEAST, "longest": LONGEST}
    return render(request, "staff/search.html", context_of(request, "Search", **more))


@staff_page("support_tenant")
def workspace(request: StaffRequest, pk: int) -> HttpResponse:
    tenant = access_any_workspace(pk)
    members = Membership.objects.filter(tenant=tenant).select_related("user")
    more = {
        "tenant": tenant,
        "members": members[:MOST] if request.user.has_perm("tenants.view_user") else (),
        "sites": SiteIndex.objects.filter(tenant_id=pk)[:MOST],
        "sends": SendIndex.objects.filter(tenant_id=pk)[:MOST],
        "alerts": Alert.objects.filter(tenant_id=pk, closed_at=None)[:MOST],
        "views": SupportView.objects.filter(tenant=tenant, ended_at=None, until__gt=timezone.now())
        .select_related("user")[:MOST],
        "roles": [(role.value, role.label) for role in reversed(Role)],
        "may_control": request.user.has_perm("tenants.control_tenant"),
        "may_view": request.user.has_perm("tenants.view_as_tenant"),
    }  # fmt: skip
    return render(request, "staff/workspace.html", context_of(request, tenant.name, **more))


@staff_page("support_tenant")
def send(request: StaffRequest, pk: int) -> HttpResponse:
    row = access_any_send(pk)
    tenant = Tenant.objects.filter(pk=row.tenant_id).first()
    batches: list[Batch] = []
    if tenant and tenant.has_schema:
        with in_tenant(tenant.schema_name):
            opened = Batch.objects.filter(send=row.send_id, state=Batch.State.OPEN)
            batches = list(opened.defer("ids", "ordinals").order_by("due_at", "pk")[:MOST])
    more = {
        "send": row,
        "tenant": tenant,
        "batches": batches,
        "now": timezone.now(),
        "may_queue": row.state == "running" and request.user.has_perm("tenants.control_tenant"),
    }
    return render(request, "staff/send.html", context_of(request, f"Send {row.send_id}", **more))
