"""Sign-up on the public host: at once, or by a link to the address where mail reaches people."""

from typing import Any

from allauth.account.views import SignupView
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import cached_property
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenants.actions.verification import ask_to_sign_up, has_account
from tenants.forms import AddressForm
from tenants.mails import address_of_link
from tenants.request import Request

# The key of the link that was followed waits here, as an invitation's does, and lapses as the link does.
IN_SESSION = "sign_up_key"


class SignUp(SignupView):  # type: ignore[misc]  # allauth has no types
    """Make a person and a workspace; by mail, first ask for the address, and answer alike for all (AU-02)."""

    @cached_property
    def _address(self) -> str:
        """The person's own, by a link; none once there is an account, made in another browser perhaps."""
        key = self.request.session.get(IN_SESSION)
        address = address_of_link(key) if key else None
        return address if address and not has_account(address) else ""

    @property
    def _asks_address(self) -> bool:
        return settings.SIGN_UP_BY_MAIL and not self._address

    def get_form_class(self) -> type[forms.Form]:
        return AddressForm if self._asks_address else super().get_form_class()

    def get_form_kwargs(self) -> dict[str, Any]:
        given: dict[str, Any] = super().get_form_kwargs()
        return given if self._asks_address else {**given, "address": self._address}

    def get_context_data(self, **given: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**given),
            "asks_address": self._asks_address,
            "has_link": bool(self._address),
        }

    def post(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        if "another" in request.POST:
            request.session.pop(IN_SESSION, None)
            return redirect("account_signup")
        answer: HttpResponse = super().post(request, *args, **kwargs)
        return answer

    def form_valid(self, form: forms.Form) -> HttpResponse:
        if self._asks_address:
            ask_to_sign_up(email=form.cleaned_data["email"])
            return redirect("sign_up_sent")
        answer: HttpResponse = super().form_valid(form)
        self.request.session.pop(IN_SESSION, None)
        return answer


@require_safe
def sent(request: Request) -> HttpResponse:
    return render(request, "account/sign_up_sent.html")


@require_safe
@never_cache
def by_link(request: Request, key: str) -> HttpResponse:
    """Take the address out of the link and out of sight: histories and logs keep addresses of pages."""
    address = address_of_link(key)
    if address is None:
        return render(request, "account/sign_up_over.html", status=404)
    if has_account(address):
        messages.info(request, f"{address} has an account already. Sign in.")
        return redirect("account_login")
    request.session[IN_SESSION] = key
    return redirect("account_signup")
