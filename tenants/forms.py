"""Sign-up: one form makes the person and their workspace."""

from allauth.account.forms import SignupForm
from django import forms
from django.db import transaction
from django.http import HttpRequest

from tenants.actions.workspace import create_workspace
from tenants.models import User


class SignUpForm(SignupForm):
    workspace = forms.CharField(
        max_length=80,
        label="Workspace name",
        help_text="Your company or project, for example Acme.",
        widget=forms.TextInput(attrs={"autocomplete": "organization", "placeholder": "Acme"}),
    )
    field_order = ["workspace", "email", "password1"]

    def clean_workspace(self) -> str:
        name = " ".join(str(self.cleaned_data["workspace"]).split())
        if not name:
            raise forms.ValidationError("Give the workspace a name.")
        return name

    @transaction.atomic
    def save(self, request: HttpRequest) -> User:
        user: User = super().save(request)
        tenant = create_workspace(actor=user, name=self.cleaned_data["workspace"])
        request.session["new_workspace"] = tenant.slug
        return user
