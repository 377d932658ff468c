"""What is answered where there is nothing: a page for people, JSON for programs."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import page_not_found


def handle_missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that no route has, or whose view found nothing (Django's handler404)."""
    is_sdk = getattr(request, "urlconf", "") == settings.SDK_URLCONF
    if not is_sdk and not request.path.startswith("/api/"):
        return page_not_found(request, exception)
    said = {"code": "not_found", "message": "There is nothing at this address.", "field": None}
    answer = JsonResponse({"error": said}, status=404)
    answer["Cache-Control"] = "no-store"
    if is_sdk:
        # As on every refusal there: the SDK in any website's page reads why.
        answer["Access-Control-Allow-Origin"] = "*"
    return answer
