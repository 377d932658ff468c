"""What is said of a subscriber besides the subscription: by the browser, or by a file of the customer's.

Everything has a limit. What is wrong is refused whole, with the place and the remedy; nothing of it is kept.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from subscribers.tags import TagsRefused, clean_tags

MOST_ATTRIBUTES = 50
MOST_NAME = 64
MOST_TEXT = 255
MOST_EVENTS = 50
MOST_EVENT_NAMES = 100
MOST_PROPERTIES = 20
MOST_EXTERNAL = 128
# As long as a browser may have been offline, in seconds.
MOST_AGO = 30 * 86_400
MOST_VISITS = 10_000
_MOST_NUMBER = 10**15


class ProfileRefused(ValueError):
    """What was said cannot be kept; `place` names the part of it, the text the value and the remedy."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


@dataclass
class Event:
    """Something that was done, `ago` seconds before it was told."""

    name: str
    properties: dict[str, Any]
    ago: float = 0.0


@dataclass
class Told:
    """A change to a profile. Attributes that are None are removed; `external_id` None leaves it as it is."""

    add_tags: list[str] = field(default_factory=list)
    remove_tags: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    sessions: int = 0
    pages: int = 0
    external_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Write what is not empty, for the inbox."""
        made = {name: value for name, value in vars(self).items() if value not in (None, [], {}, 0)}
        if self.external_id == "":
            made["external_id"] = ""
        if self.events:
            made["events"] = [vars(event) for event in self.events]
        return made

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Told":
        return cls(**{**told, "events": [Event(**event) for event in told.get("events", [])]})


def read_told(body: Mapping[str, Any]) -> Told:
    """Check what a browser said; raises ProfileRefused. Keys that are not ours are not looked at."""
    tags = _mapping(body.get("tags"), "tags")
    return Told(
        add_tags=_tags(tags.get("add"), "tags.add"),
        remove_tags=_tags(tags.get("remove"), "tags.remove"),
        attributes=read_attributes(_mapping(body.get("attributes"), "attributes")),
        events=_events(body.get("events")),
        sessions=_count(body.get("sessions"), "sessions"),
        pages=_count(body.get("pages"), "pages"),
        external_id=read_external_id(body["external_id"]) if "external_id" in body else None,
    )


def read_external_id(value: Any) -> str:
    """Check the customer's own number for a person; empty says that it is nobody known (any more)."""
    if not isinstance(value, str):
        raise ProfileRefused("external_id", f"{_shown(value)} is not text. Give it in quotes.")
    if len(value) > MOST_EXTERNAL:
        raise ProfileRefused(
            "external_id", f"it has {len(value)} characters; at most {MOST_EXTERNAL} are kept."
        )
    if not value.isprintable() or value != value.strip():
        raise ProfileRefused(
            "external_id", f"{_shown(value)} has characters that cannot be shown, or blanks around."
        )
    return value


def read_attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check names and values: text, a number, true or false; null removes. Raises ProfileRefused."""
    if len(given) > MOST_ATTRIBUTES:
        raise ProfileRefused("attributes", f"{len(given)} of them; at most {MOST_ATTRIBUTES} are kept.")
    for name, value in given.items():
        _check_name(name, "attributes")
        if value is not None:
            _check_value(value, f"attributes.{name}")
    return dict(given)


def merge_tags(before: list[str], told: Told) -> list[str]:
    """Answer the tags after it; one that is both removed and added is there. Raises ProfileRefused, naming tags."""
    gone = set(told.remove_tags)
    # A tag with a value takes the place of the same name's other value.
    gone |= {
        tag
        for tag in before
        if "=" in tag and _name(tag) in {_name(new) for new in told.add_tags if "=" in new}
    }
    try:
        return clean_tags([*(tag for tag in before if tag not in gone), *told.add_tags])
    except TagsRefused as error:
        raise ProfileRefused("tags", str(error)) from None


def merge_attributes(before: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """Answer the attributes after it; raises ProfileRefused when they become too many."""
    merged = {name: value for name, value in {**before, **told.attributes}.items() if value is not None}
    if len(merged) > MOST_ATTRIBUTES and len(merged) > len(before):
        raise ProfileRefused(
            "attributes", f"{len(merged)} of them; a subscriber has at most {MOST_ATTRIBUTES}. Remove some."
        )
    return merged


def _name(tag: str) -> str:
    return tag.partition("=")[0]


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProfileRefused(place, f"{_shown(value)} is not an object.")
    return value


def _tags(value: Any, place: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise ProfileRefused(place, f"{_shown(value)} is not a list of texts.")
    try:
        return clean_tags(value)
    except TagsRefused as error:
        raise ProfileRefused(place, str(error)) from None


def _events(value: Any) -> list[Event]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ProfileRefused("events", f"{_shown(value)} is not a list.")
    if len(value) > MOST_EVENTS:
        raise ProfileRefused("events", f"{len(value)} of them; at most {MOST_EVENTS} in one call.")
    return [_event(one, f"events[{place}]") for place, one in enumerate(value)]


def _event(value: Any, place: str) -> Event:
    given = _mapping(value, place)
    name, ago = given.get("name"), given.get("ago", 0)
    _check_name(name, f"{place}.name")
    if isinstance(ago, bool) or not isinstance(ago, int | float) or not 0 <= ago <= MOST_AGO:
        raise ProfileRefused(
            f"{place}.ago", f"{_shown(ago)} is not a number of seconds from 0 to {MOST_AGO:,}."
        )
    properties = _mapping(given.get("properties"), f"{place}.properties")
    if len(properties) > MOST_PROPERTIES:
        raise ProfileRefused(
            f"{place}.properties", f"{len(properties)} of them; at most {MOST_PROPERTIES} are kept."
        )
    for key, one in properties.items():
        _check_name(key, f"{place}.properties")
        if one is not None:
            _check_value(one, f"{place}.properties.{key}")
    return Event(str(name), dict(properties), ago)


def _check_name(name: Any, place: str) -> None:
    if not isinstance(name, str) or not name.strip() or name != name.strip() or not name.isprintable():
        raise ProfileRefused(place, f"{_shown(name)} is not a name: give text without blanks around it.")
    if len(name) > MOST_NAME:
        raise ProfileRefused(
            place, f"{_shown(name)} has {len(name)} characters; a name has at most {MOST_NAME}."
        )


def _check_value(value: Any, place: str) -> None:
    if isinstance(value, str):
        if len(value) > MOST_TEXT:
            raise ProfileRefused(
                place, f"the text has {len(value)} characters; at most {MOST_TEXT} are kept."
            )
        if "\0" in value or any("\ud800" <= one <= "\udfff" for one in value):
            raise ProfileRefused(place, f"{_shown(value)} has characters that are none.")
    elif isinstance(value, bool):
        return
    elif not isinstance(value, int | float):
        raise ProfileRefused(place, f"{_shown(value)} is neither text, number, true nor false.")
    elif not math.isfinite(value) or abs(value) > _MOST_NUMBER:
        raise ProfileRefused(place, f"{_shown(value)} is not a number up to {_MOST_NUMBER:.0e}.")


def _count(value: Any, place: str) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_VISITS:
        raise ProfileRefused(place, f"{_shown(value)} is not a whole number from 0 to {MOST_VISITS:,}.")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
