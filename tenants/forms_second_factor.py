"""Codes of a second factor: five wrong ones in a quarter of an hour, and each good one works once (AU-05)."""

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django import forms

from tenants.actions import attempts, sign_in
from tenants.actions.attempts import Attempt
from tenants.throttle import refund, spend

# A code of the app is good for its own half-minute, the one before and the one after.
_GOOD_FOR_SECONDS = 120


class _CodeForm(BaseAuthenticateForm):
    def clean_code(self) -> str:
        account = str(self.user.pk)
        spend(context.request, Attempt.SECOND_FACTOR, account)
        try:
            code = str(super().clean_code())
            if not self._is_first_use(code):
                raise get_adapter().validation_error("incorrect_code")
        except forms.ValidationError:
            sign_in.record_wrong_code(user=self.user)
            raise
        refund(context.request, Attempt.SECOND_FACTOR, account)
        return code

    def _is_first_use(self, code: str) -> bool:
        """allauth remembers codes of the app in a cache, which is one of each process."""
        if self.authenticator.type != Authenticator.Type.TOTP:
            return True
        digits = "".join(character for character in code if character.isalnum())
        return attempts.use_once(f"totp:{self.user.pk}:{digits}", seconds=_GOOD_FOR_SECONDS)


class SignInCodeForm(_CodeForm, AuthenticateForm):
    """The second step of signing in."""


class ConfirmCodeForm(_CodeForm, ReauthenticateForm):
    """Before something that matters, in place of the password."""
