"""What a request by an API key is refused with; subscribers.api_errors writes it in the form of all."""

from rest_framework.exceptions import APIException


class ApiRefused(APIException):
    """A refusal of the REST API; `message` says what happened and what to do, without secrets."""

    def __init__(self, status: int, code: str, message: str, *, wait: int | None = None) -> None:
        super().__init__(message)
        self.status_code, self.code = status, code
        if status == 401:
            self.auth_header = "Bearer"
        if wait is not None:
            self.wait = wait
