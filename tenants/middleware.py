"""From host name to schema, and from session to tenant: the two checks that every request passes first."""

import logging
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse, HttpResponseNotFound
from django.urls import resolve, set_urlconf

from tenants import session_tracking
from tenants.doorway import in_tenant, reset_to_public
from tenants.models import Tenant
from tenants.request import Request
from tenants.request_origin import coming_from

log = logging.getLogger(__name__)

Respond = Callable[[Request], HttpResponse]

# Answered on whatever host they are asked for.
PROBES = ("/healthz", "/readyz", "/readyz/web")


class HostMiddleware:
    """Choose schema and URLs by host: public, SDK, or a tenant's console; anything else is 404.

    The schema is put back to public in a `finally`, because a thread serves many tenants.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        try:
            return self._answer(request)
        finally:
            reset_to_public()

    def _answer(self, request: Request) -> HttpResponse:
        reset_to_public()
        if request.path in PROBES:
            # Load balancers ask by address, so the host is not looked at; nor is a cookie: that would ask the database.
            return cast("HttpResponse", resolve(request.path, settings.PUBLIC_SCHEMA_URLCONF).func(request))
        host = _host(request)
        if host is None:
            return HttpResponseNotFound("Unknown host.\n", content_type="text/plain")
        request.tenant, request.support_view = None, None
        if host == settings.BASE_DOMAIN:
            return self._respond(request, settings.PUBLIC_SCHEMA_URLCONF)
        if host == settings.SDK_HOST:
            # Visitors have no session here; what a browser sends along is not even read.
            request.META.pop("HTTP_COOKIE", None)
            return self._respond(request, settings.SDK_URLCONF)
        tenant = Tenant.objects.filter(domains__domain=host).first()
        if tenant is None or not tenant.has_schema:
            return HttpResponseNotFound("Unknown host.\n", content_type="text/plain")
        request.tenant = tenant
        with in_tenant(tenant.schema_name):
            return self._respond(request, settings.ROOT_URLCONF)

    def _respond(self, request: Request, urlconf: str) -> HttpResponse:
        is_page = (
            urlconf != settings.SDK_URLCONF
        )  # the SDK's endpoints have a limit and an answer of their own
        most = settings.LARGE_BODIES.get(request.path, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        if is_page and _content_length(request) > most:
            # Said before anything reads the body: Django's own limit does not count files, which go to the disk.
            return HttpResponse("The request is too large.\n", content_type="text/plain", status=413)
        request.urlconf = urlconf
        set_urlconf(urlconf)
        return self.get_response(request)


def _content_length(request: Request) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() else 0


def _host(request: Request) -> str | None:
    try:
        return urlsplit(f"//{request.get_host()}").hostname
    except DisallowedHost:
        return None


class RequestOriginMiddleware:
    """Let the audit log know where a request comes from, and the answer name it, so that people can ask about it."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        with coming_from(request) as origin:
            answer = self.get_response(request)
        # The SDK's answers are cached, and the same for everybody. A host that nobody knows has no routes.
        if getattr(request, "urlconf", "") != settings.SDK_URLCONF:
            answer["X-Request-ID"] = origin.request_id
        return answer


class RequestLogMiddleware:
    """A line for each page and form. Visitors' calls are too many: of those, Django logs what fails.

    The route is logged, not the address: some addresses hold a token.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        started = time.monotonic()
        answer = self.get_response(request)
        if request.urlconf != settings.SDK_URLCONF:
            said = {
                "method": request.method,
                "path": f"/{request.resolver_match.route}" if request.resolver_match else "unknown",
                "status": answer.status_code,
                "ms": round(1000 * (time.monotonic() - started)),
            }
            log.info("request", extra=said)
        return answer


class TenantSessionMiddleware:
    """On a tenant's host only a session that the hand-over opened for this very tenant counts.

    The SDK's host knows nobody, and does not even look at a session: its answers must not vary by cookie.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        tenant_id = request.tenant.pk if request.tenant else None
        is_sdk = request.urlconf == settings.SDK_URLCONF
        if is_sdk or request.session.get("tenant_id") != tenant_id or not session_tracking.used(request):
            request.user = AnonymousUser()
        return self.get_response(request)
