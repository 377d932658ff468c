"""Findings on the way to a website: name, certificate, where it leads on to, and whether we are let in."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from subscribers.doctor.case import Case
from subscribers.doctor.finding import Finding, State, good, problem, unknown, warning
from subscribers.doctor.visit import MOST_STEPS, Seen, origin_of
from truepush.lib.guarded import Failure, GetFailed

SOON_SECONDS = 14 * 86_400
BROWSER_CHECK = "Use “Check in this browser”, which looks at the page as a visitor sees it."
_FAILURES = {
    Failure.NAME: (
        State.PROBLEM,
        "The address leads nowhere",
        "No server is known by the name {host}.",
        "Look for a mistake in the website's address, or set up its name (DNS) first.",
    ),
    Failure.PRIVATE: (
        State.UNKNOWN,
        "Not looked at from here",
        "{host} is not a public address, and this check asks public addresses only.",
        BROWSER_CHECK,
    ),
    Failure.ADDRESS: (
        State.PROBLEM,
        "The page leads to an address without HTTPS",
        "It sends visitors to {host} by something else than https.",
        "Let every page answer on https. Browsers allow push nowhere else.",
    ),
    Failure.TLS: (
        State.PROBLEM,
        "HTTPS does not work",
        "{host} and we found no common way to encrypt.",
        "Let your server speak TLS 1.2 or 1.3 on this port.",
    ),
    Failure.TIME: (
        State.UNKNOWN,
        "The website was too slow",
        "{host} did not answer within ten seconds.",
        BROWSER_CHECK,
    ),
    Failure.CONNECTION: (
        State.PROBLEM,
        "The website cannot be reached",
        "{host} takes no connection on https, or ended it.",
        f"Look whether your server runs and takes https. If it keeps unknown programs out: {BROWSER_CHECK}",
    ),
}
_CERTIFICATES = (
    ("expired", "It has run out.", "Renew it on your server, and let the server renew it by itself."),
    (
        "not yet valid",
        "It is not valid yet.",
        "Look at the clock of your server, or wait until the certificate begins.",
    ),
    (
        "mismatch",
        "It is for another name.",
        "Get a certificate for exactly this name; with and without www are two names.",
    ),
    (
        "self-signed",
        "Nobody that browsers trust has signed it.",
        "Get one from a certificate authority, for example Let's Encrypt.",
    ),
    (
        "unable to get local issuer",
        "The certificate between it and its authority is missing.",
        "Let your server send the whole chain (often a file called fullchain). Some browsers fill it in by themselves, "
        "others do not.",
    ),
)


def look_at_address(case: Case, seen: Seen) -> Iterator[Finding]:
    """Say how the website was reached; what hinders the rest of the check comes first."""
    if seen.failed:
        yield _failed(seen.failed, urlsplit(seen.url).hostname or case.origin)
    yield from _led_on(case, seen)
    if seen.answer:
        yield from _https(seen, seen.answer.certificate_ends)
        yield from _status(seen, seen.answer.status)


def _failed(error: GetFailed, host: str) -> Finding:
    if error.failure == Failure.CERTIFICATE:
        return _certificate(error.detail, host)
    state, title, found, remedy = _FAILURES[error.failure]
    return Finding(state, title, found.format(host=host), remedy)


def _certificate(detail: str, host: str) -> Finding:
    for mark, found, remedy in _CERTIFICATES:
        if mark in detail.lower():
            return problem("The certificate is not valid", f"{host}: {found}", remedy)
    return problem("The certificate is not valid", f"{host}: {detail}.", "Install a valid certificate.")


def _led_on(case: Case, seen: Seen) -> Iterator[Finding]:
    if seen.has_no_end:
        yield unknown(
            "The page leads on without end",
            f"After {MOST_STEPS} redirects it led to {seen.url[:200]} and further.",
            f"It may want cookies or a sign-in. {BROWSER_CHECK}",
        )
    try:
        end = origin_of(seen.url)
    except ValueError:
        return
    if not seen.steps or end == case.origin or seen.failed:
        return
    found = f"{case.origin} leads visitors on to {end}. Browsers keep subscriptions by address, and calls from there "
    if end in case.origins:
        remedy = f"{end} is your website “{case.origins[end]}” already: put the snippet of that one into its pages."
    else:
        remedy = "Edit this website and change its address, or let the pages stay where they are registered."
    yield problem(
        "Visitors end at another address",
        f"{found}are refused.",
        remedy,
        "" if end in case.origins else end,
    )


def _https(seen: Seen, ends: float | None) -> Iterator[Finding]:
    host = urlsplit(seen.url).hostname
    if ends is None:
        yield good("No HTTPS needed", f"{host} is this machine itself, which browsers trust without.")
        return
    day = datetime.fromtimestamp(ends, UTC).strftime("%-d %B %Y")
    if ends - time.time() < SOON_SECONDS:
        yield warning(
            "The certificate runs out soon",
            f"That of {host} is valid until {day}.",
            "Renew it; without it browsers show nothing of the website.",
        )
    else:
        yield good("HTTPS works", f"The certificate of {host} is valid until {day}.")


def _status(seen: Seen, status: int) -> Iterator[Finding]:
    at = seen.url[:200]
    if status in (401, 403, 407, 429, 503):
        yield unknown(
            "We are not let in",
            f"{at} answers {status} to us: a sign-in, a firewall, or a guard against programs.",
            f"{BROWSER_CHECK} Nothing here says that visitors meet the same.",
        )
    elif not 200 <= status < 300:
        yield problem(
            "The first page is not there",
            f"{at} answers {status}.",
            "Look whether the website's address is right, and that its first page answers 200.",
        )
