"""What travels in a push: declarative web push JSON (WebKit's `web_push: 8030`) that our worker reads too."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from campaigns.delivery.personal import Marks, Place, quote_marked
from truepush.lib.webpush.encryption import HEADER_LENGTH, MAX_PLAINTEXT, OVERHEAD

TOKEN_LENGTH = 58
# Tags are this long; the real one is made with the send.
SAMPLE_TAG = "tp-" + "0" * 16
# Firefox on Android gets messages over a bridge that takes 2,744 octets of body (autopush, http.md).
MAX_BRIDGED = 2744 - HEADER_LENGTH - OVERHEAD
TOKEN_PARAMETER = "tp_c"  # noqa: S105  # the name of a URL parameter
# Browsers report "displayed" at random within a second for each thousand recipients, at most three: as fast as messages
# leave, the web server does not take reports (docs/decisions.md).
MOST_SPREAD, RECIPIENTS_A_SECOND = 3, 1000
_MARK = "\x00token\x00"
_MARKED = re.compile(r"\\u0000(\w+)\\u0000")


# Of a Message what travels; those with a default may be missing.
DEFAULTS: dict[str, Any] = {
    "body": "", "icon_url": "", "image_url": "", "badge_url": "", "buttons": [], "sticky": False, "silent": False,
    "replaces": "", "utm": {}, "translations": {},
}  # fmt: skip
FIELDS = ("title", "url", *DEFAULTS)
MOST_BUTTONS = 2
UTM = ("source", "medium", "campaign", "term", "content")
# What another language may say differently.
TRANSLATED = ("title", "body", "url")
NOBODY: Mapping[str, Any] = {}


class Template(NamedTuple):
    """A message with places left open: before each but the first part stands a place, or the receipt token (None)."""

    parts: tuple[bytes, ...]
    places: tuple[Place | None, ...]
    is_personal: bool

    def fill(self, token: str, values: Mapping[str, Any] = NOBODY) -> bytes:
        """Write it for one recipient; with the defaults if their own values would make it too long to travel."""
        if not self.is_personal:
            return token.encode().join(self.parts)
        made = self._filled(token, values)
        return made if len(made) <= MAX_PLAINTEXT else self._filled(token, NOBODY)

    def _filled(self, token: str, values: Mapping[str, Any]) -> bytes:
        made = [self.parts[0]]
        for place, part in zip(self.places, self.parts[1:], strict=True):
            made += (token.encode() if place is None else place.write(values), part)
        return b"".join(made)


class Templates(NamedTuple):
    """One variant in all its languages."""

    default: Template
    by_language: Mapping[str, Template]

    @property
    def is_personal(self) -> bool:
        """Whether a recipient's profile is needed to write it."""
        return bool(self.by_language) or self.default.is_personal

    def of(self, language: str) -> Template:
        """Choose by RFC 4647 section 3.4: `de-AT`, else `de`, else the default."""
        if self.by_language:
            while language:
                if found := self.by_language.get(language):
                    return found
                language = language.rpartition("-")[0]
        return self.default


def spread_of(audience: int) -> int:
    """Say within how many seconds browsers of so many recipients report."""
    return min(MOST_SPREAD, audience // RECIPIENTS_A_SECOND)


def templates_of(content: Mapping[str, Any], *, tag: str, spread: int = 0) -> Templates:
    """Build what one variant becomes, once for all its recipients."""
    translations = content.get("translations") or {}
    return Templates(
        template_of(content, tag=tag, spread=spread),
        {
            language: template_of(in_language(content, language), tag=tag, spread=spread)
            for language in translations
        },
    )


def in_language(content: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Give the content as it reads in one of its other languages; what that leaves out is as in the default."""
    said = {name: text for name, text in content["translations"][language].items() if text}
    return {**content, **said, "lang": language}


def template_of(content: Mapping[str, Any], *, tag: str, spread: int = 0) -> Template:
    """Build the payload of one variant (its FIELDS) in its default language.

    Names are those of the Notification API and of WebKit's declarative push; browsers leave out what they do not know.
    """
    given = {**DEFAULTS, **content}
    marks = Marks()
    notification: dict[str, Any] = {
        "title": marks.mark(given["title"]),
        "body": marks.mark(given["body"]),
        "navigate": _page(given["url"], given["utm"], marks),
        "tag": tag,
    }
    for name, member in (("icon_url", "icon"), ("image_url", "image"), ("badge_url", "badge")):
        if given[name]:
            notification[member] = marks.mark(given[name], in_url=True)
    if given.get("lang"):
        notification["lang"] = given["lang"]
    notification |= _flags(given)
    if given["buttons"]:
        notification["actions"] = [
            _action(button, number, given["utm"], marks) for number, button in enumerate(given["buttons"], 1)
        ]
    ours = {"v": 1, "t": _MARK, **({"s": spread} if spread else {})}
    return _cut({"web_push": 8030, "notification": notification, "mutable": True, "tp": ours}, marks)


def _flags(given: Mapping[str, Any]) -> dict[str, bool]:
    """What replaces an older one would come without a sound, hence `renotify`."""
    flags = {
        "silent": given["silent"],
        "requireInteraction": given["sticky"],
        "renotify": given["replaces"] and not given["silent"],
    }
    return {member: True for member, is_set in flags.items() if is_set}


def _cut(message: Mapping[str, Any], marks: Marks) -> Template:
    """Cut the text at its marks."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    parts = _MARKED.split(text)
    places = tuple(None if name == "token" else marks.places[int(name)] for name in parts[1::2])
    return Template(tuple(part.encode() for part in parts[::2]), places, bool(marks.places))


def _action(button: Mapping[str, str], number: int, utm: Mapping[str, str], marks: Marks) -> dict[str, str]:
    made = {
        "action": f"a{number}",
        "title": marks.mark(button["title"]),
        "navigate": _page(button["url"], utm, marks),
    }
    return {**made, "icon": button["icon_url"]} if button.get("icon_url") else made


def _page(url: str, utm: Mapping[str, str], marks: Marks) -> str:
    tracked = with_utm(
        marks.mark(url, in_url=True), {name: marks.mark(text, in_url=True) for name, text in utm.items()}
    )
    return with_token(tracked, _MARK)


def with_utm(url: str, utm: Mapping[str, str]) -> str:
    """Add `utm_` parameters to a URL; one that the URL has already stays as it is."""
    parts = urlsplit(url)
    known = {pair.partition("=")[0] for pair in parts.query.split("&")}
    added = [
        f"utm_{name}={quote_marked(utm[name])}"
        for name in UTM
        if utm.get(name) and f"utm_{name}" not in known
    ]
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, *added]))))


def with_token(url: str, token: str) -> str:
    """Add the click parameter to a URL, keeping its query and fragment."""
    parts = urlsplit(url)
    query = f"{parts.query}&{TOKEN_PARAMETER}={token}" if parts.query else f"{TOKEN_PARAMETER}={token}"
    return urlunsplit(parts._replace(query=query, path=parts.path or "/"))


def payload_octets(content: Mapping[str, Any], *, tag: str) -> int:
    """Count the octets of what this content becomes for a large audience, token included, in its longest language."""
    made = templates_of(content, tag=tag, spread=MOST_SPREAD)
    token = "x" * TOKEN_LENGTH
    return max(len(one.fill(token)) for one in (made.default, *made.by_language.values()))


def draft_octets(content: Mapping[str, Any], *, site_icon: str) -> int:
    """Count what a draft becomes: with the website's icon where it has none, and a tag as long as any send's."""
    return payload_octets({**content, "icon_url": content.get("icon_url") or site_icon}, tag=SAMPLE_TAG)
