"""Which pages may call the SDK's endpoints of a website: of its own origins, which are echoed, never a wildcard."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tenants.api_errors import ApiError
from tenants.site_index import IndexedSite


def check_origin(site: IndexedSite, request: HttpRequest) -> None:
    """Let pass a call from a page of the website; raises ApiError 403."""
    origin = request.headers.get("Origin", "No origin")
    if origin not in site.origins:
        raise ApiError(403, "origin_not_allowed", f"{origin:.200} is not an origin of {site.name}.")


def open_to_origin(response: HttpResponseBase, site: IndexedSite | None, request: HttpRequest) -> None:
    """Let a page of the website read the answer, also of its preflight; nobody else."""
    origin = request.headers.get("Origin")
    response.headers["Vary"] = "Origin"
    response.headers["Cache-Control"] = "no-store"
    if site is not None and origin in site.origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "POST"
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Access-Control-Max-Age"] = "7200"
