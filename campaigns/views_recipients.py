"""Pages of what became of whom: a send's recipients, a subscriber's last sends; and sending again."""

from urllib.parse import urlsplit

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render

from campaigns.access import access_send
from campaigns.actions.engagement import summary_of
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.resend import resend
from campaigns.models import Engagement, Send
from campaigns.reasons import reason_in_words
from campaigns.recipients_page import recipients
from campaigns.report import report_of
from campaigns.why import history
from subscribers.access import access_subscriber
from subscribers.models import EventFact, Subscriber
from subscribers.person_facts import facts_of
from tenants.access import console
from tenants.models import Role
from tenants.request import ConsoleRequest
from tenants.roles import is_at_least

OUTCOMES = ("gone", "failed", "expired", "skipped", "cancelled", "accepted")
MOST_FOUND = 20
MOST_EVENTS = 50


@console(Role.ANALYST)
def send_recipients(request: ConsoleRequest, pk: int) -> HttpResponse:
    """List those with a reason; find one by number or by external id."""
    send = access_send(pk)
    wanted = request.GET.get("q", "").strip()[:128]
    outcome = request.GET.get("outcome", "")
    rows, following = recipients(
        pk, outcome=outcome if outcome in OUTCOMES else "", after=request.GET.get("after", "")
    )
    context = {
        "report": report_of(send),
        "rows": rows,
        "following": following,
        "outcome": outcome,
        "outcomes": OUTCOMES,
        "q": wanted,
        "found": _find(send, wanted) if wanted else None,
    }
    return render(request, "campaigns/recipients.html", context)


def _find(send: Send, wanted: str) -> list[Subscriber]:
    by = Q(external_id=wanted)
    if wanted.isdecimal() and len(wanted) < 19:
        by |= Q(pk=int(wanted))
    return list(Subscriber.objects.filter(by, site_id=send.site_id).order_by("pk")[:MOST_FOUND])


@console(Role.ANALYST)
def subscriber(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show one browser's profile, what it did, and what became of the newest sends of its website."""
    row = access_subscriber(pk)
    engagement = Engagement.objects.filter(pk=row.pk).first()
    sends = [
        {"verdict": verdict, "said": reason_in_words(verdict.outcome, verdict.why)}
        for verdict in history(row)
    ]
    context = {
        "subscriber": row,
        "facts": facts_of(row),
        "events": EventFact.objects.filter(subscriber=row).order_by("-last_at")[:MOST_EVENTS],
        "sends": sends,
        "endpoint": _endpoint(row.endpoint),
        "engagement": engagement,
        "summary": summary_of(engagement) if engagement else None,
        "may_edit": is_at_least(request.membership, Role.EDITOR),
        "may_send": is_at_least(request.membership, Role.SENDER),
        "may_erase": is_at_least(request.membership, Role.ADMIN),
    }
    return render(request, "campaigns/subscriber.html", context)


def _endpoint(endpoint: str) -> str:
    """Show host and the last six characters: the whole is a secret (PS-15)."""
    host = urlsplit(endpoint).hostname or "not known"
    return f"{host} … {endpoint[-6:]}"


@console(Role.SENDER, write=True)
def send_again(request: ConsoleRequest, pk: int) -> HttpResponse:
    send = access_send(pk)
    hours = request.POST.get("hours", "0")
    try:
        made = resend(
            actor=request.user,
            tenant=request.tenant,
            send=send,
            what=request.POST.get("what", "")[:20],
            hours=int(hours) if hours.isdecimal() and len(hours) < 5 else 0,
        )
    except CampaignRefused as error:
        messages.error(request, str(error))
        return redirect("campaigns:report", pk)
    messages.success(request, "Started. The audience is being read from what became of the first send.")
    return redirect("campaigns:report", made.pk)
