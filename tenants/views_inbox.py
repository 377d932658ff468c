"""The console's inbox: what happened that the person should know."""

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render

from tenants.access import console
from tenants.actions.notices import read_notices, set_by_mail, unread
from tenants.models import Notice, Role
from tenants.request import ConsoleRequest

PER_PAGE = 25


@console(Role.ANALYST, private=True)
def inbox(request: ConsoleRequest) -> HttpResponse:
    mine = Notice.objects.filter(user=request.user, tenant_id=request.tenant.pk)
    page = Paginator(mine, PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request, "tenants/inbox.html", {"page_obj": page, "unread": unread(request.user, request.tenant)}
    )


@console(Role.ANALYST, private=True)
def inbox_count(request: ConsoleRequest) -> HttpResponse:
    """The number beside “Inbox”, asked for by every page after it is there."""
    return render(request, "tenants/_inbox_count.html", {"unread": unread(request.user, request.tenant)})


@console(Role.ANALYST, write=True, even_suspended=True)
def inbox_read(request: ConsoleRequest) -> HttpResponse:
    """Mark all as read."""
    read_notices(actor=request.user, tenant=request.tenant)
    return redirect("tenants:inbox")


@console(Role.ANALYST, write=True, even_suspended=True)
def inbox_open(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Mark one of one's own as read and go where it is about."""
    notice = get_object_or_404(Notice, pk=pk, user=request.user, tenant_id=request.tenant.pk)
    read_notices(actor=request.user, tenant=request.tenant, pk=pk)
    return HttpResponseRedirect(notice.path)


@console(Role.ANALYST, write=True)
def inbox_mail(request: ConsoleRequest) -> HttpResponse:
    set_by_mail(actor=request.user, tenant=request.tenant, by_mail=bool(request.POST.get("by_mail")))
    return redirect("tenants:inbox")
