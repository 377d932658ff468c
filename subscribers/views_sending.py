"""How fast the workspace and each of its websites send, and the way back from a pause."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from subscribers.access import access_site
from subscribers.actions.site import set_restraint, set_site_rate
from subscribers.forms_restraint import RestraintForm, as_initial
from subscribers.forms_sending import RatesForm
from subscribers.models import Site
from tenants.access import console
from tenants.actions.sending import SendingHeld, resume_sending, set_needs_approval, set_tenant_rate
from tenants.models import Role
from tenants.request import ConsoleRequest


@console(Role.ADMIN, form=True, whole=True)
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


@console(Role.ADMIN, write=True, whole=True)
def resume(request: ConsoleRequest) -> HttpResponse:
    try:
        if resume_sending(actor=request.user, tenant=request.tenant):
            messages.success(request, "Sending goes on.")
        else:
            messages.info(request, "Sending was not paused any more.")
    except SendingHeld as held:
        messages.error(request, str(held))
    return redirect("campaigns:home")


@console(Role.ADMIN, form=True)
def restraint(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show and change how much a website's subscribers may get."""
    site = access_site(pk)
    form = RestraintForm(request.POST if request.method == "POST" else None, initial=as_initial(site))
    if request.method == "POST" and form.is_valid():
        set_restraint(actor=request.user, tenant=request.tenant, site=site, restraint=form.chosen())
        messages.success(request, "Saved. It holds for what is being sent, too.")
        return redirect("subscribers:restraint", pk)
    return render(request, "subscribers/restraint.html", {"form": form, "site": site})
