"""Console pages of sending: home, campaigns, composer, report."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from campaigns.access import access_campaign, access_send, newest_send
from campaigns.actions.campaign import launch_campaign, save_draft, send_test
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.resend import about
from campaigns.delivery.payload import MAX_BRIDGED
from campaigns.delivery.personal import PROFILE
from campaigns.forms import ComposeForm, as_initial
from campaigns.forms_speed import SpeedForm
from campaigns.models import Campaign, Send
from campaigns.next_step import next_step
from campaigns.reach import reach_of
from campaigns.report import LIVE_STATES, report_of, reports_of
from campaigns.resend_audience import CHOICES
from campaigns.waits import why_it_waits
from subscribers.figures import last_days
from subscribers.hints import attribute_names
from subscribers.models import Site
from subscribers.names import languages
from subscribers.sdk import site_settings
from subscribers.views import TEST_DEVICES
from tenants.access import RANK, console
from tenants.models import Role
from tenants.request import ConsoleRequest
from truepush.lib.webpush.encryption import MAX_PLAINTEXT

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


@console(Role.ANALYST)
def campaign_list(request: ConsoleRequest) -> HttpResponse:
    pages = Paginator(Campaign.objects.select_related("site"), PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    sends = Send.objects.filter(campaign__in=page.object_list, kind=Send.Kind.CAMPAIGN)
    by_campaign = {send.campaign_id: send for send in sends.select_related("campaign", "site")}
    rows = [
        {
            "campaign": campaign,
            "report": report_of(by_campaign[campaign.pk]) if campaign.pk in by_campaign else None,
        }
        for campaign in page
    ]
    is_moving = any(send.state in LIVE_STATES for send in by_campaign.values())
    context = {"rows": rows, "page_obj": page, "is_moving": is_moving}
    return render(request, "campaigns/campaign_list.html", context)


@console(Role.EDITOR, form=True)
def new(request: ConsoleRequest) -> HttpResponse:
    if not Site.objects.exists():
        messages.info(request, "Add your website first: a campaign goes to the subscribers of a website.")
        return redirect("subscribers:site_new")
    first = Site.objects.order_by("pk").last()
    initial = {"site": request.GET.get("site") or first, "segment": request.GET.get("segment")}
    form = ComposeForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        campaign = save_draft(
            actor=request.user,
            tenant=request.tenant,
            site=form.cleaned_data["site"],
            segment=form.cleaned_data["segment"],
            content=form.content(),
        )
        return redirect("campaigns:compose", campaign.pk)
    return render(request, "campaigns/compose.html", _compose_context(form, None))


@console(Role.EDITOR, form=True)
def compose(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Edit a draft; "save" stays here. A campaign that was sent shows its report instead."""
    campaign = access_campaign(pk)
    if campaign.state != Campaign.State.DRAFT:
        return redirect("campaigns:report", newest_send(campaign).pk)
    message = campaign.messages.get(variant=0)
    initial = {
        "site": campaign.site,
        "segment": campaign.segment,
        **as_initial(message),
    }
    form = ComposeForm(request.POST or None, initial=initial, message=message)
    if request.method == "POST" and form.is_valid():
        try:
            save_draft(
                actor=request.user,
                tenant=request.tenant,
                site=form.cleaned_data["site"],
                segment=form.cleaned_data["segment"],
                content=form.content(),
                campaign=campaign,
            )
        except CampaignRefused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Draft saved.")
            return redirect("campaigns:compose", campaign.pk)
    return render(request, "campaigns/compose.html", _compose_context(form, campaign))


def _compose_context(form: ComposeForm, campaign: Campaign | None) -> dict[str, Any]:
    site = campaign.site if campaign else None
    preview_site = site or Site.objects.order_by("pk").last()
    known = attribute_names(preview_site.pk) if preview_site else []
    return {
        "form": form,
        "campaign": campaign,
        "site": site,
        "preview_site": preview_site,
        "language_choices": languages(),
        "placeholders": [
            {"label": "Attributes", "names": known},
            {"label": "Profile", "names": [name for name in PROFILE if name not in known]},
        ],
        "limits": {
            "payload_max": MAX_PLAINTEXT,
            "bridged_max": MAX_BRIDGED if settings.FIREFOX_ANDROID else MAX_PLAINTEXT,
        },
        **(reach_of(campaign) if campaign else {}),
        **(_tests_of(campaign) if campaign else {}),
        "test_device": _test_device(site) if site else None,
    }


@console(Role.EDITOR)
def tests(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Answer the live part of the composer that says what became of tests on one's own browser."""
    campaign = access_campaign(pk)
    return render(request, "campaigns/_tests.html", {"campaign": campaign, **_tests_of(campaign)})


def _tests_of(campaign: Campaign) -> dict[str, Any]:
    sends = Send.objects.filter(campaign=campaign, kind=Send.Kind.TEST).select_related("campaign", "site")
    reports = reports_of(sends[:LAST_TESTS])
    return {"tests": reports, "is_testing": any(one.is_live for one in reports)}


def _test_device(site: Site) -> dict[str, Any]:
    """What the page's script needs to make this browser a test device of the site."""
    worker = reverse("subscribers:test_worker", args=[site.site_key])
    return {
        "worker": worker,
        "scope": worker.removesuffix("worker.js"),
        "vapid_key": site_settings(site)["vapid_key"],
        "subscribe_url": reverse("subscribers:test_device", args=[site.pk]),
    }


@console(Role.EDITOR, write=True)
def test(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Send the saved draft to the browser that the person set up as a test device."""
    campaign = access_campaign(pk)
    device = request.session.get(TEST_DEVICES, {}).get(str(campaign.site_id), 0)
    try:
        send_test(
            actor=request.user,
            tenant=request.tenant,
            campaign=campaign,
            subscriber_id=device,
            ttl=settings.PUSH_TTL_SECONDS,
        )
    except CampaignRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Sent to this browser. It should appear within a few seconds.")
    return redirect("campaigns:compose", campaign.pk)


@console(Role.SENDER, write=True)
def send(request: ConsoleRequest, pk: int) -> HttpResponse:
    campaign = access_campaign(pk)
    form = SpeedForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return redirect("campaigns:compose", campaign.pk)
    try:
        made = launch_campaign(
            actor=request.user,
            tenant=request.tenant,
            campaign=campaign,
            ttl=settings.PUSH_TTL_SECONDS,
            speed=form.chosen(),
        )
    except CampaignRefused as error:
        messages.error(request, str(error))
        return redirect("campaigns:compose", campaign.pk)
    return HttpResponseRedirect(reverse("campaigns:report", args=[made.pk]))


@console(Role.ANALYST)
def report(request: ConsoleRequest, pk: int) -> HttpResponse:
    return render(request, "campaigns/report.html", _report_context(request, pk))


@console(Role.ANALYST)
def figures(request: ConsoleRequest, pk: int) -> HttpResponse:
    return render(request, "campaigns/_figures.html", _report_context(request, pk))


def _report_context(request: ConsoleRequest, pk: int) -> dict[str, Any]:
    found = access_send(pk)
    may_send = RANK[Role(request.membership.role)] >= RANK[Role.SENDER]
    is_over = found.finished_at is not None
    return {
        "report": report_of(found),
        "waits": why_it_waits(found, request.tenant),
        "can_steer": may_send and not is_over,
        "can_resend": may_send and is_over and found.kind == Send.Kind.CAMPAIGN,
        "again": {what: about(found, what) for what in CHOICES},
    }
