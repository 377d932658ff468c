"""What of a page's markup loads scripts: its script elements and its policies, whatever else the page is made of.

No tree is built. Each tag is looked at within a limit and nothing is read twice, so that any octets take time in
proportion to their length.
"""

import html
import re
from dataclasses import dataclass, field

MOST_TAG = 16_384
MOST_TAGS = 20_000
# Their content is text up to their end tag, or is not part of the page while it stands there.
_TEXT = (
    "script",
    "style",
    "textarea",
    "title",
    "noscript",
    "template",
    "iframe",
    "xmp",
    "noembed",
    "noframes",
)
_TAG = re.compile(
    r"<(?:(!--)|(/?)(script|style|textarea|title|noscript|template|iframe|xmp|noembed|noframes|meta|body|head)(?=[\s/>]))",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'=<>`]++)))?+""")
# Quotes count after an equals sign only.
_END = re.compile(r"""(?:=\s*+(?:"[^"]*+"|'[^']*+')?+|[^>=])*+>""")


@dataclass
class Script:
    """One script element; names of attributes are in lower case."""

    attributes: dict[str, str]
    text: str = ""

    @property
    def src(self) -> str:
        return self.attributes.get("src", "").strip()


@dataclass
class Scan:
    """`policies` are those of <meta> elements in the head; `inert` is text that no browser runs: comments and so on."""

    scripts: list[Script] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    inert: list[str] = field(default_factory=list)


def scan(text: str) -> Scan:
    found, at, in_head = Scan(), 0, True
    for _ in range(MOST_TAGS):
        tag = _TAG.search(text, at)
        if tag is None:
            break
        if tag[1]:
            at = _past(text, "-->", tag.end())
            found.inert.append(text[tag.end() : at])
            continue
        name, is_end = tag[3].lower(), bool(tag[2])
        inside, at = _inside(text, tag.end())
        in_head = in_head and not (name == "body" or (name == "head" and is_end))
        if is_end:
            continue
        if name == "meta" and in_head:
            _note_meta(found, _attributes(inside))
        elif name in _TEXT:
            start, at = at, _end_tag(text, name, at)
            _note_text(found, name, _attributes(inside), text[start:at])
    return found


def _past(text: str, mark: str, at: int) -> int:
    """Find where the mark ends; the end of the page where there is none, as browsers do."""
    end = text.find(mark, at)
    return len(text) if end < 0 else end + len(mark)


def _inside(text: str, at: int) -> tuple[str, int]:
    """Answer what stands between a tag's name and its end, and where it ends."""
    end = _END.match(text, at, at + MOST_TAG)
    return (text[at : end.end() - 1], end.end()) if end else ("", min(at + MOST_TAG, len(text)))


def _end_tag(text: str, name: str, at: int) -> int:
    end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(text, at)
    return end.start() if end else len(text)


def _attributes(inside: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(inside):
        found.setdefault(name.lower(), html.unescape("".join(values)))
    return found


def _note_meta(found: Scan, attributes: dict[str, str]) -> None:
    if attributes.get("http-equiv", "").strip().lower() == "content-security-policy":
        found.policies += [text for text in attributes.get("content", "").split(",") if text.strip()]


def _note_text(found: Scan, name: str, attributes: dict[str, str], text: str) -> None:
    if name == "script":
        found.scripts.append(Script(attributes, text))
    elif name in ("noscript", "template", "textarea"):
        found.inert.append(text)
