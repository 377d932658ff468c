"""How fast the workspace and each of its websites send, and the way back from a pause."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from subscribers.actions.site import set_site_rate
from subscribers.forms_sending import RatesForm
from subscribers.models import Site
from tenants.access import console
from tenants.actions.sending import resume_sending, set_needs_approval, set_tenant_rate
from tenants.models import Role
from tenants.request import ConsoleRequest


@console(Role.ADMIN, form=True)
def rates(request: ConsoleRequest) -> HttpResponse:
    """Show and change the limits, of which only those that differ are written."""
    sites = list(Site.objects.all())
    form = RatesForm(request.POST if request.method == "POST" else None, tenant=request.tenant, sites=sites)
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["workspace"] != request.tenant.rate_per_minute:
            set_tenant_rate(
                actor=request.user, tenant=request.tenant, per_minute=form.cleaned_data["workspace"]
            )
        for site in sites:
            rate = form.cleaned_data[f"site_{site.pk}"]
            if rate != site.rate_per_minute:
                set_site_rate(actor=request.user, tenant=request.tenant, site=site, per_minute=rate)
        set_needs_approval(
            actor=request.user, tenant=request.tenant, needs_approval=form.cleaned_data["needs_approval"]
        )
        messages.success(request, "Saved. What is being sent follows within seconds.")
        return redirect("subscribers:sending")
    return render(request, "subscribers/sending.html", {"form": form})


@console(Role.ADMIN, write=True)
def resume(request: ConsoleRequest) -> HttpResponse:
    if resume_sending(actor=request.user, tenant=request.tenant):
        messages.success(request, "Sending goes on.")
    else:
        messages.info(request, "Sending was not paused any more.")
    return redirect("campaigns:home")
