"""Bodies of calls that send JSON: a small object in UTF-8, whatever else was sent."""

import json
from collections.abc import Mapping
from typing import IO, Any, Never

from rest_framework.parsers import BaseParser

from tenants.api_errors import ApiError

# Four times what the longest subscription needs.
MOST_OCTETS = 16 * 1024


class ObjectParser(BaseParser):
    """For DRF. Its own JSONParser decodes by the charset that the caller names and lets deep nesting through."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return read_object(stream.read(MOST_OCTETS + 1))


def read_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object of at most MOST_OCTETS (one octet more is enough to see that it is longer).

    Raises ApiError 413 or 400.
    """
    if len(raw) > MOST_OCTETS:
        raise ApiError(413, "too_large", f"The body has more than {MOST_OCTETS} octets.")
    try:
        value = _DECODER.decode(raw.decode())
    except (ValueError, RecursionError):
        raise ApiError(400, "invalid_json", "The body is not JSON in UTF-8: send a JSON object.") from None
    if not isinstance(value, dict):
        raise ApiError(400, "invalid_json", "The body is not a JSON object: send one.")
    return value


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


# json.loads would make one for each body.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
