"""A person's own account, on the public host: address, password, sessions."""

from allauth.account.models import EmailConfirmationHMAC
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import session_tracking
from tenants.access import signed_in_user
from tenants.actions import sessions as verbs
from tenants.actions import verification
from tenants.actions.attempts import Attempt
from tenants.actions.second_factor import has_second_factor
from tenants.models import User
from tenants.request import Request
from tenants.throttle import spend

# PostgreSQL's largest bigint.
MOST_NUMBER = 2**63 - 1


@require_safe
@login_required
def account(request: Request) -> HttpResponse:
    user = signed_in_user(request)
    return render(request, "tenants/account.html", {"has_second_factor": has_second_factor(user)})


@require_POST
@login_required
def ask_to_verify(request: Request) -> HttpResponse:
    """Send the mail with the link once more."""
    user = signed_in_user(request)
    spend(request, Attempt.VERIFY, user.email)
    verification.ask_to_verify(actor=user)
    messages.success(request, f"A mail with a link is on its way to {user.email}.")
    return redirect("tenants:account")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def verify(request: Request, key: str) -> HttpResponse:
    """Verify by the link's key; by a button, because mail filters open links too."""
    found = EmailConfirmationHMAC.from_key(key[:500])
    # The key is of an address; it is worth nothing when the account has another one now.
    user = User.objects.filter(email=found.email_address.email, is_active=True).first() if found else None
    if user is None:
        return render(request, "account/verify.html", {"user_to_verify": None})
    if request.method != "POST":
        return render(request, "account/verify.html", {"user_to_verify": user})
    verification.verify_address(actor=user)
    messages.success(request, f"{user.email} is verified. Thank you.")
    return redirect("tenants:account" if request.user.is_authenticated else "account_login")


@require_safe
@never_cache
@login_required
def sessions(request: Request) -> HttpResponse:
    """List where the person is signed in, this browser first."""
    own = session_tracking.own_row(request)
    rows = sorted(verbs.sessions_of(signed_in_user(request)), key=lambda row: row.pk != own)
    return render(request, "tenants/sessions.html", {"rows": rows, "own": own})


@require_POST
@login_required
def end_one(request: Request, pk: int) -> HttpResponse:
    if pk > MOST_NUMBER or not verbs.end_session(actor=signed_in_user(request), pk=pk):
        raise Http404
    messages.success(request, "That session has ended.")
    return redirect("tenants:sessions")


@require_POST
@login_required
def end_others(request: Request) -> HttpResponse:
    user = signed_in_user(request)
    verbs.end_other_sessions(actor=user)
    session_tracking.renew(request, user)
    messages.success(request, "All other sessions have ended.")
    return redirect("tenants:sessions")
