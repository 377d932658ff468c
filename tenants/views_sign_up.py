"""Sign-up on the public host: at once, or by a link to the address where mail reaches people."""

from typing import Any

from allauth.account.views import SignupView
from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenants.actions.verification import ask_to_sign_up
from tenants.forms import AddressForm
from tenants.mails import address_of_link
from tenants.request import Request

# The address whose link was followed waits here, as an invitation does.
IN_SESSION = "sign_up_address"


class SignUp(SignupView):  # type: ignore[misc]  # allauth has no types
    """Make a person and a workspace; by mail, first ask for the address, and answer alike for all (AU-02)."""

    @property
    def _address(self) -> str:
        return str(self.request.session.get(IN_SESSION, ""))

    @property
    def _asks_address(self) -> bool:
        return settings.SIGN_UP_BY_MAIL and not self._address

    def get_form_class(self) -> type[forms.Form]:
        return AddressForm if self._asks_address else super().get_form_class()

    def get_form_kwargs(self) -> dict[str, Any]:
        given: dict[str, Any] = super().get_form_kwargs()
        return given if self._asks_address else {**given, "address": self._address}

    def get_context_data(self, **given: Any) -> dict[str, Any]:
        return {**super().get_context_data(**given), "asks_address": self._asks_address}

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
    request.session[IN_SESSION] = address
    return redirect("account_signup")
