"""One form for every error of the SDK's endpoints: {"error": {"code", "message", "field"}}."""

from typing import Any

from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler


class ApiError(Exception):
    """A refusal with its HTTP status; `message` says what happened and what to do, without secrets."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field


_CODES = {400: "invalid_json", 405: "method_not_allowed", 415: "unsupported_media_type"}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render our refusals and the framework's own in the one form; anything else stays an error of ours."""
    if isinstance(error, ApiError):
        return _response(error.status, error.code, error.message, error.field)
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = error.detail if isinstance(error, exceptions.APIException) else "Not found."
    code = _CODES.get(response.status_code, "refused")
    answer = _response(response.status_code, code, str(detail), None)
    if "Allow" in response.headers:
        answer["Allow"] = response["Allow"]
    return answer


def _response(status: int, code: str, message: str, field: str | None) -> Response:
    return Response({"error": {"code": code, "message": message, "field": field}}, status=status)
