"""Findings on the worker file: that it is there, a script, ours, and may have its scope."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from subscribers.doctor.address import BROWSER_CHECK
from subscribers.doctor.case import Case
from subscribers.doctor.finding import Finding, good, problem, unknown, warning
from subscribers.doctor.policies import look_at_worker_policies
from subscribers.doctor.visit import MOST_WORKER, Visit
from truepush.lib.guarded import Answer, Failure, GetFailed
from truepush.lib.push_providers import providers_in

# What browsers take for a script (WHATWG MIME Sniffing, section 4.6).
_SCRIPT = re.compile(
    r"(?:text|application)/(?:x-)?(?:javascript|ecmascript)|text/(?:javascript1\.[0-5]|jscript|livescript)"
)
# Whichever begins first: each hides what looks like the other in it. One without an end goes to the end of the file.
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|^[ \t]*//[^\n]*", re.DOTALL | re.MULTILINE)
_IMPORT = re.compile(
    r"""importScripts\(\s*["'`](?:https?:)?//([^\s"'`/]{1,260})/w/([A-Za-z0-9_-]{1,64})\.js"""
)
_REFUSED = (401, 403, 407, 429, 503)


def look_at_worker(case: Case, visit: Visit, origin: str) -> Iterator[Finding]:
    """Ask for the file as a browser does that registers it; a browser follows no redirect here."""
    url = f"{origin}{case.worker_path}?k={case.site_key}"
    try:
        answer = visit.get(url, most=MOST_WORKER)
    except GetFailed as error:
        slow = "there was no time left" if error.failure == Failure.TIME else "the connection failed"
        yield unknown(
            "The worker file was not looked at", f"{origin}{case.worker_path}: {slow}.", BROWSER_CHECK
        )
        return
    refusal = _refusal(case, answer, f"{origin}{case.worker_path}")
    if refusal:
        yield refusal
        return
    yield _content(case, answer.body.decode(errors="replace"))
    yield from _scope(case, answer)
    yield from look_at_worker_policies(case, answer, origin)


def _refusal(case: Case, answer: Answer, at: str) -> Finding | None:
    """What a browser would not take for a worker."""
    there = f"Put the file at {case.worker_path}; its text is:"
    kind = answer.header("Content-Type").partition(";")[0].strip().lower()
    if answer.location:
        leads = urlsplit(answer.location).netloc or "another place"
        remedy = f"Let {case.worker_path} answer by itself: browsers take no worker from behind a redirect."
        return problem(
            "The worker file leads on", f"{at} answers {answer.status} and leads to {leads[:200]}.", remedy
        )
    if answer.status in _REFUSED:
        return unknown(
            "We may not see the worker file", f"{at} answers {answer.status} to us.", BROWSER_CHECK
        )
    if answer.status != 200:
        return problem("The worker file is not there", f"{at} answers {answer.status}.", there, case.stub)
    if "html" in kind:
        remedy = f"Your server answers with a page for every address it does not know. {there}"
        return problem(
            "In place of the worker file comes a page", f"{at} is of type {kind}.", remedy, case.stub
        )
    if not _SCRIPT.fullmatch(kind):
        remedy = "Let your server send .js files with this header:"
        found = f"{at} is of type {kind[:100] or '(none)'}; browsers take workers of a JavaScript type only."
        return problem(
            "The worker file has the wrong type",
            found,
            remedy,
            "Content-Type: text/javascript; charset=utf-8",
        )
    return None


def _content(case: Case, text: str) -> Finding:
    found = [(host.lower(), key) for host, key in _IMPORT.findall(_COMMENT.sub(" ", text))]
    ours = (case.sdk_url.partition("//")[2], case.site_key)
    others = providers_in([text])
    if ours in found and not others:
        return good("The worker file is in its place", f"{case.worker_path} imports this website's code.")
    if ours in found:
        return warning(
            "The worker file is shared",
            f"{case.worker_path} imports ours and that of {', '.join(others)}. Both act on each message.",
            "Give each a file and a folder of its own.",
        )
    if found:
        host, key = found[0]
        name = case.names.get(key)
        whose = f"your website “{name}”" if name else f"site key {key} at {host}"
        return problem(
            "The worker file is another website's",
            f"It imports the code of {whose}.",
            "Its text must be:",
            case.stub,
        )
    whose = f"It is that of {', '.join(others)}." if others else "It does not import our code."
    return problem("The worker file is not ours", whose, "Its text must have these two lines:", case.stub)


def _scope(case: Case, answer: Answer) -> Iterator[Finding]:
    """The folder of a file is the widest scope it may have, unless the header names another (Service Workers, 4.1)."""
    allowed = answer.header("Service-Worker-Allowed").strip()
    path = urlsplit(allowed).path if allowed else ""
    if path and not case.worker_scope.startswith(path):
        yield problem(
            "The worker may not have its scope",
            f"The header Service-Worker-Allowed is {allowed[:200]}, and the scope {case.worker_scope} is not in it.",
            "Take the header away for this file, or let it say:",
            f"Service-Worker-Allowed: {case.worker_scope}",
        )
