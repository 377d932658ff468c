"""Support staff's buttons: each posts a reason, calls a verb and leads back."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect

from campaigns.actions.errors import CampaignRefused
from campaigns.actions.requeue import requeue_batch
from tenants.actions import support
from tenants.actions.sending import SendingHeld, resume_sending
from tenants.actions.support_view import start_view
from tenants.addresses import console_url
from tenants.doorway import in_tenant
from tenants.models import Tenant
from tenants.session_tracking import own_row
from truepush.lib.ids import read_id
from truepush.staff.doors import StaffRequest, access_any_send, access_any_workspace, staff_page


def _do(request: StaffRequest, verb: Callable[[], str]) -> None:
    """Call the verb, and say what came of it on the next page."""
    try:
        messages.success(request, verb())
    except (support.SupportRefused, SendingHeld, CampaignRefused) as refusal:
        messages.error(request, str(refusal))


def _why(request: StaffRequest) -> str:
    return support.check_reason(request.POST.get("why", ""))


@staff_page("control_tenant", write=True)
def suspend(request: StaffRequest, pk: int) -> HttpResponse:
    tenant = access_any_workspace(pk)

    def do() -> str:
        support.suspend_workspace(actor=request.user, tenant=tenant, why=_why(request))
        return f"{tenant.name} is suspended."

    _do(request, do)
    return redirect("staff:workspace", pk)


@staff_page("control_tenant", write=True)
def reopen(request: StaffRequest, pk: int) -> HttpResponse:
    tenant = access_any_workspace(pk)

    def do() -> str:
        support.reopen_workspace(actor=request.user, tenant=tenant, why=_why(request))
        return f"{tenant.name} is open again."

    _do(request, do)
    return redirect("staff:workspace", pk)


@staff_page("control_tenant", write=True)
def hold(request: StaffRequest, pk: int) -> HttpResponse:
    tenant = access_any_workspace(pk)

    def do() -> str:
        support.hold_sending(actor=request.user, tenant=tenant, why=_why(request))
        return f"All sending of {tenant.name} is paused."

    _do(request, do)
    return redirect("staff:workspace", pk)


@staff_page("control_tenant", write=True)
def let_go(request: StaffRequest, pk: int) -> HttpResponse:
    tenant = access_any_workspace(pk)

    def do() -> str:
        resumed = resume_sending(actor=request.user, tenant=tenant, is_support=True, why=_why(request))
        return (
            f"Sending of {tenant.name} goes on." if resumed else f"Sending of {tenant.name} was not paused."
        )

    _do(request, do)
    return redirect("staff:workspace", pk)


@staff_page("control_tenant", write=True)
def stop(request: StaffRequest) -> HttpResponse:
    def do() -> str:
        paused = support.stop_everything(actor=request.user, why=_why(request))
        return f"All sending is stopped: {paused} workspaces were paused."

    _do(request, do)
    return redirect("staff:now")


@staff_page("control_tenant", write=True)
def start(request: StaffRequest) -> HttpResponse:
    def do() -> str:
        going = support.start_everything(actor=request.user, why=_why(request))
        return f"Sending goes on in {going} workspaces."

    _do(request, do)
    return redirect("staff:now")


@staff_page("control_tenant", write=True)
def requeue(request: StaffRequest, pk: int) -> HttpResponse:
    send = access_any_send(pk)
    tenant = Tenant.objects.filter(pk=send.tenant_id).first()
    batch = request.POST.get("batch", "")

    def do() -> str:
        number = read_id(batch)
        why = _why(request)
        if tenant is None:
            raise CampaignRefused("The workspace of this send is gone.")
        with in_tenant(tenant.schema_name):
            requeue_batch(actor=request.user, tenant=tenant, send_id=send.send_id, batch_id=number, why=why)
        return f"Batch {number} is queued again."

    _do(request, do)
    return redirect("staff:send", pk)


@staff_page("view_as_tenant", write=True)
def look(request: StaffRequest, pk: int) -> HttpResponse:
    """Begin a look into the console, and lead there."""
    tenant = access_any_workspace(pk)
    try:
        start_view(
            actor=request.user,
            tenant=tenant,
            role=request.POST.get("role", ""),
            why=request.POST.get("why", ""),
            seen_id=own_row(request),
        )
    except support.SupportRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("staff:workspace", pk)
    return HttpResponseRedirect(console_url(tenant))
