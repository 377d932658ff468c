"""What is answered where there is nothing: a page for people, JSON for programs."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import page_not_found


def handle_missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that no route has, or whose view found nothing (Django's handler404)."""
    is_sdk = request.get_host().partition(":")[0] == settings.SDK_HOST
    if not is_sdk and not request.path.startswith("/api/"):
        return page_not_found(request, exception)
    said = {"code": "not_found", "message": "There is nothing at this address.", "field": None}
    answer = JsonResponse({"error": said}, status=404)
    answer["Cache-Control"] = "no-store"
    return answer
