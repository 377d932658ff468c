"""Console pages of the check of a website's installation: ask for one, watch it, read what it found."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from subscribers.access import access_site
from subscribers.actions.site_check import DONE, CheckRefused, ask_check, is_lost, is_moving, rest
from subscribers.doctor.finding import State
from subscribers.models import Site
from subscribers.stub import page_of
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest
from tenants.roles import is_at_least

# What static/sdk/truepush.js looks for in a page's address.
MARK = "#truepush-check"


def check_context(request: ConsoleRequest, site: Site) -> dict[str, Any]:
    """What the part of the page shows that is about the check."""
    checked, now = site.checked, timezone.now()
    findings = checked.get("findings", []) if checked.get("state") == DONE else []
    states = [one["state"] for one in findings]
    return {
        "findings": findings,
        "problems": states.count(State.PROBLEM),
        "hints": states.count(State.WARNING) + states.count(State.UNKNOWN),
        "checked_at": parse_datetime(checked["at"]) if findings else None,
        "is_moving": is_moving(checked, now),
        "is_lost": is_lost(checked, now),
        "wait": rest(checked, now),
        "may_check": is_at_least(request.membership, Role.ADMIN),
        "browser_check": page_of(site) + MARK,
    }


@console(Role.ADMIN, write=True)
def check(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Ask for a check; the page then asks for its state until it is done."""
    site, refusal = access_site(pk), ""
    try:
        ask_check(actor=request.user, tenant=request.tenant, site=site)
    except CheckRefused as error:
        refusal = str(error)
    if request.htmx:
        context = {"site": site, "refusal": refusal, **check_context(request, site)}
        return render(request, "subscribers/_check.html", context)
    if refusal:
        messages.error(request, refusal)
    return redirect("subscribers:site", pk)


@console(Role.ANALYST)
def check_state(request: ConsoleRequest, pk: int) -> HttpResponse:
    site = access_site(pk)
    return render(request, "subscribers/_check.html", {"site": site, **check_context(request, site)})
