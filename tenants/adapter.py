"""Where django-allauth sends people on."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.core import context
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from tenants import session_tracking
from tenants.access import is_local_path
from tenants.actions import sign_in
from tenants.actions.attempts import Attempt
from tenants.models import User
from tenants.throttle import refund, spend


class AccountAdapter(DefaultAccountAdapter):
    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Check a password: at sign-in, and again before something that matters. Failures count, successes do not."""
        account = str(credentials.get("email", ""))
        spend(request, Attempt.SIGN_IN, account)
        user: User | None = super().authenticate(request, **credentials)
        if user:
            refund(request, Attempt.SIGN_IN, account)
        return user

    def reauthenticate(self, user: User, password: str) -> bool:
        """Check the password of somebody who is signed in; by the account's address, with or without allauth's row."""
        found = self.authenticate(context.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Leave out allauth's own count, which lives in a cache of each process."""

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        sign_in.record_failure(email=str(credentials.get("email", "")))

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        session_tracking.opened(request, user)
        sign_in.record_sign_in(actor=user, methods=_methods(request))

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return reverse("tenants:preparing", args=[request.session.pop("new_workspace")])

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        reason = "This account is switched off. Ask the support of this installation."
        return render(request, "tenants/refused.html", {"reason": reason, "start_url": "/"}, status=403)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("tenants:account")

    def send_notification_mail(self, template_prefix: str, user: User, *args: Any, **kwargs: Any) -> None:
        """Leave out allauth's own mails: the verbs queue ours."""

    def is_safe_url(self, url: str | None) -> bool:
        return is_local_path(url or "")


def _methods(request: HttpRequest) -> list[str]:
    """How the person proved who they are, in order: password, mfa, password_reset, invitation."""
    records = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    return [str(record["method"]) for record in records]
