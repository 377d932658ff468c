"""One form for every error of the SDK's endpoints and the REST API: {"error": {"code", "message", "field"}}."""

from typing import Any

from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from tenants.api_refusal import ApiRefused


class ApiError(Exception):
    """A refusal with its HTTP status; `message` says what happened and what to do, without secrets."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field


class TooMany(ApiError):
    """A flood: `seconds` says how long to wait."""

    def __init__(self, seconds: int, message: str) -> None:
        super().__init__(429, "too_many", f"{message} Wait {seconds} s.")
        self.seconds = seconds


_CODES = {400: "invalid_json", 405: "method_not_allowed", 415: "unsupported_media_type"}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render our refusals and the framework's own in the one form; anything else stays an error of ours."""
    if isinstance(error, ApiError):
        wait = {"Retry-After": str(error.seconds)} if isinstance(error, TooMany) else {}
        return Response(error_body(error), status=error.status, headers=wait)
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = error.detail if isinstance(error, exceptions.APIException) else "Not found."
    code = error.code if isinstance(error, ApiRefused) else _CODES.get(response.status_code, "refused")
    passed = {name: response[name] for name in ("WWW-Authenticate", "Retry-After") if name in response}
    return Response(
        error_body(ApiError(response.status_code, code, str(detail))),
        status=response.status_code,
        headers=passed,
    )


def error_body(error: ApiError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message, "field": error.field}}
