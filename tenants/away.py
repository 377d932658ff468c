"""What is answered while the database cannot be reached: 503 and when to come again, not an error of ours."""

import sys

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

RETRY_SECONDS = 5


def handle_error(request: HttpRequest) -> HttpResponse:
    """Answer an error that no view has caught (Django's handler500, called while the error is handled)."""
    error = sys.exc_info()[1]
    if not isinstance(error, OperationalError | InterfaceError):
        return server_error(request)
    answer: HttpResponse
    if request.get_host().partition(":")[0] == settings.SDK_HOST:
        said = {"code": "unavailable", "message": "Try again in a few seconds.", "field": None}
        answer = JsonResponse({"error": said}, status=503)
    else:
        answer = HttpResponse(render_to_string("503.html"), status=503)
    answer["Retry-After"] = str(RETRY_SECONDS)
    return answer
