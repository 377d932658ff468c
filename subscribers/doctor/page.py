"""Findings in a page's markup: the snippet, once and of the right website, and other providers beside it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from subscribers.doctor.address import BROWSER_CHECK
from subscribers.doctor.case import Case
from subscribers.doctor.finding import Finding, good, problem, unknown, warning
from truepush.lib.page_scan import Scan, Script
from truepush.lib.push_providers import providers_in

_LOADER = re.compile(r"""(https?:)?//([^\s/"'<>]{1,260})/sdk/v1/([A-Za-z0-9_-]{1,64})/truepush\.js""")
# Types that a browser runs (HTML, "prepare the script element"); others wait for a consent tool, or are data.
_RUN = (
    "",
    "text/javascript",
    "application/javascript",
    "module",
    "text/ecmascript",
    "application/x-javascript",
)
_MANAGERS = {
    "googletagmanager.com/gtm.js": "Google Tag Manager",
    "googletagmanager.com/ns.html": "Google Tag Manager",
    "assets.adobedtm.com": "Adobe Launch",
    "tags.tiqcdn.com": "Tealium",
    "cdn.segment.com": "Segment",
}
_PART = "We read only a part of this page, or the page of a sign-in that it led to."


@dataclass
class Snippets:
    """Where loaders are named: in script elements that run or wait, in other scripts, in text that never runs."""

    running: list[Script] = field(default_factory=list)
    waiting: list[Script] = field(default_factory=list)
    inserted: list[str] = field(default_factory=list)
    inert: list[str] = field(default_factory=list)

    def of(self, case: Case) -> Script | None:
        """Find the element that loads this website's snippet."""
        return next((one for one in self.running if key_of(one.src) == case.site_key), None)


def key_of(text: str) -> str:
    found = _LOADER.search(text)
    return found[3] if found else ""


def host_of(text: str) -> str:
    found = _LOADER.search(text)
    return found[2].lower() if found else ""


def find_snippets(scan: Scan) -> Snippets:
    found = Snippets()
    for script in scan.scripts:
        runs = script.attributes.get("type", "").strip().lower() in _RUN
        if key_of(script.src):
            (found.running if runs else found.waiting).append(script)
        elif key_of(" ".join(script.attributes.values())):
            found.waiting.append(script)
        elif not script.src:
            places = found.inserted if runs else found.inert
            places += [match[0] for match in _LOADER.finditer(script.text)]
    for text in scan.inert:
        found.inert += [match[0] for match in _LOADER.finditer(text)]
    return found


def look_at_snippet(
    case: Case, scan: Scan, snippets: Snippets, *, is_whole: bool = True
) -> Iterator[Finding]:
    named = [one.src for one in snippets.running] or snippets.inserted
    if not named:
        yield _missing(case, scan, snippets, is_whole)
        return
    keys = {key_of(text) for text in named}
    yield from (_foreign(case, key) for key in sorted(keys - {case.site_key}))
    if case.site_key not in keys:
        return
    ours = [text for text in named if key_of(text) == case.site_key]
    hosts = {host_of(text) for text in ours} - {case.sdk_url.partition("//")[2]}
    if hosts:
        yield problem(
            "The snippet loads from another installation",
            f"It asks {', '.join(sorted(hosts))[:200]}, not {case.sdk_url}.",
            "Paste the snippet of this page in its place.",
            case.snippet,
        )
    elif len(snippets.running) > 1 and len(ours) > 1:
        yield warning(
            "The snippet is in the page twice",
            f"Site key {case.site_key}, {len(ours)} times. The first one serves both.",
            "Take the others out.",
        )
    elif not snippets.running:
        yield good("A script of the page puts the snippet in", f"Site key {case.site_key}.")
    else:
        yield good("The snippet is in the page", f"Site key {case.site_key}.")


def _foreign(case: Case, key: str) -> Finding:
    name = case.names.get(key)
    whose = f"your website “{name}”" if name else "a website that this workspace does not have"
    return problem(
        "The page has another website's snippet",
        f"Its site key {key} is of {whose}. Of two snippets the first that arrives serves the page.",
        "Put this website's snippet in its place.",
        case.snippet,
    )


def _missing(case: Case, scan: Scan, snippets: Snippets, is_whole: bool) -> Finding:
    if snippets.waiting:
        return warning(
            "The snippet waits",
            "Its element has another type, or its address in another attribute than src: most likely a consent tool "
            "starts it once the visitor agrees.",
            f"If that is not meant, paste it as it is given. {BROWSER_CHECK}",
        )
    if snippets.inert:
        return problem(
            "The snippet is where no browser runs it",
            "It stands in a comment, a <noscript>, a <template> or in data.",
            "Put it into the page as an element of its own, anywhere before </head>.",
            case.snippet,
        )
    text = "\n".join([one.src + one.text for one in scan.scripts] + scan.inert)
    manager = next((name for mark, name in _MANAGERS.items() if mark in text), "")
    if manager:
        return unknown(
            "The snippet is not in the page's own text",
            f"{manager} may put it in; that cannot be seen from here.",
            BROWSER_CHECK,
        )
    if not is_whole:
        return unknown("The snippet was not found", _PART, BROWSER_CHECK)
    return problem(
        "The snippet is not in the page",
        "Nothing in the page's text loads it. A page that a script builds can still have it: then "
        "“Check in this browser” finds it.",
        "Paste it into every page, anywhere before </head>.",
        case.snippet,
    )


def look_at_others(scan: Scan) -> Iterator[Finding]:
    """Name other providers whose scripts the page has."""
    for name in providers_in(one.src + one.text for one in scan.scripts):
        yield warning(
            f"{name} is in the page too",
            "Two providers ask the visitor twice, and who agrees may get each message twice.",
            f"When you have moved, take {name}'s script out. Bring its subscribers over with an import first, and "
            "leave its worker file until they have come.",
        )
