"""Invitations: sent from a console's pages of people, accepted on the public host."""

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from django import forms
from django.contrib import messages
from django.contrib.auth.password_validation import validate_password
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenants.access import access_invitation, console, signed_in_user
from tenants.actions import invitations
from tenants.actions.invitations import InvitationRefused
from tenants.addresses import console_url
from tenants.forms_people import InvitationForm
from tenants.models import Role, User
from tenants.request import ConsoleRequest, Request

# The token waits here, not in the address: that is what histories, logs and Referer headers keep.
IN_SESSION = "invitation"
MOST_TOKEN = 100


@console(Role.ADMIN, form=True, whole=True, private=True)
def invite(request: ConsoleRequest) -> HttpResponse:
    """Ask for address, role and websites, and send the mail. The answer is the same for any address."""
    form = InvitationForm(
        request.POST if request.method == "POST" else None,
        tenant=request.tenant,
        own=request.membership,
        initial={"role": Role.EDITOR, "where": "all"},
    )
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("email", "role", "site_ids")}
        try:
            made = invitations.invite(actor=request.user, tenant=request.tenant, **given)
        except InvitationRefused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{made.email} gets a mail with a link that is good for a day.")
            return redirect("tenants:people")
    return render(request, "tenants/invite.html", {"form": form})


@console(Role.ADMIN, write=True, whole=True)
def invitation_resend(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_invitation(request.tenant, pk)
    try:
        invitations.resend(actor=request.user, tenant=request.tenant, invitation=found)
    except InvitationRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"{found.email} gets a new mail; the link before it opens nothing any more."
        )
    return redirect("tenants:people")


@console(Role.ADMIN, write=True, whole=True)
def invitation_withdraw(request: ConsoleRequest, pk: int) -> HttpResponse:
    found = access_invitation(request.tenant, pk)
    try:
        changed = invitations.withdraw(actor=request.user, tenant=request.tenant, invitation=found)
    except InvitationRefused as error:
        messages.error(request, str(error))
    else:
        if changed:
            messages.success(request, f"The invitation of {found.email} is withdrawn.")
        else:
            messages.error(request, f"{found.email} has accepted it, or it was withdrawn, in the meantime.")
    return redirect("tenants:people")


class PasswordForm(forms.Form):
    password = forms.CharField(
        label="Choose a password",
        help_text="At least 8 characters; 15 or more are better.",
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "new-password"}),
    )

    def __init__(self, data: object = None, *, email: str) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.email = email

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        validate_password(password, User(email=self.email))
        return password


@require_safe
def invitation_link(request: Request, key: str) -> HttpResponse:
    """Keep the token of a mail's link and go on without it in the address."""
    request.session[IN_SESSION] = key[:MOST_TOKEN]
    answer = redirect("tenants:invitation")
    answer["Referrer-Policy"] = "no-referrer"
    answer["Cache-Control"] = "no-store"
    return answer


@require_safe
def invitation(request: Request) -> HttpResponse:
    """Show what one is invited to, and the ways to accept."""
    return _page(request)


@require_POST
def invitation_accept(request: Request) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect("tenants:invitation")
    try:
        tenant = invitations.accept(actor=signed_in_user(request), token=request.session.get(IN_SESSION, ""))
    except InvitationRefused as error:
        messages.error(request, str(error))
        return redirect("tenants:invitation")
    request.session.pop(IN_SESSION, None)
    return HttpResponseRedirect(console_url(tenant))


@require_POST
def invitation_join(request: Request) -> HttpResponse:
    """Make an account with the invitation's address, signed in, and a member."""
    token = request.session.get(IN_SESSION, "")
    found = invitations.find(token)
    if request.user.is_authenticated or found is None:
        return redirect("tenants:invitation")
    form = PasswordForm(request.POST, email=found.email)
    if not form.is_valid():
        return _page(request, form)
    try:
        user, tenant = invitations.join(token=token, password=form.cleaned_data["password"])
    except InvitationRefused as error:
        form.add_error(None, str(error))
        return _page(request, form)
    request.session.pop(IN_SESSION, None)
    record_authentication(request, user, method="invitation")
    get_adapter().login(request, user)
    return HttpResponseRedirect(console_url(tenant))


def _page(request: Request, form: PasswordForm | None = None) -> HttpResponse:
    found = invitations.find(request.session.get(IN_SESSION, ""))
    if found is None:
        return render(request, "tenants/invitation_over.html", status=404)
    user = request.user if request.user.is_authenticated else None
    context = {
        "invitation": found,
        "role": Role(found.role).label,
        "form": form or PasswordForm(email=found.email),
        "is_meant": bool(user and user.email.lower() == found.email),
    }
    answer = render(request, "tenants/invitation.html", context)
    answer["Cache-Control"] = "no-store"
    return answer
