"""Spelling of host names: ASCII labels of letters, digits and hyphens (RFC 1123 section 2.1), lower case.

And which ports browsers leave out of an address.
"""

import re
from urllib.parse import urlsplit

USUAL_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_host_name(text: str) -> bool:
    """True for names and also for dotted IPv4 addresses, which have the same spelling."""
    return len(text) <= 253 and _HOST_NAME.fullmatch(text) is not None


def ends_in_number(host: str) -> bool:
    """True where a resolver reads an IPv4 address: 127.1, 0x7f.1, 2130706433 (URL standard, same name)."""
    return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def is_local(host: str) -> bool:
    """Tell the hosts that browsers treat as secure without TLS."""
    return host in ("localhost", "127.0.0.1", "[::1]", "::1") or host.endswith(".localhost")


def url_problem(text: str) -> str:
    """Say what is wrong with an absolute https address (http on local hosts only), after its name; empty if nothing is.

    User names, control characters and what browsers escape are refused.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    bad = any(character <= " " or character in '<>"\\^`{|}' for character in text)
    if bad or not host or port == 0 or parts.username is not None or parts.scheme not in ("http", "https"):
        return "must be a full address, for example https://www.example.com/sale."
    if parts.scheme == "http" and not is_local(host):
        return "must begin with https://."
    return ""
