"""What is wrong between this installation and the world: names, push services, clocks, mail."""

import secrets
import smtplib
import socket
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime

from django.conf import settings
from django.core.mail import get_connection

from tenants.finding import Finding
from truepush.lib.guarded import Answer, Failure, GetFailed, Trust, get

# One address of each push service; Microsoft's have no common one.
PUSH_SERVICES = (
    "https://fcm.googleapis.com/",
    "https://updates.push.services.mozilla.com/",
    "https://web.push.apple.com/",
    "https://wns2-par02p.notify.windows.com/",
)
PATIENCE_SECONDS = 5.0
# A Date header has whole seconds, and VAPID tokens of ours are good for hours.
MOST_SKEW_SECONDS = 60.0
_REMEDIES = {
    Failure.NAME: "The name does not resolve: look at /etc/resolv.conf.",
    Failure.PRIVATE: "The name leads to a private address, to which nothing is sent: look at your resolver.",
    Failure.CERTIFICATE: "Something on the way answers in its place: take it out, its certificates are not trusted.",
    Failure.TLS: "Something on the way breaks TLS.",
    Failure.TIME: "Let this machine reach it on TCP port 443.",
}
_ELSE = "Let this machine reach it on TCP port 443."


def examine_network() -> Iterator[Finding]:
    """Ask others, each with a time limit."""
    yield from names()
    yield from egress(PUSH_SERVICES)
    yield mail()


def names() -> Iterator[Finding]:
    """Whether the hosts of the three surfaces resolve, consoles by a wildcard."""
    some_console = f"w-{secrets.token_hex(4)}.{settings.BASE_DOMAIN}"
    for host in dict.fromkeys((settings.BASE_DOMAIN, some_console, settings.SDK_HOST)):
        try:
            socket.getaddrinfo(host, 443)
        except OSError:
            what = f"*.{settings.BASE_DOMAIN}" if host == some_console else host
            yield Finding(
                "names", False, f"{what} does not resolve.", "Add the DNS record (docs/operating.md)."
            )
        else:
            yield Finding("names", True, f"{host} resolves.")


def egress(addresses: Sequence[str], trust: Trust | None = None) -> Iterator[Finding]:
    """Whether each answers anything over TLS, through the guard; and what time it is there."""
    clock = None
    for address in addresses:
        host = address.split("/")[2]
        try:
            answer = get(
                address,
                most=1,
                deadline=time.monotonic() + PATIENCE_SECONDS,
                headers={"User-Agent": "Truepush"},
                trust=trust,
            )
        except GetFailed as error:
            text = f"{host} cannot be asked ({error.failure})."
            yield Finding("push services", False, text, _REMEDIES.get(error.failure, _ELSE))
        else:
            yield Finding("push services", True, f"{host} answers.")
            clock = clock or _clock(host, answer)
    if clock:
        yield clock


def _clock(host: str, answer: Answer) -> Finding | None:
    try:
        theirs = parsedate_to_datetime(answer.header("Date")).timestamp()
    except ValueError:
        return None
    skew = theirs - time.time()
    if abs(skew) > MOST_SKEW_SECONDS:
        text = f"{host} is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}: it will refuse our tokens."
        return Finding("clock", False, text, "Let NTP set this machine's clock.")
    return Finding("clock", True, f"{abs(skew):.0f} s from that of {host}.")


def mail() -> Finding:
    """Whether the mail server takes our sign-in."""
    if "smtp" not in settings.EMAIL_BACKEND:
        text = "it is sent to nobody; staff read it in the admin, mails not sent."
        return Finding("mail", False, text, "Set EMAIL_URL, and MAIL_FROM.")
    try:
        connection = get_connection(timeout=PATIENCE_SECONDS)
        connection.open()
        connection.close()
    except (OSError, smtplib.SMTPException) as error:
        text = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} refuses us ({type(error).__name__})."
        return Finding("mail", False, text, "Look at EMAIL_URL.")
    return Finding("mail", True, f"{settings.EMAIL_HOST} takes our sign-in.")
