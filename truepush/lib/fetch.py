"""Fetch a file from an address that a person gave, over HTTPS, through the guard: only public addresses, each checked.

The address that was checked is the one that is dialled: names are resolved once. Redirects are followed a few times,
each through the same checks. What comes has a limit in octets and in time, whatever the server does.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import certifi

from truepush.lib.outbound import AddressRefused, check_address

TOTAL_SECONDS = 10.0
CONNECT_SECONDS = 3.0
MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_PIECE = 65_536


class FetchRefused(ValueError):
    """It was not fetched; the text says why and what to do."""


class Trust(NamedTuple):
    """What tests change: whose certificates are taken, and whether this machine's own addresses are."""

    context: ssl.SSLContext | None = None
    allow_loopback: bool = False


def fetch(
    url: str, *, most: int, accept: str, trust: Trust | None = None, seconds: float = TOTAL_SECONDS
) -> bytes:
    """Get a file of at most `most` octets within so many seconds in all; raises FetchRefused."""
    deadline = time.monotonic() + seconds
    for _ in range(MOST_REDIRECTS + 1):
        answer, location = _get(url, most, accept, deadline, trust or Trust())
        if location is None:
            return answer
        url = urljoin(url, location)
    raise FetchRefused(
        f"The address leads on more than {MOST_REDIRECTS} times. Give the one where the file is."
    )


def _get(url: str, most: int, accept: str, deadline: float, trust: Trust) -> tuple[bytes, str | None]:
    host, port, target = _parts(url)
    try:
        with _dial(host, port, deadline, trust) as channel, _cut_off(channel, deadline):
            request = http.client.HTTPConnection(host, port)
            request.sock = channel
            request.request(
                "GET",
                target,
                headers={"Accept": accept, "User-Agent": "Truepush", "Accept-Encoding": "identity"},
            )
            answer = request.getresponse()
            location = answer.headers.get("Location")
            if answer.status in _REDIRECTS and location:
                return b"", location
            if answer.status != http.client.OK:
                raise FetchRefused(
                    f"{host} answers {answer.status}. Open the address in a browser to see why."
                )
            return _read(answer, channel, most, deadline), None
    except AddressRefused:
        raise FetchRefused(f"{host} is not a public address, so nothing is fetched from it.") from None
    except ssl.SSLCertVerificationError:
        raise FetchRefused(f"The certificate of {host} is not valid. Bring the file itself.") from None
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
            text = f"{host} did not answer in time. Bring the file itself."
            raise FetchRefused(text) from None
        raise FetchRefused(
            f"{host} cannot be reached. Look at the address, or bring the file itself."
        ) from None


def _parts(url: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise FetchRefused("This is no address. Example: https://www.example.com/picture.png") from None
    is_odd = any(character <= " " or character > "~" for character in url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or is_odd:
        raise FetchRefused("Give a full address that begins with https://, without spaces or a user name.")
    return parts.hostname, port, f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def _dial(host: str, port: int, deadline: float, trust: Trust) -> ssl.SSLSocket:
    """Connect to an address of the host, one after the other; all of them must be allowed."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, address in found:
        check_address(str(address[0]), allow_loopback=trust.allow_loopback)
    context = trust.context or ssl.create_default_context(cafile=certifi.where())
    plain = _connected(found, deadline)
    try:
        plain.settimeout(_left(deadline))
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


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
def _cut_off(channel: ssl.SSLSocket, deadline: float) -> Iterator[None]:
    """End the connection at the deadline: a head that comes octet by octet would else stretch every time limit."""
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _shut, [channel])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(channel: ssl.SSLSocket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(channel, socket.SHUT_RDWR)


def _read(answer: http.client.HTTPResponse, channel: ssl.SSLSocket, most: int, deadline: float) -> bytes:
    """Read at most `most` octets."""
    pieces: list[bytes] = []
    size = 0
    while True:
        channel.settimeout(_left(deadline))
        piece = answer.read1(_PIECE)
        if not piece:
            if answer.length or time.monotonic() >= deadline:
                raise ConnectionError("cut short")
            return b"".join(pieces)
        size += len(piece)
        if size > most:
            raise FetchRefused(f"The file has more than {most:,} bytes. Make it smaller.")
        pieces.append(piece)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
