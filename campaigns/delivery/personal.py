"""Places in a message that each recipient fills: `{{ first_name|default:"there" }}`.

A place names an attribute or a profile field (PROFILE) and may have a default. There is nothing else in the language:
no logic, no look-ups, no filters, so nothing of it can reach what it should not.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

# Of a longer value the rest is cut: payloads have a limit, and what a visitor's page says is not the customer's text.
MOST_VALUE = 100
# What a place may name besides attributes; an attribute of the same name comes first.
PROFILE = ("external_id", "language", "country", "region", "city", "time_zone", "browser", "os", "device")
_QUOTES = "\"'“”„‘’"  # word processors and phones turn plain ones into curly ones  # noqa: RUF001
_PLACE = re.compile(
    r"\{\{\s*([^\W\d][\w.\- ]{0,63}?)\s*"
    rf"(?:\|\s*default\s*:\s*[{_QUOTES}]([^{_QUOTES}{{}}]*)[{_QUOTES}]\s*)?\}}\}}"
)
_BRACES = re.compile(r"\{\{.{0,40}|.{0,40}\}\}", re.DOTALL)
# Neither RFC 3986 nor a JSON text has it, forms refuse it, and json.dumps writes it in one way.
_NUL = "\x00"
_MARKED = re.compile(rf"({_NUL}\w+{_NUL})")


class Place(NamedTuple):
    """Where a recipient's own value goes; `in_url` says how it is written there."""

    name: str
    default: str
    in_url: bool

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Give the value, or the default, as it stands in the payload: JSON text, percent-encoded in an address."""
        text = as_text(values.get(self.name)) or self.default
        return json.dumps(quote(text, safe="") if self.in_url else text, ensure_ascii=False)[1:-1].encode()


def as_text(value: object) -> str:
    """Write a value for reading: one line, at most MOST_VALUE characters; nothing for what has no short text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int | float):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())[:MOST_VALUE].strip()


def with_defaults(text: str) -> str:
    """Write a text as a recipient sees it of whom nothing is known."""
    return _PLACE.sub(lambda found: found[2] or "", text)


def title_of(content: Sequence[Mapping[str, Any]]) -> str:
    """The title of a send's frozen content, as people of the console read it."""
    return with_defaults(str(content[0]["title"]))


def has_places(text: str) -> bool:
    return _PLACE.search(text) is not None


def stray_braces(text: str) -> str:
    """Answer the braces that make no place, with what stands at them; nothing if there are none."""
    found = _BRACES.search(_PLACE.sub("…", text))
    return found[0].strip() if found else ""


class Marks:
    """Takes the places of several texts out and leaves marks, by which they are found in what was made of the texts."""

    def __init__(self) -> None:
        self.places: list[Place] = []

    def mark(self, text: str, *, in_url: bool = False) -> str:
        def note(found: re.Match[str]) -> str:
            self.places.append(Place(" ".join(found[1].split()), found[2] or "", in_url))
            return f"{_NUL}{len(self.places) - 1}{_NUL}"

        return _PLACE.sub(note, text)


def quote_marked(text: str) -> str:
    """Percent-encode a text around its marks."""
    return "".join(
        part if number % 2 else quote(part, safe="") for number, part in enumerate(_MARKED.split(text))
    )
