"""Console pages of sending: home, campaigns, composer, report."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render

from campaigns.ab_report import versions_of
from campaigns.access import access_send
from campaigns.actions.resend import about
from campaigns.models import Campaign, Send
from campaigns.next_step import next_step
from campaigns.report import report_of, reports_of
from campaigns.resend_audience import CHOICES
from campaigns.states import verbs_for
from campaigns.timing_table import sent_rows
from campaigns.waits import why_it_waits
from subscribers.figures import last_days
from subscribers.models import Site
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest
from tenants.roles import is_at_least

PER_PAGE = 25
LAST_SENDS = 5
LAST_TESTS = 3


@console(Role.ANALYST)
def home(request: ConsoleRequest) -> HttpResponse:
    """Show the websites with their subscribers over 30 days, the last sends, and what to do next."""
    known = list(Site.objects.all())  # first: a website that is added meanwhile has figures, but no row yet
    figures_of = last_days()
    sites = [{"site": site, **figures_of[site.pk]} for site in known]
    sends = Send.objects.filter(kind=Send.Kind.CAMPAIGN).select_related("campaign", "site")[:LAST_SENDS]
    reports = reports_of(sends)
    context = {
        "sites": sites,
        "sends": reports,
        "next_step": next_step(sites),
        "is_moving": any(one.is_moving for one in reports),
    }
    return render(request, "campaigns/home.html", context)


# What the list shows, by the name in its address.
_State = Campaign.State
LISTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "": ("All", (_State.DRAFT, _State.WAITING, _State.SCHEDULED, _State.LAUNCHED)),
    "drafts": ("Drafts", (_State.DRAFT, _State.WAITING)),
    "scheduled": ("Scheduled", (_State.SCHEDULED,)),
    "sent": ("Sent", (_State.LAUNCHED,)),
    "templates": ("Templates", (_State.TEMPLATE,)),
    "archived": ("Archived", tuple(_State.values)),
}


@console(Role.ANALYST)
def campaign_list(request: ConsoleRequest) -> HttpResponse:
    shown = request.GET.get("show", "")
    shown = shown if shown in LISTS else ""
    found = Campaign.objects.filter(state__in=LISTS[shown][1], archived_at__isnull=shown != "archived")
    page = Paginator(found.select_related("site"), PER_PAGE).get_page(request.GET.get("page"))
    sends = Send.objects.filter(campaign__in=page.object_list, kind=Send.Kind.CAMPAIGN)
    by_campaign: dict[int, Send] = {}
    for send in sends.select_related("campaign", "site"):  # the newest first
        by_campaign.setdefault(send.campaign_id, send)
    rows = [
        {
            "campaign": campaign,
            "report": report_of(by_campaign[campaign.pk]) if campaign.pk in by_campaign else None,
        }
        for campaign in page
    ]
    context = {
        "rows": rows,
        "page_obj": page,
        "is_moving": any(report_of(send).is_moving for send in by_campaign.values()),
        "lists": [(name, label, name == shown) for name, (label, _) in LISTS.items()],
        "shown": shown,
        "has_any": bool(rows) or Campaign.objects.exists(),
    }
    return render(request, "campaigns/campaign_list.html", context)


@console(Role.ANALYST)
def report(request: ConsoleRequest, pk: int) -> HttpResponse:
    return render(request, "campaigns/report.html", _report_context(request, pk))


@console(Role.ANALYST)
def figures(request: ConsoleRequest, pk: int) -> HttpResponse:
    return render(request, "campaigns/_figures.html", _report_context(request, pk))


def _report_context(request: ConsoleRequest, pk: int) -> dict[str, Any]:
    found = access_send(pk)
    may_send = is_at_least(request.membership, Role.SENDER)
    is_over = found.finished_at is not None
    return {
        "report": report_of(found),
        "waits": why_it_waits(found, request.tenant),
        "can_steer": may_send and not is_over,
        **versions_of(found),
        "verbs": verbs_for(found.campaign) if is_at_least(request.membership, Role.EDITOR) else frozenset(),
        "zone_rows": sent_rows(found) if found.timing and found.launched_at else [],
        "can_resend": may_send and is_over and found.kind == Send.Kind.CAMPAIGN,
        "again": {what: about(found, what) for what in CHOICES},
    }
