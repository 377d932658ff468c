"""Buttons about campaigns as things: copy, template, archive, remove; and what the composer keeps while one types."""

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from campaigns.access import access_campaign, chosen_site
from campaigns.actions import flow
from campaigns.actions.errors import CampaignRefused
from campaigns.models import Campaign
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest

NOT_TYPED = ("csrfmiddlewaretoken", "action")


@console(Role.EDITOR, write=True)
def copy(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Duplicate a campaign, as a draft or (`as=template`) as a template."""
    campaign = access_campaign(pk)
    as_template = request.POST.get("as") == "template"
    made = flow.copy(actor=request.user, tenant=request.tenant, campaign=campaign, as_template=as_template)
    done = "Saved as a template: new campaigns can start from it." if as_template else "This is a copy of it."
    messages.success(request, done)
    return redirect("campaigns:compose", made.pk)


@console(Role.EDITOR, write=True)
def archive(request: ConsoleRequest, pk: int) -> HttpResponse:
    return _do(request, pk, flow.archive, "Archived. It is under “Archived” in the list of campaigns.")


@console(Role.EDITOR, write=True)
def restore(request: ConsoleRequest, pk: int) -> HttpResponse:
    return _do(request, pk, flow.restore, "It is back in the list.")


@console(Role.EDITOR, write=True)
def delete(request: ConsoleRequest, pk: int) -> HttpResponse:
    return _do(request, pk, flow.delete, "Deleted.")


def _do(request: ConsoleRequest, pk: int, verb: Callable[..., None], done: str) -> HttpResponse:
    campaign = access_campaign(pk)
    try:
        verb(actor=request.user, tenant=request.tenant, campaign=campaign)
    except CampaignRefused as error:
        messages.error(request, str(error))
        return redirect("campaigns:compose", pk)
    messages.success(request, done)
    return redirect("campaigns:list")


@console(Role.EDITOR, write=True)
def forget_typed(request: ConsoleRequest, pk: int) -> HttpResponse:
    try:
        flow.forget_typed(actor=request.user, tenant=request.tenant, campaign=access_campaign(pk))
    except CampaignRefused as error:
        messages.error(request, str(error))
    return redirect("campaigns:compose", pk)


@console(Role.EDITOR, write=True)
def keep_new(request: ConsoleRequest) -> HttpResponse:
    """Begin a draft from what was typed on the page of a new campaign; the page goes on as that draft's."""
    site = chosen_site(request.POST.get("site"))
    if site is None:
        return JsonResponse({"error": "Add a website first."}, status=409)
    try:
        made = flow.begin_draft(
            actor=request.user, tenant=request.tenant, site=site, name=_name(request), typed=_typed(request)
        )
    except CampaignRefused as error:
        return JsonResponse({"error": str(error)}, status=409)
    keep, page = (reverse(f"campaigns:{name}", args=[made.pk]) for name in ("keep_typed", "compose"))
    return JsonResponse({"keep": keep, "page": page})


@console(Role.EDITOR, write=True)
def keep_typed(request: ConsoleRequest, pk: int) -> HttpResponse:
    campaign: Campaign = access_campaign(pk)
    try:
        flow.keep_typed(campaign=campaign, typed=_typed(request), name=_name(request))
    except CampaignRefused as error:
        return JsonResponse({"error": str(error)}, status=409)
    return JsonResponse({})


def _typed(request: ConsoleRequest) -> str:
    pairs = [
        (name, value) for name, values in request.POST.lists() if name not in NOT_TYPED for value in values
    ]
    return urlencode(pairs)


def _name(request: ConsoleRequest) -> str:
    return " ".join(request.POST.get("title", "").replace("\x00", "").split())
