"""The funnel page of a website: from shown to subscribed, by prompt, page, browser and country; tests of two."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from subscribers.access import chosen_site
from subscribers.funnel import DIMENSIONS, PERIODS, compare, day_of, tables
from subscribers.models import Prompt, Site
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest
from tenants.roles import is_at_least


@console(Role.ANALYST)
def funnel(request: ConsoleRequest) -> HttpResponse:
    sites = list(Site.objects.all())
    site = chosen_site(sites, request.GET.get("site", ""))
    days = next((one for one in PERIODS if str(one) == request.GET.get("days")), 30)
    figures = _figures(site, days) if site else {}
    context = {
        "sites": sites,
        "site": site,
        "days": days,
        "periods": PERIODS,
        "may_choose": is_at_least(request.membership, Role.ADMIN),
        **figures,
    }
    return render(request, "subscribers/funnel.html", context)


def _figures(site: Site, days: int) -> dict[str, Any]:
    today = timezone.now().date()
    since = day_of(days, today)
    prompts = list(Prompt.objects.filter(site=site))
    whole, by = tables(site, since, {one.pk: one.name for one in prompts})
    return {
        "since": since,
        "whole": whole,
        "tables": [(DIMENSIONS[name], lines) for name, lines in by.items() if lines],
        "tests": compare(site, prompts, today),
    }
