"""Codes and passkeys of a second factor: five wrong codes in a quarter of an hour, each good one works once (AU-05)."""

import json
from collections.abc import Callable
from typing import Any

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm, ReauthenticateWebAuthnForm
from django import forms
from fido2.utils import websafe_decode

from tenants.actions import attempts, sign_in
from tenants.actions.attempts import Attempt
from tenants.actions.recovery_codes import use_code
from tenants.addresses import own_origin
from tenants.models import User
from tenants.throttle import refund, spend

# A code of the app is good for its own half-minute, the one before and the one after.
_GOOD_FOR_SECONDS = 120


class _CodeForm(BaseAuthenticateForm):
    def clean_code(self) -> str:
        account = str(self.user.pk)
        spend(context.request, Attempt.SECOND_FACTOR, account)
        try:
            code = self._recovered() or str(super().clean_code())
            if not self._is_first_use(code):
                raise get_adapter().validation_error("incorrect_code")
        except forms.ValidationError:
            sign_in.record_wrong_code(user=self.user)
            raise
        refund(context.request, Attempt.SECOND_FACTOR, account)
        return code

    def _recovered(self) -> str:
        """Take a recovery code that is kept as a hash, which allauth knows nothing of; "" for anything else."""
        code = str(self.cleaned_data["code"])
        row = use_code(user=self.user, given=code)
        if row is None:
            return ""
        row.user = self.user
        self.authenticator = row
        return code

    def _is_first_use(self, code: str) -> bool:
        """Recovery codes are used up already; what allauth remembers of the app's is a cache of each process."""
        return self.authenticator.type != Authenticator.Type.TOTP or _use(code, self.user)


def _use(code: str, user: User) -> bool:
    """Use a code of the app up; False if it was used before."""
    digits = "".join(character for character in code if character.isalnum())
    return attempts.use_once(f"totp:{user.pk}:{digits}", seconds=_GOOD_FOR_SECONDS)


class SignInCodeForm(_CodeForm, AuthenticateForm):
    """The second step of signing in."""


class ConfirmCodeForm(_CodeForm, ReauthenticateForm):
    """Before something that matters, in place of the password."""


class AddAppForm(ActivateTOTPForm):
    """The code that shows that the app works does nothing else."""

    def clean_code(self) -> str:
        code = str(super().clean_code())
        if not _use(code, self.user):
            raise get_adapter().validation_error("incorrect_code")
        return code


class _PasskeyForm(forms.Form):
    """Takes what a passkey answered to this very page: allauth would take it from any host below the domain too."""

    def clean_credential(self) -> Any:
        if not _is_from(own_origin(context.request), self.cleaned_data["credential"]):
            raise get_adapter().validation_error("incorrect_code")
        check: Callable[[], Any] | None = getattr(super(), "clean_credential", None)
        return check() if check else self.cleaned_data["credential"]


def _is_from(origin: str, credential: Any) -> bool:
    try:
        said = json.loads(websafe_decode(credential["response"]["clientDataJSON"]))
        return bool(said["origin"] == origin and not said.get("crossOrigin"))
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


class AddPasskeyForm(_PasskeyForm, AddWebAuthnForm):
    pass


class SignInPasskeyForm(_PasskeyForm, AuthenticateWebAuthnForm):
    pass


class ConfirmPasskeyForm(_PasskeyForm, ReauthenticateWebAuthnForm):
    pass
