"""What the console's people do to one subscriber; the page they do it on is campaigns' (views_recipients)."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from subscribers.access import access_subscriber
from subscribers.actions.person import erase, mark_test, set_tags, unsubscribe_person
from subscribers.tags import TagsRefused
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest

MOST_TEXT = 4000


@console(Role.SENDER, write=True)
def person_unsubscribe(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_subscriber(pk)
    if unsubscribe_person(actor=request.user, tenant=request.tenant, subscriber=found):
        messages.success(request, "Unsubscribed. Nothing more is sent to this browser.")
    else:
        messages.info(
            request, f"Nothing changed: this subscriber is {found.get_state_display().lower()} already."
        )
    return _back(pk)


@console(Role.EDITOR, write=True)
def person_tags(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Replace the tags by those of the form, apart by commas or lines."""
    found = access_subscriber(pk)
    text = request.POST.get("tags", "")[:MOST_TEXT].replace("\n", ",")
    try:
        kept = set_tags(actor=request.user, tenant=request.tenant, subscriber=found, tags=text.split(","))
    except TagsRefused as error:
        messages.error(request, f"{error} The tags are as they were.")
    else:
        messages.success(request, f"Tags saved: {', '.join(kept)}." if kept else "Saved: no tags.")
    return _back(pk)


@console(Role.EDITOR, write=True)
def person_test(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_subscriber(pk)
    is_test = request.POST.get("is_test") == "on"
    mark_test(actor=request.user, tenant=request.tenant, subscriber=found, is_test=is_test)
    if is_test:
        messages.success(request, "A test device now: campaigns leave it out, and it counts nowhere.")
    else:
        messages.success(request, "A subscriber now: campaigns reach it.")
    return _back(pk)


@console(Role.ADMIN, write=True, even_suspended=True)
def person_erase(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_subscriber(pk)
    erase(actor=request.user, tenant=request.tenant, subscribers=[found])
    messages.success(request, f"Subscriber {pk} is erased. Totals of past campaigns stay as they were.")
    return redirect(f"{reverse('subscribers:subscriber_list')}?site={found.site_id}")


def _back(pk: int) -> HttpResponse:
    return redirect("campaigns:subscriber", pk)
