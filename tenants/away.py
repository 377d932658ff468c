"""What is answered where no view has caught an error: 500, or 503 and when to come again without a database."""

import sys

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from tenants.context import report_url
from tenants.problem_notes import note_error
from tenants.request import tenant_id_of
from tenants.request_origin import current_origin

RETRY_SECONDS = 5


def handle_error(request: HttpRequest) -> HttpResponse:
    """Answer an error that no view has caught (Django's handler500, called while the error is handled)."""
    error = sys.exc_info()[1]
    if error is not None:
        note_error(error, tenant_id=tenant_id_of(request))
    if not isinstance(error, OperationalError | InterfaceError):
        # Without the request: what the page asks of it may be what broke.
        page = {"request_id": current_origin().request_id, "report_url": report_url(request)}
        return HttpResponse(render_to_string("500.html", page), status=500)
    answer: HttpResponse
    if request.get_host().partition(":")[0] == settings.SDK_HOST:
        said = {"code": "unavailable", "message": "Try again in a few seconds.", "field": None}
        answer = JsonResponse({"error": said}, status=503)
    else:
        answer = HttpResponse(render_to_string("503.html"), status=503)
    answer["Retry-After"] = str(RETRY_SECONDS)
    return answer
