"""A second person's approval: ask, withdraw, approve, decline; and the page of a campaign that waits."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from campaigns.access import access_campaign
from campaigns.actions import approval
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.new_send import frozen_content
from campaigns.forms_said import say_problems
from campaigns.forms_way import read_way
from campaigns.models import Campaign
from campaigns.reach import reach_of
from campaigns.states import verbs_for
from campaigns.timing import Timing, in_english
from campaigns.wish import in_words, shown
from tenants.access import console
from tenants.actions.sending import RateRefused
from tenants.models import Role, User
from tenants.request import ConsoleRequest
from tenants.roles import is_at_least


@console(Role.EDITOR, write=True)
def ask(request: ConsoleRequest, pk: int) -> HttpResponse:
    campaign = access_campaign(pk)
    way = read_way(request.POST, campaign)
    if isinstance(way, list):
        say_problems(request, *way)
        return redirect("campaigns:compose", pk)
    try:
        approval.ask(actor=request.user, tenant=request.tenant, campaign=campaign, **way)
    except (CampaignRefused, RateRefused) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Others who may send were asked. You hear of it in your inbox.")
    return redirect("campaigns:compose", pk)


@console(Role.SENDER, write=True)
def approve(request: ConsoleRequest, pk: int) -> HttpResponse:
    try:
        send = approval.approve(
            actor=request.user,
            tenant=request.tenant,
            campaign=access_campaign(pk),
            ttl=settings.PUSH_TTL_SECONDS,
            undo_seconds=settings.SEND_UNDO_SECONDS,
        )
    except (CampaignRefused, RateRefused) as error:
        messages.error(request, str(error))
        return redirect("campaigns:compose", pk)
    return redirect("campaigns:report", send.pk)


@console(Role.SENDER, write=True)
def decline(request: ConsoleRequest, pk: int) -> HttpResponse:
    note = request.POST.get("note", "").replace("\x00", "")
    try:
        approval.decline(actor=request.user, tenant=request.tenant, campaign=access_campaign(pk), note=note)
    except CampaignRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "It is a draft again, and who asked was told.")
    return redirect("campaigns:compose", pk)


@console(Role.EDITOR, write=True)
def withdraw(request: ConsoleRequest, pk: int) -> HttpResponse:
    try:
        approval.withdraw(actor=request.user, tenant=request.tenant, campaign=access_campaign(pk))
    except CampaignRefused as error:
        messages.error(request, str(error))
    return redirect("campaigns:compose", pk)


def waiting_page(request: ConsoleRequest, campaign: Campaign) -> HttpResponse:
    """Show what waits: the message, to whom and when, and who asked."""
    wish = campaign.wish
    timing = Timing.from_json(wish.get("timing", {}))
    asked = User.objects.filter(pk=wish.get("by")).first()
    is_own = asked == request.user
    context = {
        "campaign": campaign,
        "shown": list(shown(frozen_content(campaign))),
        "ways": in_words(campaign),
        "asked_by": asked,
        "timing": timing,
        "first": next(iter(timing.occurrences(timezone.now(), 1)), timing.at),
        "repeats": in_english(timing.rule) if timing.rule else "",
        "may_approve": not is_own and is_at_least(request.membership, Role.SENDER),
        "is_own": is_own,
        "verbs": verbs_for(campaign),
        **reach_of(campaign),
    }
    return render(request, "campaigns/waiting.html", context)
