"""Console pages of people: who works here, changing what they may do, removing them, and leaving."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render

from tenants.access import access_member, console
from tenants.actions.invitations import open_invitations
from tenants.actions.members import MemberRefused, change_member, remove_member
from tenants.forms_people import AccessForm, as_initial
from tenants.models import Membership, Role, SiteIndex
from tenants.request import ConsoleRequest
from tenants.roles import RANK


@console(Role.ADMIN, whole=True)
def people(request: ConsoleRequest) -> HttpResponse:
    """List the members, those who may most first, and who is invited."""
    names = dict(SiteIndex.objects.filter(tenant_id=request.tenant.pk).values_list("site_id", "name"))
    members = Membership.objects.filter(tenant=request.tenant).select_related("user")
    rows = [
        {"member": one, "sites": [names.get(pk, str(pk)) for pk in one.site_ids]}
        for one in sorted(members, key=lambda one: (-RANK[Role(one.role)], one.user.email))
    ]
    invited = [
        {
            "invitation": one,
            "role": Role(one.role).label,
            "sites": [names.get(pk, str(pk)) for pk in one.site_ids],
        }
        for one in open_invitations(request.tenant).select_related("invited_by")
    ]
    return render(request, "tenants/people.html", {"rows": rows, "invited": invited})


@console(Role.ADMIN, form=True, whole=True)
def person(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show and change what a member may do and where."""
    member = access_member(request.tenant, pk)
    form = AccessForm(
        request.POST if request.method == "POST" else None,
        tenant=request.tenant,
        own=request.membership,
        initial=as_initial(member.role, member.site_ids),
    )
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("role", "site_ids")}
        try:
            change_member(actor=request.user, tenant=request.tenant, member=member, **given)
        except MemberRefused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Saved. It holds for {member.user.email} from now on.")
            return redirect("tenants:people")
    is_closed = member.role == Role.OWNER and request.membership.role != Role.OWNER
    return render(request, "tenants/person.html", {"form": form, "member": member, "is_closed": is_closed})


@console(Role.ADMIN, write=True, whole=True)
def person_remove(request: ConsoleRequest, pk: int) -> HttpResponse:
    member = access_member(request.tenant, pk)
    try:
        remove_member(actor=request.user, tenant=request.tenant, member=member)
    except MemberRefused as error:
        messages.error(request, str(error))
        return redirect("tenants:person", pk)
    if member.user_id == request.user.pk:
        return _gone(request)
    messages.success(request, f"{member.user.email} is no longer a member of {request.tenant.name}.")
    return redirect("tenants:people")


@console(Role.ANALYST, form=True, private=True, even_suspended=True)
def people_leave(request: ConsoleRequest) -> HttpResponse:
    """Ask whether one really wants to leave the workspace, and do it."""
    if request.method == "POST":
        try:
            remove_member(actor=request.user, tenant=request.tenant, member=request.membership)
        except MemberRefused as error:
            messages.error(request, str(error))
            return redirect("tenants:people_leave")
        return _gone(request)
    return render(request, "tenants/leave.html")


def _gone(request: ConsoleRequest) -> HttpResponse:
    """End the session on this host alone, and show the workspaces that are left."""
    logout(request)
    return HttpResponseRedirect(f"{settings.BASE_URL}/workspaces/?all")
