"""Pages about when a campaign goes out: what a choice comes to, and calling back what has not begun."""

from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from campaigns.access import access_campaign, access_send, chosen_site
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.schedule import call_back
from campaigns.calendar import month_of
from campaigns.forms_said import problems_of
from campaigns.forms_timing import DAY_NAMES, TimingForm
from campaigns.models import Campaign
from campaigns.plan import plan_of
from campaigns.reach import reach
from campaigns.timing import Timing
from campaigns.timing_table import zone_rows
from campaigns.whom import DORMANT_DAYS, MOST_SEGMENTS, LeaveOut
from subscribers.hours import share_known
from subscribers.models import Segment, Site
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest
from truepush.lib.ids import read_id

SHOWN_OCCURRENCES = 5
# The calendar turns this far either way.
MOST_YEARS = 20


@console(Role.ANALYST)
def calendar(request: ConsoleRequest) -> HttpResponse:
    """Show a month of sends; `month` is 2027-03, anything else is this one. `day` (2027-03-05) is shown whole."""
    now = timezone.now()
    try:
        first = datetime.strptime(request.GET.get("month", ""), "%Y-%m").date()
    except ValueError:
        first = now.date().replace(day=1)
    if not now.year - MOST_YEARS <= first.year <= now.year + MOST_YEARS:
        first = now.date().replace(day=1)
    context = {
        "month": month_of(first, now, _day(request.GET.get("day", ""))),
        "day_names": DAY_NAMES,
        "many_sites": Site.objects.count() > 1,
    }
    return render(request, "campaigns/calendar.html", context)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@console(Role.EDITOR)
def audience(request: ConsoleRequest) -> HttpResponse:
    """Answer how many the chosen website and segments come to; ids that are none of the website's are left out."""
    site = chosen_site(request.GET.get("site"))
    if site is None:
        raise Http404
    known = set(Segment.objects.filter(site=site).values_list("pk", flat=True))
    chosen = [
        [pk for pk in map(read_id, request.GET.getlist(name)) if pk in known]
        for name in ("segment", "excluded")
    ]
    segments, excluded = (ids[:MOST_SEGMENTS] for ids in chosen)
    found = reach(site, segments, excluded, _left_out(request))
    return render(request, "campaigns/_reach.html", {"found": found})


def _left_out(request: ConsoleRequest) -> LeaveOut:
    """As the fields of the composer say it; `campaign` is whose recipients had it."""
    days = read_id(request.GET.get("dormant_days"))
    campaign = Campaign.objects.filter(pk=read_id(request.GET.get("campaign"))).first()
    had = (campaign.pk, *campaign.copied_from) if campaign and request.GET.get("had") else ()
    return LeaveOut(days if days in DORMANT_DAYS else None, had)


@console(Role.EDITOR)
def times(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Answer what the chosen time comes to: which instants, which days, and when each time zone gets it."""
    campaign = access_campaign(pk)
    form = TimingForm(request.GET)
    context = (
        _times_of(form.chosen(campaign.site), campaign.site)
        if form.is_valid()
        else {"problems": problems_of(form)}
    )
    return render(request, "campaigns/_times.html", context)


def _times_of(timing: Timing, site: Site) -> dict[str, Any]:
    now = timezone.now()
    try:
        plan = plan_of(timing, now)
    except CampaignRefused as error:
        return {"problems": [str(error)]}
    if plan.wall is None:
        return {"plan": plan}
    return {
        "plan": plan,
        "following": timing.occurrences(now, SHOWN_OCCURRENCES)[1:],
        "rows": zone_rows(plan.wall, plan.due_at, timing, site) if timing.is_local else [],
        "known": share_known(site.pk) if timing.is_best else None,
    }


@console(Role.SENDER, write=True)
def take_back(request: ConsoleRequest, pk: int) -> HttpResponse:
    send = access_send(pk)
    try:
        campaign = call_back(actor=request.user, tenant=request.tenant, send=send)
    except CampaignRefused as error:
        messages.error(request, str(error))
        return redirect("campaigns:report", pk)
    if campaign.state == Campaign.State.DRAFT:
        messages.success(request, "Called back: nobody got it, and it is a draft again.")
    else:
        messages.success(request, "The series has ended. What went out before stays as it was.")
    return redirect("campaigns:compose", campaign.pk)
