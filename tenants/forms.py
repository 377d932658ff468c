"""Sign-up, which makes a person and their workspace with one form, and forms of passwords."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm, ResetPasswordForm, ResetPasswordKeyForm, SignupForm
from allauth.core import context
from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from tenants.actions.attempts import Attempt
from tenants.actions.passwords import ask_for_reset, change_password, reset_password
from tenants.actions.verification import ask_to_verify, verify_address
from tenants.actions.workspace import create_workspace
from tenants.models import User
from tenants.throttle import spend

# The length of User.email; the form's own field would let 320 characters pass.
MOST_EMAIL = 254


class SignUpForm(SignupForm):
    workspace = forms.CharField(
        max_length=80,
        label="Workspace name",
        help_text="Your company or project, for example Acme.",
        widget=forms.TextInput(attrs={"autocomplete": "organization", "placeholder": "Acme"}),
    )
    field_order = ["workspace", "email", "password1"]

    def __init__(self, *args: Any, address: str = "", **options: Any) -> None:
        """`address` is one that the person has shown to be theirs, by a link; no other is taken then."""
        super().__init__(*args, **options)
        self.address = address
        if address:
            self.fields["email"].disabled = True
            self.initial["email"] = address

    def clean_workspace(self) -> str:
        name = " ".join(str(self.cleaned_data["workspace"]).split())
        if not any(character.isprintable() for character in name.replace(" ", "")):
            raise forms.ValidationError("Give the workspace a name that people can see.")
        return name

    def clean_email(self) -> str:
        if not self.address:
            spend(context.request, Attempt.SIGN_UP, str(self.cleaned_data["email"]))
        return _of_length(str(super().clean_email()))

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Save, or show the way to sign in where the same form, sent twice at once, has made the account already."""
        try:
            return self.save(request), None
        except IntegrityError:
            messages.info(request, "An account with this e-mail address was made a moment ago. Sign in.")
            return None, redirect("account_login")

    @transaction.atomic
    def save(self, request: HttpRequest) -> User:
        user: User = super().save(request)
        tenant = create_workspace(actor=user, name=self.cleaned_data["workspace"])
        request.session["new_workspace"] = tenant.slug
        if self.address:
            verify_address(actor=user)
        else:
            ask_to_verify(actor=user)
        return user


def _of_length(email: str) -> str:
    if len(email) > MOST_EMAIL:
        raise forms.ValidationError(
            f"This address has {len(email)} characters; at most {MOST_EMAIL} are possible."
        )
    return email


class AddressForm(forms.Form):
    """Ask for the link by which a sign-up begins. It answers alike whether or not there is an account (AU-02)."""

    email = forms.EmailField(
        label="Email",
        widget=forms.EmailInput(attrs={"autocomplete": "email", "placeholder": "Email address"}),
    )

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        spend(context.request, Attempt.SIGN_UP, email)
        return _of_length(email)


class ResetForm(ResetPasswordForm):
    """Ask for a link by mail. It answers alike whether or not there is an account (AU-02)."""

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        spend(context.request, Attempt.RESET, email)
        return email

    def save(self, request: HttpRequest, **options: object) -> str:
        email = str(self.cleaned_data["email"])
        ask_for_reset(email=email)
        return email


class NewPasswordForm(ResetPasswordKeyForm):
    """Set the password of whoever came by a link."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _name_fields(self)

    def save(self) -> None:
        reset_password(actor=self.user, password=self.cleaned_data["password1"])


class ChangeForm(ChangePasswordForm):
    """Change one's own password; the present one is asked for, and guesses at it are limited as at sign-in."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _name_fields(self)

    def clean_oldpassword(self) -> str:
        given = str(self.cleaned_data["oldpassword"])
        adapter = get_adapter()
        if not adapter.reauthenticate(self.user, given):
            raise adapter.validation_error("enter_current_password")
        return given

    def save(self) -> None:
        change_password(actor=self.user, password=self.cleaned_data["password1"])


_NAMES = {"oldpassword": "Present password", "password1": "New password", "password2": "New password, again"}


def _name_fields(form: forms.Form) -> None:
    for name, label in _NAMES.items():
        if name in form.fields:
            form.fields[name].label = label
            form.fields[name].widget.attrs["placeholder"] = ""
