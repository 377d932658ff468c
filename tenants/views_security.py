"""What a workspace asks of its owners before they come in."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from tenants.access import console
from tenants.actions.second_factor import NoSecondFactor, ask_owners
from tenants.models import Role
from tenants.request import ConsoleRequest


class SecurityForm(forms.Form):
    owners_need_mfa = forms.BooleanField(
        required=False,
        label="Owners come in only with a second factor",
        help_text="Owners who have none are led to add one: a passkey or an authenticator app.",
    )


@console(Role.OWNER, form=True, private=True)
def security(request: ConsoleRequest) -> HttpResponse:
    tenant = request.tenant
    form = SecurityForm(initial={"owners_need_mfa": tenant.owners_need_mfa})
    if request.method == "POST":
        form = SecurityForm(request.POST)
        if form.is_valid():
            try:
                ask_owners(actor=request.user, tenant=tenant, asked=form.cleaned_data["owners_need_mfa"])
            except NoSecondFactor as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, "Saved.")
                return redirect("tenants:security")
    return render(request, "tenants/security.html", {"form": form})
