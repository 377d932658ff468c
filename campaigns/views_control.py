"""The buttons by which people steer a send: pause, resume, cancel, speed."""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from campaigns.access import access_send
from campaigns.actions import control
from campaigns.actions.errors import CampaignRefused
from campaigns.forms_said import say_problems
from campaigns.forms_speed import SpeedForm
from tenants.access import console
from tenants.actions.sending import RateRefused
from tenants.models import Role
from tenants.request import ConsoleRequest


@console(Role.SENDER, write=True)
def pause(request: ConsoleRequest, pk: int) -> HttpResponse:
    return _steer(request, pk, control.pause, "Paused. What was on its way still arrives.")


@console(Role.SENDER, write=True)
def resume(request: ConsoleRequest, pk: int) -> HttpResponse:
    return _steer(request, pk, control.resume, "It goes on where it stopped.")


@console(Role.SENDER, write=True)
def cancel(request: ConsoleRequest, pk: int) -> HttpResponse:
    return _steer(request, pk, control.cancel, "Cancelled. Nobody else gets it.")


@console(Role.SENDER, write=True)
def choose(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Give the rest of an A/B test the version that the person chose."""
    verb = partial(control.choose_version, version=request.POST.get("version", ""))
    return _steer(request, pk, verb, "The rest gets this version now.")


def _steer(request: ConsoleRequest, pk: int, verb: Callable[..., None], done: str) -> HttpResponse:
    send = access_send(pk)
    try:
        verb(actor=request.user, tenant=request.tenant, send=send)
    except CampaignRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect("campaigns:report", pk)


@console(Role.SENDER, write=True)
def speed(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Change how fast a send goes on; what was wrong with the form is said on the report."""
    send = access_send(pk)
    form = SpeedForm(request.POST)
    if not form.is_valid():
        say_problems(request, form)
        return redirect("campaigns:report", pk)
    chosen = form.chosen()
    try:
        control.set_send_rate(
            actor=request.user,
            tenant=request.tenant,
            send=send,
            per_minute=chosen.per_minute,
            spread_minutes=chosen.spread_minutes,
        )
    except (CampaignRefused, RateRefused) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"From now on: {form.in_words()}.")
    return redirect("campaigns:report", pk)
