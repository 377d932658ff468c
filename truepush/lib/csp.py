"""Content Security Policy (CSP level 3): would this policy stop that request, by which directive, and what lets it by.

Only what a script host, a connection and a service worker meet: the fetch directives with their fallbacks, nonces,
hashes of files, 'strict-dynamic', host and scheme sources. All policies of a page must allow a request; those that only
report are none. Checked against a real Chromium by tests/sdk/test_policies_in_chromium.py.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from truepush.lib.hostname import USUAL_PORTS

# Of each directive, those that stand in for it where it is missing (section 6.8.3).
FALLBACKS = {
    "script-src-elem": ("script-src-elem", "script-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
    "worker-src": ("worker-src", "child-src", "script-src", "default-src"),
}
_SPACE = re.compile(r"[\t\n\f\r ]+")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_HOST = re.compile(
    r"(?:([a-z][a-z0-9+.-]*)://)?(\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::(\d+|\*))?(/[^?#]*)?",
    re.IGNORECASE,
)
# Keywords that mean nothing to the request that a directive is written anew for.
_OF_SCRIPTS = re.compile(
    r"'(?:nonce-|sha256-|sha384-|sha512-|unsafe-|strict-dynamic|report-sample|wasm-)[^']*'?", re.I
)


@dataclass(frozen=True)
class Policy:
    """`place` says where it stands, for people: "the Content-Security-Policy header"."""

    place: str
    directives: dict[str, tuple[str, ...]]

    def effective(self, directive: str) -> str:
        """Name the directive that decides in place of this one; empty where the policy says nothing of it."""
        return next((name for name in FALLBACKS[directive] if name in self.directives), "")


class Request(NamedTuple):
    """What a page asks for. `nonce` and `integrity` are the script element's; `is_parsed`: it stands in the markup."""

    directive: str
    url: str
    nonce: str = ""
    integrity: str = ""
    is_parsed: bool = False


def read_policies(header: str, metas: Sequence[str]) -> list[Policy]:
    """Read the policies of a page: of its headers, joined by commas, and of its <meta> elements."""
    texts = [text for text in header.split(",") if text.strip()]
    named = "the Content-Security-Policy header"
    places = [f"policy {n} of {named}" if len(texts) > 1 else named for n in range(1, len(texts) + 1)]
    given = [*zip(places, texts, strict=True), *(("the page's <meta> policy", text) for text in metas)]
    read = [Policy(place, _directives(text)) for place, text in given]
    return [policy for policy in read if policy.directives]


def _directives(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in text.split(";"):
        name, *values = [word for word in _SPACE.split(part) if word] or [""]
        # What is said twice counts as it was said first.
        if name:
            found.setdefault(name.lower(), tuple(values))
    return found


def stops(policy: Policy, request: Request, page_origin: str) -> bool:
    """Whether a policy refuses a request of a page (sections 6.1 and 6.7)."""
    name = policy.effective(request.directive)
    if not name:
        return False
    sources = policy.directives[name]
    if name in ("script-src-elem", "script-src", "default-src") and request.directive != "connect-src":
        if _is_vouched_for(sources, request):
            return False
        if _has(sources, "'strict-dynamic'"):
            return request.is_parsed
    return not any(_matches(source, request.url, page_origin) for source in sources)


def _is_vouched_for(sources: Sequence[str], request: Request) -> bool:
    if request.nonce and f"'nonce-{request.nonce}'" in sources:
        return True
    hashes = {source.strip("'") for source in sources if source.lower().startswith("'sha")}
    given = [word.split("?")[0] for word in request.integrity.split()]
    return bool(given) and all(word in hashes for word in given)


def _has(sources: Sequence[str], keyword: str) -> bool:
    return any(source.lower() == keyword for source in sources)


def is_by_nonce(policy: Policy, request: Request) -> bool:
    """Whether hosts count for nothing in the directive that decides, so that only a nonce helps a script's element."""
    sources = policy.directives.get(policy.effective(request.directive), ())
    return _has(sources, "'strict-dynamic'")


def has_nonce(policy: Policy) -> bool:
    names = FALLBACKS["script-src-elem"]
    return any(
        source.lower().startswith("'nonce-") for name in names for source in policy.directives.get(name, ())
    )


def allowing(policy: Policy, request: Request, source: str) -> str:
    """Write the directive anew so that it lets the request by and all that it let by before."""
    name = policy.effective(request.directive)
    wanted = "script-src" if request.directive == "script-src-elem" else request.directive
    target = name if name in ("script-src-elem", wanted) else wanted
    return " ".join(
        [target, *_kept(policy.directives.get(name, ()), is_script=wanted == "script-src"), source]
    )


def _kept(sources: Sequence[str], *, is_script: bool) -> Iterator[str]:
    for source in sources:
        if source.lower() != "'none'" and (is_script or not _OF_SCRIPTS.match(source)):
            # Whoever copies it puts the value of the page in: it is another one for each page.
            yield "'nonce-…'" if source.lower().startswith("'nonce-") else source


def _matches(source: str, url: str, page_origin: str) -> bool:
    asked, own = urlsplit(url), urlsplit(page_origin)
    if source == "*":
        return True
    if source.lower() == "'self'":
        usual = asked.port is None and own.port is None
        is_better = asked.scheme == own.scheme or (own.scheme, asked.scheme) == ("http", "https")
        return asked.hostname == own.hostname and is_better and (asked.port == own.port or usual)
    if scheme := _SCHEME.fullmatch(source):
        return _scheme_matches(scheme[1].lower(), asked.scheme)
    host = _HOST.fullmatch(source)
    if host is None:
        return False
    scheme_name = (host[1] or own.scheme).lower()
    return (
        _scheme_matches(scheme_name, asked.scheme)
        and _host_matches(host[2].lower(), asked.hostname or "")
        and _port_matches(host[3] or "", scheme_name, asked.port or USUAL_PORTS[asked.scheme], asked.scheme)
        and _path_matches(host[4] or "", asked.path)
    )


def _scheme_matches(source: str, asked: str) -> bool:
    """By the text of the standard ws and wss match http(s) too; Chromium has no such thing, and is the stricter one."""
    return source == asked or (source, asked) == ("http", "https")


def _host_matches(source: str, asked: str) -> bool:
    if source == "*":
        return True
    return asked.endswith(source[1:]) if source.startswith("*.") else source == asked


def _port_matches(source: str, scheme: str, asked: int, asked_scheme: str) -> bool:
    if source == "*":
        return True
    if not source:
        return asked == USUAL_PORTS[asked_scheme]
    return int(source) == asked or (source == "80" and asked == 443 and asked_scheme == "https")


def _path_matches(source: str, asked: str) -> bool:
    if source in ("", "/"):
        return True
    begins, path = unquote(source), unquote(asked)
    return path.startswith(begins) if source.endswith("/") else path == begins
