"""Console pages of the composer: write a campaign, try it on one's own browser, send it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from campaigns.access import access_campaign, chosen_site, newest_send
from campaigns.actions.campaign import launch_campaign, save_draft, send_test
from campaigns.actions.errors import CampaignRefused
from campaigns.delivery.ab import LETTERS
from campaigns.delivery.payload import MAX_BRIDGED
from campaigns.delivery.personal import PROFILE
from campaigns.forms import ComposeForm, as_initial
from campaigns.forms_said import say_problems
from campaigns.forms_timing import DAY_NAMES
from campaigns.forms_way import read_way
from campaigns.models import Campaign, Send
from campaigns.preview_person import somebody
from campaigns.previews import as_table
from campaigns.reach import reach_of
from campaigns.report import reports_of
from campaigns.states import ALLOWED, verbs_for
from campaigns.timing import DAYS
from campaigns.views_approval import waiting_page
from campaigns.whom import included
from subscribers.hints import attribute_names
from subscribers.models import Site
from subscribers.names import languages
from subscribers.restraint import Restraint
from subscribers.sdk import of_worker
from subscribers.views import TEST_DEVICES
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest
from truepush.lib.ids import read_id
from truepush.lib.webpush.encryption import MAX_PLAINTEXT

LAST_TESTS = 3
MOST_TEMPLATES = 100


@console(Role.EDITOR, form=True)
def new(request: ConsoleRequest) -> HttpResponse:
    if not Site.objects.exists():
        messages.info(request, "Add your website first: a campaign goes to the subscribers of a website.")
        return redirect("subscribers:site_new")
    first = Site.objects.order_by("pk").last()
    initial = {"site": request.GET.get("site") or first, "segment": request.GET.getlist("segment")}
    form = ComposeForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        campaign = save_draft(actor=request.user, tenant=request.tenant, **form.draft())
        return redirect("campaigns:compose", campaign.pk)
    return render(request, "campaigns/compose.html", _compose_context(form, None))


@console(Role.EDITOR, form=True)
def compose(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Edit a draft; "save" stays here. A campaign that was sent shows its report instead."""
    campaign = access_campaign(pk)
    if campaign.state == Campaign.State.WAITING:
        return waiting_page(request, campaign)
    if campaign.state not in ALLOWED["save"]:
        return redirect("campaigns:report", newest_send(campaign).pk)
    form = _form_of(request, campaign)
    if request.method == "POST" and form.is_valid():
        try:
            save_draft(actor=request.user, tenant=request.tenant, campaign=campaign, **form.draft())
        except CampaignRefused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{campaign.get_state_display()} saved.")
            return redirect("campaigns:compose", campaign.pk)
    return render(request, "campaigns/compose.html", _compose_context(form, campaign))


def _form_of(request: ConsoleRequest, campaign: Campaign) -> ComposeForm:
    """The form as it was sent; else as it was typed and not saved; else as it was saved."""
    if request.method == "POST":
        return ComposeForm(request.POST)
    if campaign.typed:
        return ComposeForm(QueryDict(campaign.typed))
    stored = list(campaign.messages.all())
    initial = {
        "site": campaign.site,
        "segment": included(campaign),
        "excluded": campaign.excluded,
        "purpose": campaign.purpose,
        **campaign.leave_out,
        **as_initial(stored[0]),
    }
    return ComposeForm(initial=initial, stored=stored)


def _compose_context(form: ComposeForm, campaign: Campaign | None) -> dict[str, Any]:
    site = campaign.site if campaign else None
    preview_site = site or Site.objects.order_by("pk").last()
    known = attribute_names(preview_site.pk) if preview_site else []
    return {
        "form": form,
        "verbs": verbs_for(campaign) if campaign else frozenset({"save"}),
        "templates": [] if campaign else _templates(),
        "campaign": campaign,
        "site": site,
        "preview_site": preview_site,
        "language_choices": languages(),
        "platforms": as_table(),
        "letters": list(enumerate(LETTERS)),
        "restraint": Restraint.from_json(site.restraint).in_words() if site else [],
        "day_choices": list(zip(DAYS, DAY_NAMES, strict=True)),
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
def preview_person(request: ConsoleRequest) -> HttpResponse:
    """Answer whose values the preview shows: the subscriber with this external id, or somebody of the website's."""
    site = chosen_site(request.GET.get("site"))
    external_id = request.GET.get("external_id", "")[:128].replace("\x00", "")
    if site is None:
        return JsonResponse({"error": "Add a website first."})
    found = somebody(site, external_id)
    if found is None:
        name = (
            f"“{external_id}” is nobody's external id on {site.name}"
            if external_id
            else f"{site.name} has no subscribers"
        )
        return JsonResponse({"error": f"{name}. The defaults are shown."})
    return JsonResponse(found)


def _templates() -> list[tuple[int, str]]:
    """The templates that a new campaign can start from."""
    found = Campaign.objects.filter(state=Campaign.State.TEMPLATE, archived_at__isnull=True).order_by(
        "name", "pk"
    )
    return list(found.values_list("pk", "name")[:MOST_TEMPLATES])


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
        "vapid_key": of_worker(site)["vapid_key"],
        "subscribe_url": reverse("subscribers:test_device", args=[site.pk]),
    }


@console(Role.EDITOR, write=True)
def test(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Send the saved draft to the browser that the person set up as a test device."""
    campaign = access_campaign(pk)
    device = request.session.get(TEST_DEVICES, {}).get(str(campaign.site_id), 0)
    version = read_id(request.POST.get("version"))
    try:
        send_test(
            actor=request.user,
            tenant=request.tenant,
            campaign=campaign,
            subscriber_id=device,
            ttl=settings.PUSH_TTL_SECONDS,
            variant=version,
        )
    except CampaignRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Sent to this browser. It should appear within a few seconds.")
    return redirect("campaigns:compose", campaign.pk)


@console(Role.SENDER, write=True)
def send(request: ConsoleRequest, pk: int) -> HttpResponse:
    campaign = access_campaign(pk)
    way = read_way(request.POST, campaign)
    if isinstance(way, list):
        say_problems(request, *way)
        return redirect("campaigns:compose", campaign.pk)
    try:
        made = launch_campaign(
            actor=request.user,
            tenant=request.tenant,
            campaign=campaign,
            ttl=settings.PUSH_TTL_SECONDS,
            **way,
            undo_seconds=settings.SEND_UNDO_SECONDS,
        )
    except CampaignRefused as error:
        messages.error(request, str(error))
        return redirect("campaigns:compose", campaign.pk)
    return HttpResponseRedirect(reverse("campaigns:report", args=[made.pk]))
