import json
from collections.abc import Mapping

from aiohttp import web


class BadRequest(Exception):
    """The text says what to give instead; field is the name of what was wrong, or empty for the whole."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


async def json_object(request: web.Request) -> Mapping[str, object]:
    """Raises BadRequest."""
    try:
        document = json.loads(await request.read())
    # RecursionError: the JSON parser's answer to a thousand brackets
    except (ValueError, RecursionError) as error:
        raise BadRequest("", "Give a JSON object.") from error
    if not isinstance(document, dict):
        raise BadRequest("", "Give a JSON object.")
    return document


def bad_request(error: BadRequest, headers: Mapping[str, str] | None = None) -> web.Response:
    document = {"code": "bad_request", "message": str(error), "field": error.field}
    return web.json_response({"error": document}, status=400, headers=headers)
