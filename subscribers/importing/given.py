"""From a record of a file to what is stored: the columns of several providers under one name each, and checked.

OneSignal's export has `identifier`, `web_p256` and `web_auth`; WonderPush's installations have a `pushToken` with the
subscription in its `data`; ours and most others have `endpoint`, `p256dh` and `auth`, or a PushSubscription's `keys`.
What a customer wrote (tags, attributes, external ids) is refused where it is wrong; what a provider noted of a browser
(language, time zone, moments) is left empty.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from subscribers.importing.reading import Cells, Problem, Record
from subscribers.languages import read_language
from subscribers.profiles import ProfileRefused, Told, read_attributes, read_external_id
from subscribers.tags import TagsRefused, clean_tags
from subscribers.time_zones import zone_names
from truepush.lib.webpush.endpoints import Endpoint, EndpointRefused, parse_endpoint
from truepush.lib.webpush.keys import KeyRefused, parse_subscription_keys

_NAMES = {
    "endpoint": ("endpoint", "identifier"),
    "p256dh": ("p256dh", "web_p256"),
    "auth": ("auth", "web_auth"),
    "external_id": ("external_id", "external_user_id", "userid", "user_id"),
    "language": ("language", "locale"),
    "country": ("country",),
    "time_zone": ("time_zone", "timezone_id", "timezone"),
    "tags": ("tags",),
    "attributes": ("attributes", "custom"),
    "subscribed_at": ("subscribed_at", "created_at", "creationdate"),
    "seen_at": ("seen_at", "last_active", "last_session", "lastactivity"),
    "key": ("vapid_public", "applicationserverkey"),
    "browser": ("browser",),
    "os": ("os",),
    "device": ("device",),
}
# Where a provider gave the push service's own part of an endpoint only (OneSignal's device_type).
_BARE = {
    "5": "https://fcm.googleapis.com/fcm/send/",
    "8": "https://updates.push.services.mozilla.com/wpush/v2/",
}
_BETWEEN_TAGS = re.compile(r"[,;|]")
# These need not be text.
_ANY = ("external_id", "tags", "attributes", "subscribed_at", "seen_at")
# Columns that tell who had left: OneSignal's, and ours.
_ENDED = ("unsubscribed", "gone", "disabled")
_STATES = ("invalid_identifier", "notification_types", "state", "device_type")
_TAGS_HELP = "Give a list (vip, plan=gold), or JSON."


class Refused(ValueError):
    """`field` is the column; the text holds no secret."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(slots=True)
class Subscription:
    """A checked subscription of another provider. Moments are ISO 8601, empty where not known."""

    endpoint: Endpoint
    p256dh: bytes
    auth: bytes
    external_id: str = ""
    language: str = ""
    country: str = ""
    time_zone: str = ""
    browser: str = ""
    os: str = ""
    device: str = ""
    tags: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    subscribed_at: str = ""
    seen_at: str = ""


def our_columns(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Call the columns of a file what we call them; what means nothing here is empty."""
    ours = {}
    for name, others in _NAMES.items():
        found = next((other for other in others if other in columns), None)
        if found is not None:
            ours[found] = name
    return tuple(ours.get(column, column if column in _STATES else "") for column in columns)


def subscription_of(
    record: Record | Cells, *, public: str, sandbox_origin: str, is_nested: bool = False
) -> Subscription | Problem | None:
    """Read a record; None is somebody who had left that provider.

    `public` is the public key of this import, base64url. Columns are named by `our_columns`; JSON is_nested.
    """
    values = _flat(record.values) if is_nested else record.values
    if _has_left(values):
        return None
    try:
        return _subscription(values, public, sandbox_origin)
    except Refused as error:
        return Problem(record.line, error.field, str(error))


def _subscription(values: Mapping[str, Any], public: str, sandbox_origin: str) -> Subscription:
    get = values.get
    own = get("key", "")
    if own and own.rstrip("=") != public:
        raise Refused(
            "vapid_public", "made with another key pair. Import these rows once more, with that pair."
        )
    address = get("endpoint", "").strip()
    if address and "://" not in address:
        address = _BARE.get(get("device_type", ""), "") + address
    try:
        endpoint = parse_endpoint(address, sandbox_origin=sandbox_origin)
    except EndpointRefused as error:
        raise Refused("endpoint", error.reason) from None
    try:
        point, secret = parse_subscription_keys(plain_key(get("p256dh", "")), plain_key(get("auth", "")))
    except KeyRefused as error:
        raise Refused(error.field, error.reason) from None
    attributes, external_id, tags = get("attributes"), get("external_id"), get("tags")
    zone, device = get("time_zone", ""), get("device", "")
    return Subscription(
        endpoint, point, secret,
        external_id=_external_id(external_id) if external_id else "",
        language=read_language(get("language", "").replace("_", "-")),
        country=_country(get("country", "")),
        time_zone=zone if zone in zone_names() else "",
        browser=_plain(get("browser", "")),
        os=_plain(get("os", "")),
        device=device if device in ("desktop", "mobile", "tablet") else "",
        tags=_tags(tags) if tags else [],
        attributes=attributes_of(attributes) if attributes else {},
        subscribed_at=moment_of(get("subscribed_at")),
        seen_at=moment_of(get("seen_at")),
    )  # fmt: skip


def told_of(record: Record | Cells) -> tuple[str, Told] | Problem:
    """Read a record of tags and attributes: (external id, what it says of that person).

    `tags` and `remove_tags` are lists; every other column is an attribute, typed by what it looks like.
    """
    values = {name: value for name, value in record.values.items() if name and value != ""}
    try:
        external_id = _external_id(values.pop("external_id", ""))
        if not external_id:
            raise Refused("external_id", "it is empty.")
        told = Told(
            add_tags=tags_of(values.pop("tags", "")),
            remove_tags=tags_of(values.pop("remove_tags", "")),
        )
        given = values.pop("attributes", None)
        told.attributes = attributes_of({name: _typed(value) for name, value in values.items()})
        if given:
            told.attributes |= attributes_of(given)
    except Refused as error:
        return Problem(record.line, error.field, str(error))
    return external_id, told


def _tags(value: Any) -> list[str]:
    return _tags_of_text(value) if isinstance(value, str) else tags_of(value)


@lru_cache(maxsize=4096)
def _tags_of_text(text: str) -> list[str]:
    """The same few texts come again and again; nobody changes the list."""
    return tags_of(text)


def tags_of(value: Any) -> list[str]:
    """Read tags: a list, JSON, a text with commas, or an object of names and values; raises Refused."""
    if isinstance(value, str):
        value = _json(value) if value[:1] in ("[", "{") else _BETWEEN_TAGS.split(value)
    if isinstance(value, dict):
        value = [f"{name}={one}" if one not in ("", None, True) else name for name, one in value.items()]
    if not isinstance(value, list) or not all(isinstance(one, str | int | float) for one in value):
        raise Refused("tags", f"{value!r:.60} is no list of tags. {_TAGS_HELP}")
    try:
        return clean_tags(str(one) for one in value)
    except TagsRefused as error:
        raise Refused("tags", str(error)) from None


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Bring nested JSON and other providers' names under ours."""
    inner = values.get("subscription") or values.get("pushtoken")
    if isinstance(inner, dict):
        data = inner.get("data")
        data = _json(data) if isinstance(data, str) and data[:1] == "{" else data
        inner = (
            {**inner, **data}
            if isinstance(data, dict)
            else {**inner, "endpoint": data or inner.get("endpoint")}
        )
        values = {**values, **inner}
    keys = values.get("keys") or (isinstance(values.get("meta"), dict) and values["meta"].get("keys"))
    if isinstance(keys, dict):
        values = {**values, **keys}
    flat = {name: str(values[name]) for name in _STATES if name in values}
    for name, others in _NAMES.items():
        found = next((values[other] for other in others if values.get(other)), None)
        if isinstance(found, str) or (found is not None and name in _ANY):
            flat[name] = found
    return flat


def _has_left(values: Mapping[str, Any]) -> bool:
    get = values.get
    return (
        get("notification_types", "1") in ("-2", "0")
        or get("invalid_identifier", "f").lower() in ("t", "true", "1")
        or get("state", "") in _ENDED
        # E-mail addresses and telephone numbers are in the same export.
        or get("device_type", "5") in ("11", "14")
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _plain(text: str) -> str:
    return text[:40] if text.isprintable() else ""


def _external_id(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    try:
        return read_external_id(text.strip() if isinstance(text, str) else text)
    except ProfileRefused as error:
        raise Refused("external_id", str(error).partition(": ")[2]) from None


def attributes_of(value: Any) -> dict[str, Any]:
    value = _json(value) if isinstance(value, str) else value
    if not isinstance(value, dict):
        raise Refused("attributes", f"{value!r:.60} is no JSON object.")
    try:
        return read_attributes(value)
    except ProfileRefused as error:
        raise Refused(error.place.removeprefix("attributes."), str(error)) from None


def _typed(value: Any) -> Any:
    """Type a cell: numbers and true or false by their look; what JSON gives is typed already."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    # 007 and +49 are names for things, not numbers.
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?", text):
        return float(text) if "." in text else int(text)
    return text


def plain_key(text: str) -> str:
    """Some providers write keys in plain base64."""
    return text.strip().replace("+", "-").replace("/", "_")


def _country(text: str) -> str:
    return text.upper() if len(text) == 2 and text.isascii() and text.isalpha() else ""


def moment_of(value: Any) -> str:
    """Read ISO 8601, or seconds or milliseconds since 1970, as ISO 8601 with its zone; what is neither is not known."""
    if not value:
        return ""
    try:
        if isinstance(value, str) and not value.isdecimal():
            # Written anew, in UTC: Python reads forms and zones that PostgreSQL does not.
            found = datetime.fromisoformat(value.removesuffix(" UTC"))
            return found.astimezone(UTC).isoformat() if found.tzinfo else f"{found.isoformat()}+00:00"
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 10**11 else seconds, UTC).isoformat()
    except (ValueError, TypeError, OverflowError, OSError):
        return ""
