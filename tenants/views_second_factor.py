"""django-allauth's pages on which second factors come and go, each with our record of it."""

from typing import Any

from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, RemoveWebAuthnView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy

from tenants import session_tracking
from tenants.access import signed_in_user
from tenants.actions.recovery_codes import keep_hashed
from tenants.actions.second_factor import record_change


class _Recorded:
    """Record what a valid form changed, and keep this session, which alone outlives the change."""

    change: str
    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]  # of the view that it is mixed into
        user = signed_in_user(self.request)
        record_change(actor=user, change=self.change)
        session_tracking.renew(self.request, user)
        return answer


class AddApp(_Recorded, ActivateTOTPView):
    change = "totp_activated"


class RemoveApp(_Recorded, DeactivateTOTPView):
    change = "totp_deactivated"


class AddPasskey(_Recorded, AddWebAuthnView):
    change = "webauthn_added"


class RemovePasskey(_Recorded, RemoveWebAuthnView):
    change = "webauthn_removed"
    success_url = reverse_lazy("mfa_index")


class MakeCodes(_Recorded, GenerateRecoveryCodesView):
    change = "recovery_codes_generated"


class ShowCodes(ViewRecoveryCodesView):
    """The one time that they are shown is the last at which they could be."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        keep_hashed(actor=signed_in_user(self.request))
        return context
