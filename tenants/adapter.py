"""Where django-allauth sends people on."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from tenants.access import is_local_path
from tenants.models import User


class AccountAdapter(DefaultAccountAdapter):
    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return reverse("tenants:preparing", args=[request.session.pop("new_workspace")])

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        reason = "This account is switched off. Ask the support of this installation."
        return render(request, "tenants/refused.html", {"reason": reason, "start_url": "/"}, status=403)

    def is_safe_url(self, url: str | None) -> bool:
        return is_local_path(url or "")
