"""What travels in a push: declarative web push JSON (WebKit's `web_push: 8030`) that our worker reads too."""

import json
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from truepush.lib.webpush.encryption import HEADER_LENGTH, OVERHEAD

TOKEN_LENGTH = 58
# Tags are this long; the real one is made with the send.
SAMPLE_TAG = "tp-" + "0" * 16
# Firefox on Android gets messages over a bridge that takes 2,744 octets of body (autopush, http.md).
MAX_BRIDGED = 2744 - HEADER_LENGTH - OVERHEAD
TOKEN_PARAMETER = "tp_c"  # noqa: S105  # the name of a URL parameter
_MARK = "\x00token\x00"


class Template(NamedTuple):
    """A message with the place of the receipt token left open: `parts` are joined by the token."""

    parts: tuple[bytes, ...]

    def fill(self, token: str) -> bytes:
        return token.encode().join(self.parts)


def template_of(content: Mapping[str, str], *, tag: str) -> Template:
    """Build the payload of one variant ({"title", "body", "url", "icon_url"}) once for all its recipients."""
    notification = {
        "title": content["title"],
        "body": content["body"],
        "navigate": with_token(content["url"], _MARK),
        "tag": tag,
    }
    if content["icon_url"]:
        notification["icon"] = content["icon_url"]
    message = {"web_push": 8030, "notification": notification, "mutable": True, "tp": {"v": 1, "t": _MARK}}
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return Template(tuple(part.encode() for part in text.split(json.dumps(_MARK)[1:-1])))


def with_token(url: str, token: str) -> str:
    """Add the click parameter to a URL, keeping its query and fragment."""
    parts = urlsplit(url)
    query = f"{parts.query}&{TOKEN_PARAMETER}={token}" if parts.query else f"{TOKEN_PARAMETER}={token}"
    return urlunsplit(parts._replace(query=query, path=parts.path or "/"))


def payload_octets(content: Mapping[str, str], *, tag: str) -> int:
    """Count the octets of the payload that this content becomes, token included."""
    return len(template_of(content, tag=tag).fill("x" * TOKEN_LENGTH))


def draft_octets(content: Mapping[str, str], *, site_icon: str) -> int:
    """Count what a draft becomes: with the website's icon where it has none, and a tag as long as any send's."""
    return payload_octets({**content, "icon_url": content["icon_url"] or site_icon}, tag=SAMPLE_TAG)
