"""One form for every error of the SDK's endpoints and the REST API: {"error": {"code", "message", "field"}}."""

from collections.abc import Mapping
from typing import Any

from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler


class ApiError(Exception):
    """A refusal with its HTTP status; `message` says what happened and what to do, without secrets."""

    headers: Mapping[str, str] = {}

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field
        if status == 401:
            self.headers = {"WWW-Authenticate": "Bearer"}


class TooMany(ApiError):
    """A flood: `seconds` says how long to wait."""

    def __init__(self, seconds: int, message: str) -> None:
        super().__init__(429, "too_many", f"{message} Wait {seconds} s.")
        self.headers = {"Retry-After": str(seconds)}


_CODES = {400: "invalid_json", 405: "method_not_allowed", 415: "unsupported_media_type"}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render our refusals and the framework's own in the one form; anything else stays an error of ours."""
    if isinstance(error, ApiError):
        return Response(error_body(error), status=error.status, headers=error.headers)
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = error.detail if isinstance(error, exceptions.APIException) else "Not found."
    code = _CODES.get(response.status_code, "refused")
    return Response(
        error_body(ApiError(response.status_code, code, str(detail))), status=response.status_code
    )


def error_body(error: ApiError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message, "field": error.field}}
