"""A check of a website's installation from here, put together: the way, the page, its policies, the worker file."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from subscribers.doctor.address import look_at_address
from subscribers.doctor.case import Case
from subscribers.doctor.finding import Finding
from subscribers.doctor.page import find_snippets, look_at_others, look_at_snippet
from subscribers.doctor.policies import look_at_policies
from subscribers.doctor.visit import Seen, Visit, origin_of
from subscribers.doctor.worker_file import look_at_worker
from truepush.lib.guarded import Answer
from truepush.lib.page_scan import scan

# What truepush.lib.guarded unpacks.
_READ = ("", "identity", "gzip", "x-gzip", "deflate")
_SIGN_IN = re.compile(r"/(?:log-?in|sign-?in|wp-login|auth|sso|anmelden|account/login)\b", re.IGNORECASE)


def examine(case: Case, visit: Visit) -> Iterator[Finding]:
    """Look at a website; asks for two files of it, and more where they lead on."""
    seen = visit.page(case.page)
    yield from look_at_address(case, seen)
    if seen.answer is None:
        return
    origin = origin_of(seen.url)
    if 200 <= seen.answer.status < 300:
        yield from _page(case, seen, seen.answer, origin)
    yield from look_at_worker(case, visit, origin)


def _page(case: Case, seen: Seen, answer: Answer, origin: str) -> Iterator[Finding]:
    found = scan(answer.body.decode(errors="replace"))
    snippets = find_snippets(found)
    is_readable = answer.header("Content-Encoding").strip().lower() in _READ
    is_whole = is_readable and not answer.is_cut and not _SIGN_IN.search(urlsplit(seen.url).path)
    yield from look_at_snippet(case, found, snippets, is_whole=is_whole)
    yield from look_at_policies(case, answer, found, snippets, origin)
    yield from look_at_others(found)
