"""The contact of a VAPID token (`sub`, RFC 8292 section 2.1): a mail address or a page, in public DNS."""

import re
from urllib.parse import SplitResult, urlsplit

from truepush.lib.hostname import ends_in_number, is_host_name

MAX_LENGTH = 255

_MAILBOX = re.compile(r"[A-Za-z0-9!$&'*+=_~-]+(?:\.[A-Za-z0-9!$&'*+=_~-]+)*")
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
# Names that no public DNS answers: RFC 2606, 6761, 6762, 7686, 8375, 9476 and ICANN's .internal. Apple is
# reported to answer 403 to a token whose contact is one of them.
_PRIVATE_SUFFIXES = (
    ".localhost",
    ".local",
    ".invalid",
    ".test",
    ".example",
    ".internal",
    ".home.arpa",
    ".onion",
    ".alt",
    ".localdomain",
    ".lan",
    ".home",
    ".corp",
)


class ContactRefused(ValueError):
    """`reason` is a sentence that can be shown next to the field."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_contact(value: str) -> str:
    """Return the contact with scheme and host in lower case. Raises ContactRefused. Asks no DNS."""
    if not value:
        raise ContactRefused("Enter a contact, for example mailto:ops@example.com.")
    if len(value) > MAX_LENGTH:
        raise ContactRefused(f"A contact has at most {MAX_LENGTH} characters, this one has {len(value)}.")
    if any(character.isspace() for character in value):
        raise ContactRefused("A contact has no spaces.")
    scheme, _, rest = value.partition(":")
    if scheme.lower() == "mailto":
        return _mail(rest)
    if scheme.lower() == "https":
        return _page(value)
    raise ContactRefused("A contact starts with mailto: or https://.")


def _mail(address: str) -> str:
    mailbox, at, host = address.rpartition("@")
    if not at or _MAILBOX.fullmatch(mailbox) is None:
        raise ContactRefused("After mailto: comes one mail address, for example mailto:ops@example.com.")
    return f"mailto:{mailbox}@{_public_host(host.lower())}"


def _page(url: str) -> str:
    if _URI_CHARACTERS.fullmatch(url) is None:
        raise ContactRefused("The address has characters that a URL cannot have.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ContactRefused("This is not a URL.") from error
    if "@" in parts.netloc:
        raise ContactRefused("The address must not have a user name or password before its host.")
    host = _public_host(parts.hostname or "")
    return _rebuild(parts, host, port)


def _rebuild(parts: SplitResult, host: str, port: int | None) -> str:
    """Written from the parsed parts, so that nobody reads another host in it. Drops the fragment."""
    authority = host if port in (None, 443) else f"{host}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"https://{authority}{parts.path}{query}"


def _public_host(host: str) -> str:
    if not is_host_name(host) or ends_in_number(host):
        raise ContactRefused(
            "The contact's host must be a domain name, for example example.com, not an IP address."
        )
    if "." not in host:
        raise ContactRefused(f"{host} is not a public domain name; push services refuse it.")
    if f".{host}".endswith(_PRIVATE_SUFFIXES):
        raise ContactRefused(f"{host} does not exist in public DNS; push services refuse it.")
    return host
