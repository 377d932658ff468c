"""Which URLs are endpoints of a push service. Nothing else may be stored or dialled.

A URL is read once and written anew from what was read, so that no second parser can see another host in it.
Hosts are compared as parsed names, whole or by a suffix that starts with a dot.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from truepush.lib.hostname import ends_in_number, is_host_name

MAX_LENGTH = 2048
HTTPS_PORT = 443
_AFTER_SCHEME = len("https://")

_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")  # RFC 3986 section 2
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class PushService(StrEnum):
    FCM = "fcm"
    MOZILLA = "mozilla"
    APPLE = "apple"
    WNS = "wns"
    SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`origin` omits port 443; `host` is lower case; `url` is a secret, it reaches the browser."""

    url: str
    origin: str
    host: str
    port: int
    service: PushService


class EndpointRefused(ValueError):
    """`reason` is a sentence that can be shown; it never holds the whole URL."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Rule(NamedTuple):
    host: str  # with a leading dot: any name below it
    paths: tuple[str, ...]
    service: PushService


# Hosts that shipped browsers hand out. Left out on purpose: Mozilla's staging (*.mozaws.net, other names
# below push.services.mozilla.com), which only a hand-edited Firefox uses, and the bare notify.windows.com.
_RULES = (
    _Rule("fcm.googleapis.com", ("/fcm/send/", "/wp/", "/preprod/wp/"), PushService.FCM),
    _Rule("jmt17.google.com", ("/fcm/send/", "/wp/", "/preprod/wp/"), PushService.FCM),
    _Rule("updates.push.services.mozilla.com", ("/wpush/",), PushService.MOZILLA),
    _Rule(".push.apple.com", ("/",), PushService.APPLE),
    _Rule(".notify.windows.com", ("/w/",), PushService.WNS),
)


# As nearly all endpoints are spelt: nothing in them is written anew, so they need not be taken apart (1 us, not 19).
_USUAL = re.compile(
    r"https://(?:"
    r"(?P<fcm>fcm\.googleapis\.com)/(?:fcm/send|wp)/[A-Za-z0-9_:\-]{1,1500}"
    r"|(?P<mozilla>updates\.push\.services\.mozilla\.com)/wpush/v[12]/[A-Za-z0-9_:\-]{1,1500}"
    r"|(?P<apple>web\.push\.apple\.com)/[A-Za-z0-9_\-]{1,1500}"
    r"|(?P<wns>(?!api\.)[a-z0-9]{1,20}(?:-[a-z0-9]{1,20})?\.notify\.windows\.com)/w/\?token=(?:[A-Za-z0-9_\-]|%[0-9A-Fa-f]{2}){1,600}"
    r")"
)
_SERVICES = {service.value: service for service in PushService}


def usual_service(url: str) -> PushService | None:
    """Whose endpoint it is, if it is spelt as usual and hence stored as it is; None says nothing of it."""
    found = _USUAL.fullmatch(url)
    return _SERVICES[found.lastgroup or ""] if found else None


def parse_endpoint(url: str, *, sandbox_origin: str = "") -> Endpoint:
    """Read the endpoint of a subscription; `sandbox_origin` (scheme://host:port) admits one more, exactly;
    several are separated by commas.

    Raises EndpointRefused. Asks no DNS.
    """
    if service := usual_service(url):
        host = url[_AFTER_SCHEME : url.index("/", _AFTER_SCHEME)]
        return Endpoint(url, f"https://{host}", host, HTTPS_PORT, service)
    return _parse(url, sandbox_origin)


def _parse(url: str, sandbox_origin: str) -> Endpoint:
    parts = _split(url)
    host = _host(parts)
    port = _port(parts)
    target = _target(parts)
    origin = f"https://{host}" if port == HTTPS_PORT else f"https://{host}:{port}"
    service = (
        PushService.SANDBOX
        if origin in sandbox_origin.split(",")
        else _public_service(host, port, parts.path, target)
    )
    return Endpoint(url=origin + target, origin=origin, host=host, port=port, service=service)


def _split(url: str) -> SplitResult:
    if not url:
        raise EndpointRefused("the endpoint is empty")
    if len(url) > MAX_LENGTH:
        raise EndpointRefused(f"the endpoint has {len(url)} characters, at most {MAX_LENGTH} are taken")
    # Before any parsing: urlsplit drops tabs and line ends, and NFKC folds full-width digits and dots.
    if _URI_CHARACTERS.fullmatch(url) is None or _BROKEN_ESCAPE.search(url):
        raise EndpointRefused("the endpoint has characters that a URL cannot have")
    if "#" in url:
        raise EndpointRefused("the endpoint has a fragment (#)")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise EndpointRefused("the endpoint is not a URL") from error
    if parts.scheme != "https":
        raise EndpointRefused("the endpoint does not start with https://")
    return parts


def _host(parts: SplitResult) -> str:
    if "@" in parts.netloc:
        raise EndpointRefused("the endpoint has a user name or password before its host")
    if "[" in parts.netloc:
        raise EndpointRefused("the endpoint names an IP address, not a push service")
    host = parts.hostname or ""
    if not is_host_name(host):
        raise EndpointRefused("the endpoint has no valid host name")
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise EndpointRefused("the endpoint has a port that is not a number up to 65535") from error
    return HTTPS_PORT if port is None else port


def _target(parts: SplitResult) -> str:
    """Path and query. Refuses dot segments, spelled out or escaped: a client or server may resolve them."""
    segments = unquote(parts.path).replace("\\", "/").split("/")
    if "." in segments or ".." in segments:
        raise EndpointRefused("the endpoint's path has a dot segment (/./ or /../)")
    if parts.path in ("", "/") and not parts.query:
        raise EndpointRefused("the endpoint names no subscription: its path is empty")
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path


def _public_service(host: str, port: int, path: str, target: str) -> PushService:
    if ends_in_number(host):
        raise EndpointRefused("the endpoint names an IP address, not a push service")
    rule = next((rule for rule in _RULES if _matches(rule, host)), None)
    if rule is None:
        raise EndpointRefused(f"{host} is not the host of a known push service")
    if port != HTTPS_PORT:
        raise EndpointRefused(f"the endpoint uses port {port}, push services use {HTTPS_PORT}")
    if not any(path.startswith(prefix) and target != prefix for prefix in rule.paths):
        raise EndpointRefused(f"the path is not one of a subscription at {host}")
    return rule.service


def _matches(rule: _Rule, host: str) -> bool:
    if not rule.host.startswith("."):
        return host == rule.host
    # api.push.apple.com and api.sandbox.push.apple.com take notifications for apps, not for browsers.
    return host.endswith(rule.host) and not host.startswith("api.")
