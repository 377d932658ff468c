"""Console page of privacy: what is known of a person, erasing, and how long things are kept."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from subscribers.actions.person import erase_external_id
from subscribers.actions.retention import LEAST_DAYS, MOST_DAYS, set_retention
from subscribers.models import Subscriber
from subscribers.person_data import MOST_BROWSERS
from subscribers.profiles import MOST_EXTERNAL
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest


class RetentionForm(forms.Form):
    recipients = forms.IntegerField(
        label="Days that recipients are kept",
        min_value=LEAST_DAYS,
        max_value=MOST_DAYS,
        required=False,
    )
    events = forms.IntegerField(
        label="Days that events are kept",
        min_value=LEAST_DAYS,
        max_value=MOST_DAYS,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["recipients"].help_text = (
            "Who got a campaign and why not. The figures of its report stay. "
            f"Left empty: {settings.RETENTION_DAYS} days."
        )
        self.fields["events"].help_text = (
            "When exactly something was done, and with which properties. How often, first and last stay. "
            f"Left empty: {settings.EVENT_DAYS} days."
        )


@console(Role.ADMIN, form=True, whole=True)
def privacy(request: ConsoleRequest) -> HttpResponse:
    """Show how long things are kept, and change it."""
    tenant = request.tenant
    initial = {"recipients": tenant.retention_days, "events": tenant.event_days}
    form = RetentionForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        set_retention(actor=request.user, tenant=tenant, **form.cleaned_data)
        messages.success(request, "Saved. What is older is removed within a day.")
        return redirect("subscribers:privacy")
    return _page(request, form)


def _page(request: ConsoleRequest, form: RetentionForm, **more: Any) -> HttpResponse:
    context = {"form": form, "anonymise": settings.ANONYMISE, "most": MOST_EXTERNAL, **more}
    return render(request, "subscribers/privacy.html", context)


@console(Role.ADMIN, write=True, whole=True, even_suspended=True)
def privacy_person(request: ConsoleRequest) -> HttpResponse:
    """Find a person by external id: how many browsers, and what can be done. Posted, since it may be a mail address."""
    external_id = request.POST.get("external_id", "").strip()[:MOST_EXTERNAL]
    people = (
        list(Subscriber.objects.filter(external_id=external_id)[: MOST_BROWSERS + 1]) if external_id else []
    )
    initial = {"recipients": request.tenant.retention_days, "events": request.tenant.event_days}
    return _page(request, RetentionForm(initial=initial), external_id=external_id, people=people, asked=True)


@console(Role.ADMIN, write=True, whole=True, even_suspended=True)
def privacy_erase(request: ConsoleRequest) -> HttpResponse:
    """Erase everybody with this external id, on all websites of the workspace."""
    external_id = request.POST.get("external_id", "").strip()[:MOST_EXTERNAL]
    if not external_id:
        messages.error(request, "Give the external ID of the person to erase.")
        return redirect("subscribers:privacy")
    number = erase_external_id(actor=request.user, tenant=request.tenant, external_id=external_id)
    what = {0: "Nobody has it", 1: "One subscriber was erased"}.get(
        number, f"{number} subscribers were erased"
    )
    messages.success(request, f"{what}. No import will bring this external ID back.")
    return redirect("subscribers:privacy")
