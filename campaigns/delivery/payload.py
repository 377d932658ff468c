"""What travels in a push: declarative web push JSON (WebKit's `web_push: 8030`) that our worker reads too."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from truepush.lib.webpush.encryption import HEADER_LENGTH, OVERHEAD

TOKEN_LENGTH = 58
# Tags are this long; the real one is made with the send.
SAMPLE_TAG = "tp-" + "0" * 16
# Firefox on Android gets messages over a bridge that takes 2,744 octets of body (autopush, http.md).
MAX_BRIDGED = 2744 - HEADER_LENGTH - OVERHEAD
TOKEN_PARAMETER = "tp_c"  # noqa: S105  # the name of a URL parameter
_MARK = "\x00token\x00"


# Of a Message what travels; those with a default may be missing.
DEFAULTS: dict[str, Any] = {
    "body": "", "icon_url": "", "image_url": "", "badge_url": "", "buttons": [], "sticky": False, "silent": False,
}  # fmt: skip
FIELDS = ("title", "url", *DEFAULTS)
MOST_BUTTONS = 2


class Template(NamedTuple):
    """A message with the place of the receipt token left open: `parts` are joined by the token."""

    parts: tuple[bytes, ...]

    def fill(self, token: str) -> bytes:
        return token.encode().join(self.parts)


def template_of(content: Mapping[str, Any], *, tag: str) -> Template:
    """Build the payload of one variant (its FIELDS) once for all its recipients.

    Names are those of the Notification API and of WebKit's declarative push; browsers leave out what they do not know.
    """
    given = {**DEFAULTS, **content}
    notification = {
        "title": given["title"],
        "body": given["body"],
        "navigate": with_token(given["url"], _MARK),
        "tag": tag,
    }
    for name, member in (("icon_url", "icon"), ("image_url", "image"), ("badge_url", "badge")):
        if given[name]:
            notification[member] = given[name]
    for name, member in (("silent", "silent"), ("sticky", "requireInteraction")):
        if given[name]:
            notification[member] = True
    if given["buttons"]:
        notification["actions"] = [
            _action(button, number) for number, button in enumerate(given["buttons"], 1)
        ]
    message = {"web_push": 8030, "notification": notification, "mutable": True, "tp": {"v": 1, "t": _MARK}}
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return Template(tuple(part.encode() for part in text.split(json.dumps(_MARK)[1:-1])))


def _action(button: Mapping[str, str], number: int) -> dict[str, str]:
    made = {"action": f"a{number}", "title": button["title"], "navigate": with_token(button["url"], _MARK)}
    return {**made, "icon": button["icon_url"]} if button.get("icon_url") else made


def with_token(url: str, token: str) -> str:
    """Add the click parameter to a URL, keeping its query and fragment."""
    parts = urlsplit(url)
    query = f"{parts.query}&{TOKEN_PARAMETER}={token}" if parts.query else f"{TOKEN_PARAMETER}={token}"
    return urlunsplit(parts._replace(query=query, path=parts.path or "/"))


def payload_octets(content: Mapping[str, Any], *, tag: str) -> int:
    """Count the octets of the payload that this content becomes, token included."""
    return len(template_of(content, tag=tag).fill("x" * TOKEN_LENGTH))


def draft_octets(content: Mapping[str, Any], *, site_icon: str) -> int:
    """Count what a draft becomes: with the website's icon where it has none, and a tag as long as any send's."""
    return payload_octets({**content, "icon_url": content.get("icon_url") or site_icon}, tag=SAMPLE_TAG)
