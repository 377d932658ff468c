"""Who may come in: the doorway of every console page. It fetches and checks together and answers 404 or sign-in."""

import secrets
from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from tenants.actions.handover import challenge_of
from tenants.actions.second_factor import is_missing
from tenants.actions.support_view import note_page, open_view
from tenants.addresses import own_origin
from tenants.models import ApiKey, Invitation, Membership, Role, Tenant, User
from tenants.request import ConsoleRequest, Request
from tenants.roles import is_at_least
from tenants.site_limits import only_sites

P = ParamSpec("P")
ConsoleView = Callable[Concatenate[ConsoleRequest, P], HttpResponse]
PlainView = Callable[..., HttpResponse]

READ_METHODS = ("GET", "HEAD")
FORM_METHODS = (*READ_METHODS, "POST")
WRITE_METHODS = ("POST",)
# On the public host.
_SECOND_FACTOR = "/account/second-factor/"


def console(
    role: Role, *, form: bool = False, write: bool = False, whole: bool = False,
    private: bool = False, even_suspended: bool = False,
) -> Callable[[ConsoleView[P]], PlainView]:  # fmt: skip
    """Admit members of at least this role on their tenant's own host; everyone else is asked to sign in.

    A view reads (GET), shows and takes a `form` (GET and POST), or changes something, `write` (POST only). What is of
    the `whole` workspace is closed to members who are limited to some websites; elsewhere they see these alone. What
    is `private` is closed to support staff who look in: secrets, exports, ways to sign in, somebody's own inbox.
    A suspended workspace can be read only; `even_suspended` lets a post pass that only reads, does no more than take
    away, or is a person's right: to leave, to be erased.
    """
    methods = WRITE_METHODS if write else FORM_METHODS if form else READ_METHODS

    def decorate(view: ConsoleView[P]) -> PlainView:
        @wraps(view)
        def inner(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method not in methods:
                return not_allowed(request, methods)
            membership = _membership(request) or _looking_in(request)
            if membership is None:
                return ask_to_sign_in(request)
            if is_missing(membership):
                return HttpResponseRedirect(f"{settings.BASE_URL}{_SECOND_FACTOR}?needed")
            refused = _refused_by_state(request, private, even_suspended)
            if refused := refused or _refused_by_role(request, membership, role, whole):
                return refused
            request.membership = membership
            with only_sites(membership.site_ids):
                answer = view(request, *args, **kwargs)
            _note_seen(request, answer)
            return answer

        # Read by the tests that walk all routes.
        inner.console_role, inner.is_whole, inner.is_private = role, whole, private  # type: ignore[attr-defined]
        inner.even_suspended = even_suspended  # type: ignore[attr-defined]
        return inner

    return decorate


def not_allowed(request: HttpRequest, methods: Sequence[str]) -> HttpResponse:
    """Answer 405 with a page: these addresses can end up in a person's address bar."""
    answer = render(request, "405.html", status=405)
    answer["Allow"] = ", ".join(methods)
    return answer


def _membership(request: Request) -> Membership | None:
    if request.tenant is None or not request.user.is_authenticated:
        return None
    membership = Membership.objects.filter(tenant_id=request.tenant.pk, user_id=request.user.pk).first()
    if membership:
        # Both are at hand: no query for either.
        membership.tenant, membership.user = request.tenant, signed_in_user(request)
    return membership


def _looking_in(request: Request) -> Membership | None:
    """Give support staff who look in the role that they chose, as a membership that is in no table."""
    if request.tenant is None or not request.user.is_authenticated or not request.session.get("support_view"):
        return None
    user = signed_in_user(request)
    view = open_view(user, request.tenant)
    if view is None or view.pk != request.session["support_view"]:
        request.session.flush()
        return None
    request.support_view = view
    return Membership(tenant=request.tenant, user=user, role=view.role)


def _refused_by_role(
    request: Request, membership: Membership, role: Role, whole: bool
) -> HttpResponse | None:
    if not is_at_least(membership, role):
        context = {"role": membership.get_role_display(), "needed": role.label}
        return render(request, "403.html", context, status=403)
    if whole and membership.site_ids:
        return render(request, "403.html", {"is_limited": True}, status=403)
    return None


def _refused_by_state(request: Request, private: bool, even_suspended: bool) -> HttpResponse | None:
    """Refuse what support staff who look in must not do or see, and every change of a suspended workspace."""
    if request.support_view:
        if request.method not in READ_METHODS or private:
            return render(request, "tenants/support_refused.html", {"is_private": private}, status=403)
    elif (
        request.method not in READ_METHODS
        and not even_suspended
        and request.tenant
        and request.tenant.state == Tenant.State.SUSPENDED
    ):
        return render(request, "tenants/suspended.html", status=403)
    return None


def _note_seen(request: Request, answer: HttpResponse) -> None:
    """Tell the workspace what support staff were shown, parts of pages too: no header of theirs hides it."""
    if request.support_view and answer.status_code == HTTPStatus.OK:
        note_page(request.support_view, request.path)


def ask_to_sign_in(request: Request) -> HttpResponse:
    """Send the browser to the public host for a hand-over, with a secret of its own in a cookie of this host."""
    if request.tenant is None:
        raise Http404
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Refresh": "true"})
    nonce = request.COOKIES.get(settings.ENTER_COOKIE_NAME) or secrets.token_urlsafe(32)
    path = request.get_full_path()
    if request.method == "POST":
        path = page_of_form(request)
    if request.method == "POST" and request.headers.get("Sec-Fetch-Dest", "document") == "document":
        messages.warning(
            request, "You were signed out meanwhile, and nothing was saved or sent. Please do it again."
        )
    query = urlencode({"challenge": challenge_of(nonce), "next": path})
    opening = reverse("tenants:open", urlconf=settings.PUBLIC_SCHEMA_URLCONF, args=[request.tenant.slug])
    answer = HttpResponseRedirect(f"{settings.BASE_URL}{opening}?{query}")
    answer.set_cookie(
        settings.ENTER_COOKIE_NAME,
        nonce,
        max_age=600,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return answer


def page_of_form(request: Request) -> str:
    """Name the page that a form was posted from, the first page if the browser does not say."""
    path = request.headers.get("Referer", "").removeprefix(own_origin(request))
    return path if is_local_path(path) else "/"


def access_workspace(user: User, slug: str) -> Tenant:
    """Fetch a tenant that the user is a member of, else 404."""
    membership = Membership.objects.select_related("tenant").filter(user=user, tenant__slug=slug).first()
    if membership is None:
        raise Http404
    return membership.tenant


def access_console(user: User, slug: str, *, seen_id: int) -> Tenant:
    """Fetch a tenant whose console the user may open: as a member, or as support staff in this very sign-in."""
    if user.is_staff and not Membership.objects.filter(user=user, tenant__slug=slug).exists():
        tenant: Tenant | None = Tenant.objects.filter(slug=slug).first()
        if tenant is None or open_view(user, tenant, seen_id=seen_id) is None:
            raise Http404
        return tenant
    return access_workspace(user, slug)


def access_member(tenant: Tenant, pk: int) -> Membership:
    """Fetch a member of the tenant, with the person, else 404."""
    member = Membership.objects.select_related("user").filter(pk=pk, tenant=tenant).first()
    if member is None:
        raise Http404
    return member


def access_invitation(tenant: Tenant, pk: int) -> Invitation:
    """Fetch an invitation of the tenant, else 404."""
    found = Invitation.objects.filter(pk=pk, tenant=tenant).first()
    if found is None:
        raise Http404
    return found


def access_key(tenant: Tenant, pk: int) -> ApiKey:
    """Fetch an API key of the tenant, else 404."""
    found = ApiKey.objects.filter(pk=pk, tenant=tenant).first()
    if found is None:
        raise Http404
    return found


def is_local_path(url: str) -> bool:
    """Tell a path of the host that is asked from an address that leads to another site."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)


def signed_in_user(request: HttpRequest) -> User:
    """Narrow request.user behind login_required."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user
