"""Support staff's buttons: each posts a reason, calls a verb and leads back."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect

from campaigns.actions.errors import CampaignRefused
from campaigns.actions.requeue import requeue_batch
from tenants.actions import support
from tenants.actions.sending import SendingHeld
from tenants.actions.support_view import start_view
from tenants.addresses import console_url
from tenants.doorway import in_tenant
from tenants.session_tracking import own_row
from truepush.lib.ids import read_id
from truepush.staff.doors import StaffRequest, access_any_send, access_any_workspace, staff_page


def _press(request: StaffRequest, verb: Callable[..., object], said: str, **given: Any) -> None:
    """Call the verb with the reason that was given, and say what came of it on the next page.

    `said` may name what the verb was called with and, as `done`, what it answered.
    """
    try:
        done = verb(actor=request.user, why=request.POST.get("why", ""), **given)
    except (support.SupportRefused, SendingHeld, CampaignRefused) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said.format(done=done, **given))


def _of_workspace(verb: Callable[..., object], said: str) -> Callable[..., HttpResponse]:
    @staff_page("control_tenant", write=True)
    def button(request: StaffRequest, pk: int) -> HttpResponse:
        _press(request, verb, said, tenant=access_any_workspace(pk))
        return redirect("staff:workspace", pk)

    return button


def _of_all(verb: Callable[..., object], said: str) -> Callable[..., HttpResponse]:
    @staff_page("control_tenant", write=True)
    def button(request: StaffRequest) -> HttpResponse:
        _press(request, verb, said)
        return redirect("staff:now")

    return button


suspend = _of_workspace(support.suspend_workspace, "{tenant} is suspended.")
reopen = _of_workspace(support.reopen_workspace, "{tenant} is open again.")
hold = _of_workspace(support.hold_sending, "All sending of {tenant} is paused.")
let_go = _of_workspace(support.release_sending, "Sending of {tenant} goes on.")
stop = _of_all(support.stop_everything, "All sending is stopped: {done} workspaces were paused.")
start = _of_all(support.start_everything, "Sending goes on in {done} workspaces.")


@staff_page("control_tenant", write=True)
def requeue(request: StaffRequest, pk: int) -> HttpResponse:
    send = access_any_send(pk)
    tenant = access_any_workspace(send.tenant_id)
    batch_id = read_id(request.POST.get("batch"))
    with in_tenant(tenant.schema_name):
        _press(
            request, requeue_batch, "Batch {batch_id} is queued again.",
            tenant=tenant, send_id=send.send_id, batch_id=batch_id,
        )  # fmt: skip
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
