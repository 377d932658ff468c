"""The doorway to support staff's own pages: the admin's, with one permission more and one way to ask."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed

from tenants.models import SendIndex, Tenant, User
from tenants.request import Request

P = ParamSpec("P")


class StaffRequest(Request):
    """A request that passed `staff_page`: signed in, of the staff, with a second factor."""

    user: User


def staff_page(
    permission: str, *, write: bool = False
) -> Callable[[Callable[Concatenate[StaffRequest, P], HttpResponse]], Callable[..., HttpResponse]]:
    """Admit staff with this permission of `tenants`; a page reads (GET), or changes something, `write` (POST)."""
    methods = ("POST",) if write else ("GET", "HEAD")

    def decorate(view: Callable[Concatenate[StaffRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def inner(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.has_perm(f"tenants.{permission}"):
                raise PermissionDenied
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return view(request, *args, **kwargs)

        return admin.site.admin_view(inner)

    return decorate


def context_of(request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
    return {**admin.site.each_context(request), "title": title, **more}


def access_any_workspace(pk: int) -> Tenant:
    """Fetch whichever workspace, for staff alone, else 404."""
    tenant: Tenant | None = Tenant.objects.filter(pk=pk).first()
    if tenant is None:
        raise Http404
    return tenant


def access_any_send(pk: int) -> SendIndex:
    """Fetch whichever send by the number of its public row, for staff alone, else 404."""
    send = SendIndex.objects.filter(pk=pk).first()
    if send is None:
        raise Http404
    return send
