"""Public host: landing, workspaces, waiting for a new one, hand-over. Tenant host: coming in and leaving."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from tenants import session_tracking
from tenants.access import access_console, access_workspace, is_local_path, signed_in_user
from tenants.actions import handover, support_view
from tenants.actions.sessions import end_view
from tenants.actions.workspace import retry_workspace
from tenants.addresses import console_url, own_origin
from tenants.models import Membership
from tenants.request import Request

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_safe
def landing(request: Request) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("tenants:workspaces")
    return render(request, "tenants/landing.html")


@require_safe
@login_required
def workspaces(request: Request) -> HttpResponse:
    """List the person's workspaces; with a single one that is ready, go straight in."""
    user = signed_in_user(request)
    memberships = list(Membership.objects.filter(user=user).select_related("tenant"))
    if len(memberships) == 1 and "all" not in request.GET:
        tenant = memberships[0].tenant
        if tenant.has_schema:
            return HttpResponseRedirect(console_url(tenant))
        return redirect("tenants:preparing", tenant.slug)
    return render(request, "tenants/workspaces.html", {"memberships": memberships})


@require_safe
@login_required
def preparing(request: Request, slug: str) -> HttpResponse:
    tenant = access_workspace(signed_in_user(request), slug)
    if tenant.has_schema:
        return HttpResponseRedirect(console_url(tenant))
    return render(request, "tenants/preparing.html", {"tenant": tenant})


@require_safe
@login_required
def preparing_state(request: Request, slug: str) -> HttpResponse:
    """Answer the live part of the waiting page; once the workspace is ready the page moves on by itself."""
    tenant = access_workspace(signed_in_user(request), slug)
    answer = render(request, "tenants/_preparing_state.html", {"tenant": tenant})
    if tenant.has_schema:
        answer["HX-Redirect"] = console_url(tenant)
    return answer


@require_POST
@login_required
def preparing_retry(request: Request, slug: str) -> HttpResponse:
    user = signed_in_user(request)
    retry_workspace(actor=user, tenant=access_workspace(user, slug))
    return redirect("tenants:preparing", slug)


@require_GET
@login_required
def open_workspace(request: Request, slug: str) -> HttpResponse:
    """Hand the signed-in person over to the tenant's host by a form that carries a single-use token."""
    user = signed_in_user(request)
    tenant = access_console(user, slug, seen_id=session_tracking.own_row(request))
    challenge = request.GET.get("challenge", "")
    if not tenant.has_schema:
        return redirect("tenants:preparing", slug)
    if not handover.CHALLENGE.fullmatch(challenge):
        # Without a challenge nobody on the tenant's host asked yet: begin there.
        return HttpResponseRedirect(console_url(tenant))
    try:
        token = handover.issue(
            actor=user, tenant=tenant, challenge=challenge, seen_id=session_tracking.own_row(request) or None
        )
    except handover.HandoverRefused:
        return redirect("account_login")
    context = {
        "tenant": tenant,
        "target": console_url(tenant, reverse("tenants:enter", urlconf=settings.ROOT_URLCONF)),
        "token": token,
        "next": _local_path(request.GET.get("next", "/")),
    }
    answer = render(request, "tenants/open.html", context)
    answer["Cache-Control"] = "no-store"
    # The stricter site-wide policy would make browsers send `Origin: null` with this cross-host post.
    answer["Referrer-Policy"] = "strict-origin"
    return answer


@csrf_exempt
@require_http_methods(["GET", "POST"])
def enter(request: Request) -> HttpResponse:
    """Open a session on this tenant's host for the bearer of a fresh token.

    The public host's post arrives without this host's cookies (SameSite=Lax), so it is answered by a form that posts
    the same token again from here; that second post carries the cookie to which the token is bound. CSRF: the token
    itself is the authorisation, and a post from any other site is refused by its Origin.
    """
    if request.method == "GET":
        return HttpResponseRedirect("/")  # left in the address bar by a refusal
    if request.tenant is None or not _is_own_origin(request):
        return _refused(request, "This form was not sent by Truepush.")
    token, path = request.POST.get("token", "")[:200], _local_path(request.POST.get("next", "/"))
    if request.headers.get("Origin") == settings.BASE_URL:
        answer = render(request, "tenants/enter.html", {"token": token, "next": path})
        answer["Cache-Control"] = "no-store"
        return answer
    nonce = request.COOKIES.get(settings.ENTER_COOKIE_NAME, "")
    try:
        entry = handover.redeem(
            token, tenant=request.tenant, host=handover.host_of(request.tenant), nonce=nonce
        )
    except handover.HandoverRefused as error:
        return _refused(request, str(error), path)
    request.session.flush()
    login(request, entry.user, backend=BACKEND)
    request.session["tenant_id"] = request.tenant.pk
    if view := handover.entered(entry):
        request.session["support_view"] = view.pk
    session_tracking.opened(request, entry.user, parent_id=entry.seen_id)
    # The browser's secret stays for its ten minutes: other tabs that were opened with this one come in by it.
    return HttpResponseRedirect(path)


def _is_own_origin(request: Request) -> bool:
    return request.headers.get("Origin") in (settings.BASE_URL, own_origin(request))


def _refused(request: Request, reason: str, path: str = "/") -> HttpResponse:
    return render(request, "tenants/refused.html", {"reason": reason, "start_url": path}, status=403)


def _local_path(path: str) -> str:
    """Keep a path of this host, else the front page: never a way to another site."""
    return path[:2000] if is_local_path(path) else "/"


@require_POST
def support_end(request: Request) -> HttpResponse:
    """End the look of support staff into this console; they go back to their own pages."""
    pk = request.session.get("support_view")
    if pk and request.tenant and request.user.is_authenticated:
        view = support_view.open_view(signed_in_user(request), request.tenant)
        if view and view.pk == pk:
            end_view(view, why="ended by hand")
        request.session.flush()
    return HttpResponseRedirect(
        f"{settings.BASE_URL}{reverse('admin:index', urlconf=settings.PUBLIC_SCHEMA_URLCONF)}"
    )


@require_POST
def sign_out(request: Request) -> HttpResponse:
    """End every session of this person on every host, then show the public front page."""
    if request.user.is_authenticated:
        user = signed_in_user(request)
        handover.end_all_sessions(actor=user, user=user)
    logout(request)
    return HttpResponseRedirect(f"{settings.BASE_URL}/")
