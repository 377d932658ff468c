"""One GET to an address that a person gave, through the guard: only public addresses, and the one checked is dialled.

The name is resolved once, every address of it is looked at, no redirect is followed, no proxy of the environment is
asked. What comes has a limit in octets and in time, whatever the server does: a head that drips, a body without end,
octets that swell when they are unpacked.
"""

import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import certifi

from truepush.lib.hostname import USUAL_PORTS
from truepush.lib.outbound import AddressRefused, check_address

CONNECT_SECONDS = 3.0
REDIRECTS = (301, 302, 303, 307, 308)
_PIECE = 65_536
# zlib's window bits for "gzip or zlib, whichever it is".
_EITHER = 47


class Failure(StrEnum):
    """Why there is no answer."""

    ADDRESS = "address"  # not one that may be asked: no https, a user name in it, octets that no address has
    NAME = "name"  # the name leads nowhere
    PRIVATE = "private"  # it leads to a host that is not public
    CERTIFICATE = "certificate"
    TLS = "tls"
    TIME = "time"
    CONNECTION = "connection"


class GetFailed(Exception):
    """Nothing was read; `detail` is TLS's own words on a certificate, else empty."""

    def __init__(self, failure: Failure, host: str = "", detail: str = "") -> None:
        super().__init__(f"{failure} {host}")
        self.failure, self.host, self.detail = failure, host, detail


class Trust(NamedTuple):
    """What differs in tests and in a demonstration: whose certificates are taken, and whether this machine's own
    addresses are, over plain HTTP too."""

    context: ssl.SSLContext | None = None
    allow_loopback: bool = False
    allow_plain: bool = False


class Answer(NamedTuple):
    """`url` is what was asked, `is_cut`: there was more than was asked for.

    `certificate_ends` is in seconds since 1970, None without TLS.
    """

    url: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    is_cut: bool
    certificate_ends: float | None

    def header(self, name: str) -> str:
        """Join all headers of the name as a browser does (RFC 9110 section 5.3)."""
        return ", ".join(self.headers.get_all(name, []))

    @property
    def location(self) -> str:
        """Where it leads on to, as it was given; empty where the answer stands for itself."""
        return (self.headers.get("Location") or "") if self.status in REDIRECTS else ""

    @property
    def onward(self) -> str:
        """The whole address that it leads on to; raises GetFailed for what is none."""
        try:
            return urljoin(self.url, self.location)
        except ValueError:
            raise GetFailed(Failure.ADDRESS) from None


def get(
    url: str,
    *,
    most: int,
    deadline: float,
    headers: Mapping[str, str],
    trust: Trust | None = None,
    read: Collection[int] = (),
) -> Answer:
    """Ask until `deadline` (time.monotonic); read at most `most` octets of answers with a status in `read`, or of all
    that do not lead on if that is empty. Raises GetFailed."""
    trust = trust or Trust()
    host, port, target = _parts(url, trust)
    is_plain = url.lower().startswith("http:")
    try:
        with _dial(host, port, deadline, trust, is_plain) as channel, _cut_off(channel, deadline):
            ends = _end_of(channel)
            request = http.client.HTTPConnection(host, port)
            # What goes without saying in the Host header, as browsers have it; some servers compare it to the letter.
            request.default_port = USUAL_PORTS["http" if is_plain else "https"]
            request.sock = channel
            request.request("GET", target, headers={**headers, "Accept-Encoding": "identity"})
            answer = request.getresponse()
            wanted = answer.status in read if read else answer.status not in REDIRECTS
            body, is_cut = _read(answer, channel, most, deadline) if wanted else (b"", False)
            return Answer(url, answer.status, answer.headers, body, is_cut, ends)
    except AddressRefused:
        raise GetFailed(Failure.PRIVATE, host) from None
    except ssl.SSLCertVerificationError as error:
        raise GetFailed(Failure.CERTIFICATE, host, error.verify_message) from None
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        raise GetFailed(_kind_of(error, deadline), host) from None


def _kind_of(error: Exception, deadline: float) -> Failure:
    if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
        return Failure.TIME
    if isinstance(error, socket.gaierror | UnicodeError):
        return Failure.NAME
    return Failure.TLS if isinstance(error, ssl.SSLError) else Failure.CONNECTION


def _parts(url: str, trust: Trust) -> tuple[str, int, str]:
    schemes = ("https", "http") if trust.allow_plain else ("https",)
    try:
        parts = urlsplit(url)
        port = parts.port or USUAL_PORTS.get(parts.scheme, 0)
    except ValueError:
        raise GetFailed(Failure.ADDRESS) from None
    is_odd = any(character <= " " or character > "~" for character in url)
    if parts.scheme not in schemes or not parts.hostname or parts.username is not None or is_odd:
        raise GetFailed(Failure.ADDRESS, parts.hostname or "")
    return parts.hostname, port, f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def _dial(host: str, port: int, deadline: float, trust: Trust, is_plain: bool) -> socket.socket:
    """Connect to an address of the host, one after the other; all of them must be allowed."""
    found = _look_up(host, port, deadline, trust)
    for *_, address in found:
        check_address(str(address[0]), allow_loopback=trust.allow_loopback)
    plain = _connected(found, deadline)
    if is_plain:
        return plain
    context = trust.context or ssl.create_default_context(cafile=certifi.where())
    try:
        plain.settimeout(_left(deadline))
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _look_up(host: str, port: int, deadline: float, trust: Trust) -> Sequence[tuple[Any, ...]]:
    """Resolve in a thread of its own: a resolver that hangs knows no deadline."""
    # Browsers know these names themselves (RFC 6761 section 6.3); resolvers often do not.
    name = "localhost" if trust.allow_loopback and host.endswith(".localhost") else host
    found: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            found.put(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = found.get(timeout=_left(deadline))
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[no-any-return]  # what getaddrinfo gives


def _connected(found: Sequence[tuple[Any, ...]], deadline: float) -> socket.socket:
    """Connect to the first that answers within CONNECT_SECONDS: a name's IPv6 may lead nowhere from here."""
    for number, (family, kind, protocol, _, address) in enumerate(found, 1):
        plain = socket.socket(family, kind, protocol)
        plain.settimeout(min(CONNECT_SECONDS, _left(deadline)))
        try:
            plain.connect(address)
        except OSError:
            plain.close()
            if number == len(found):
                raise
        else:
            return plain
    raise ConnectionError("the name has no address")


@contextmanager
def _cut_off(channel: socket.socket, deadline: float) -> Iterator[None]:
    """End the connection at the deadline: a head that comes octet by octet would else stretch every time limit."""
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _shut, [channel])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(channel: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(channel, socket.SHUT_RDWR)


def _read(
    answer: http.client.HTTPResponse, channel: socket.socket, most: int, deadline: float
) -> tuple[bytes, bool]:
    """Read at most `most` octets, and say whether there was more."""
    pieces: list[bytes] = []
    size = 0
    while size <= most:
        channel.settimeout(_left(deadline))
        piece = answer.read1(_PIECE)
        if not piece:
            if answer.length or time.monotonic() >= deadline:
                raise ConnectionError("cut short")
            break
        size += len(piece)
        pieces.append(piece)
    coding = (answer.headers.get("Content-Encoding") or "").strip().lower()
    return _unpacked(b"".join(pieces)[:most], coding, most, is_cut=size > most)


def _unpacked(body: bytes, coding: str, most: int, *, is_cut: bool) -> tuple[bytes, bool]:
    """Some servers pack whatever they are asked for. What swells beyond `most` is cut there, unpacked no further."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        return body, is_cut
    opened = zlib.decompressobj(_EITHER)
    try:
        plain = opened.decompress(body, most)
    except zlib.error:
        return b"", is_cut
    return plain, is_cut or bool(opened.unconsumed_tail)


def _end_of(channel: socket.socket) -> float | None:
    if not isinstance(channel, ssl.SSLSocket):
        return None
    certificate = channel.getpeercert() or {}
    return ssl.cert_time_to_seconds(str(certificate["notAfter"])) if "notAfter" in certificate else None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
