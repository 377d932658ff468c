"""The console's list of a website's subscribers."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from subscribers.access import access_site, chosen_site
from subscribers.actions.flood import flooded
from subscribers.actions.job import JobRefused
from subscribers.actions.prune import start_prune
from subscribers.audience import TooSlow
from subscribers.figures import count_by_state
from subscribers.losses import dormant, losses
from subscribers.models import Job, Segment, Site, Subscriber
from subscribers.names import countries
from subscribers.rules.arguments import RuleRefused
from subscribers.subscriber_list import Page, Wanted, as_query, page_of
from subscribers.suggestions import suggestion_query
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest
from tenants.roles import is_at_least
from truepush.lib.ids import read_id


@console(Role.ANALYST)
def subscriber_list(request: ConsoleRequest) -> HttpResponse:
    sites = list(Site.objects.all())
    site = chosen_site(sites, request.GET.get("site", ""))
    if site is None:
        return render(request, "subscribers/subscriber_list.html", {"sites": sites, "site": None})
    wanted = _wanted(request)
    page, problem = Page(), ""
    near = {way: read_id(request.GET.get(way)) or None for way in ("after", "before")}
    try:
        page = page_of(site.pk, wanted, **near)
    except TooSlow:
        problem = (
            "This search reads too many subscribers at once. Add a filter, or search for more of the text."
        )
    except RuleRefused as error:
        problem = str(error)
    context = {
        "sites": sites,
        "site": site,
        "wanted": wanted,
        "page": page,
        "problem": problem,
        "states": Subscriber.State.choices,
        "countries": countries(),
        "segments": Segment.objects.filter(site=site),
        "query": urlencode({"site": site.pk, **as_query(wanted)}),
        "site_query": urlencode({"site": site.pk}),
    }
    return render(request, "subscribers/subscriber_list.html", context)


@console(Role.ANALYST)
def subscriber_totals(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Answer the line of the list that counts: at a million people it takes longer than the page."""
    site = access_site(pk)
    totals = {"totals": count_by_state(site.pk), "flooded": flooded(site.pk)}
    return render(request, "subscribers/_totals.html", totals)


@console(Role.ANALYST)
def shrinking(request: ConsoleRequest) -> HttpResponse:
    """Say why the audience shrank, and who has not been seen for long."""
    sites = list(Site.objects.all())
    site = chosen_site(sites, request.GET.get("site", ""))
    if site is None:
        return redirect("subscribers:subscriber_list")
    sleeping = [
        {"days": days, "total": total, "query": suggestion_query(site, *_not_seen(days))}
        for days, total in dormant(site.pk)
    ]
    context = {
        "sites": sites,
        "site": site,
        "weeks": losses(site.pk),
        "sleeping": sleeping,
        "may_prune": is_at_least(request.membership, Role.ADMIN),
        "pruning": Job.objects.filter(kind=Job.Kind.PRUNE, site=site).first(),
    }
    return render(request, "subscribers/shrinking.html", context)


@console(Role.ADMIN, write=True)
def prune(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Unsubscribe who was not seen for so many days, in the background."""
    site, days = access_site(pk), request.POST.get("days", "")
    try:
        number = int(days) if days.isdecimal() and len(days) < 5 else 0
        start_prune(actor=request.user, tenant=request.tenant, site=site, days=number)
        messages.success(request, f"Who was not seen for {days} days is being unsubscribed.")
    except JobRefused as error:
        messages.error(request, str(error))
    return redirect(f"{reverse('subscribers:shrinking')}?site={site.pk}")


def _not_seen(days: int) -> tuple[str, dict[str, Any]]:
    condition = {"field": "seen_at", "op": "not_within", "days": days}
    return f"Not seen for {days} days", {"match": "all", "rules": [condition]}


def _wanted(request: ConsoleRequest) -> Wanted:
    given = request.GET
    return Wanted(
        search=given.get("q", "").strip()[:128].replace("\0", ""),
        state=given["state"] if given.get("state") in Subscriber.State.values else "",
        tag=given.get("tag", "").strip()[:64].replace("\0", ""),
        country=given["country"] if given.get("country") in countries() else "",
        segment=read_id(given.get("segment")),
        tests="tests" in given,
    )
