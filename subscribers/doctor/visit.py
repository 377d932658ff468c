"""A look at a website from here: every request through the guard, each step of a redirect checked anew.

Websites of this machine are looked at only where the whole installation is a demonstration on this machine.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from truepush.lib.guarded import Answer, Failure, GetFailed, Trust, get
from truepush.lib.hostname import USUAL_PORTS, ends_in_number, is_local

TOTAL_SECONDS = 10.0
MOST_PAGE = 2 * 1024 * 1024
MOST_WORKER = 256 * 1024
MOST_STEPS = 5
TrustOf = Callable[[str], Trust]


class Step(NamedTuple):
    """Where the page led on to."""

    start: str
    end: str


@dataclass
class Seen:
    """What came of the page: where it ended, its answer or why there is none."""

    url: str
    steps: list[Step]
    answer: Answer | None = None
    failed: GetFailed | None = None
    has_no_end: bool = False


def trust_of(host: str) -> Trust:
    """Let a demonstration on this machine look at websites of this machine, and nobody else."""
    is_demo = bool(settings.DEMO) and settings.BASE_DOMAIN == "localhost"
    return Trust(allow_loopback=True, allow_plain=True) if is_demo and is_local(host) else Trust()


class Visit:
    """All requests of one check; together they take TOTAL_SECONDS at most."""

    def __init__(self, trust_of: TrustOf = trust_of, seconds: float = TOTAL_SECONDS) -> None:
        self._trust_of = trust_of
        self._deadline = time.monotonic() + seconds

    def get(self, url: str, *, most: int) -> Answer:
        """Ask once; raises GetFailed, also for an IP address in place of a name."""
        host = urlsplit(url).hostname or ""
        trust = self._trust_of(host)
        if (ends_in_number(host) or ":" in host or is_local(host)) and not trust.allow_loopback:
            raise GetFailed(Failure.PRIVATE, host)
        agent = f"Mozilla/5.0 (compatible; Truepush site check; +{settings.BASE_URL})"
        headers = {"User-Agent": agent, "Accept": "text/html,text/javascript;q=0.9,*/*;q=0.8"}
        return get(url, most=most, deadline=self._deadline, headers=headers, trust=trust)

    def page(self, url: str) -> Seen:
        """Ask for a page and go where it leads, a few times."""
        seen = Seen(url, [])
        for _ in range(MOST_STEPS + 1):
            try:
                answer = self.get(seen.url, most=MOST_PAGE)
                onward = answer.onward
            except GetFailed as error:
                seen.failed = error
                return seen
            if not answer.location:
                seen.answer = answer
                return seen
            seen.steps.append(Step(seen.url, onward))
            seen.url = onward.partition("#")[0]
        seen.has_no_end = True
        return seen


def origin_of(url: str) -> str:
    """Answer scheme, host and port as browsers spell them; raises ValueError."""
    parts = urlsplit(url)
    port = parts.port
    default = USUAL_PORTS.get(parts.scheme)
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port and port != default else ''}"
