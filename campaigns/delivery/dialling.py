"""Names to sockets, behind the guard: every address is checked, and the one that was checked is the one dialled."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import certifi

from truepush.lib.outbound import AddressRefused, check_address

# One address of a name is given so long before the next is tried.
CONNECT_SECONDS = 5.0
KEEP_SECONDS = 60.0
PROTOCOLS = ["h2", "http/1.1"]


class Address(NamedTuple):
    """What a socket is made of and dialled with."""

    family: int
    kind: int
    protocol: int
    place: tuple[Any, ...]


@dataclass
class Found:
    """What became of a name: addresses that may be dialled, or why there are none."""

    addresses: list[Address] = field(default_factory=list)
    error: str = ""
    is_refused: bool = False
    at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.at < KEEP_SECONDS


class Target(NamedTuple):
    """Where an origin is. The sandbox's may be on this machine, and only it trusts the sandbox's authority."""

    host: str
    port: int
    is_sandbox: bool


def target_of(origin: str, *, is_sandbox: bool) -> Target:
    """Read "https://host[:port]"; raises ValueError for anything else."""
    parts = urlsplit(origin)
    if parts.scheme != "https" or not parts.hostname or parts.path:
        raise ValueError("not an https origin")
    return Target(parts.hostname, parts.port or 443, is_sandbox)


@lru_cache(maxsize=8)
def tls_context(authority: str) -> ssl.SSLContext:
    """Make a client's context that verifies chain and name; nothing turns that off."""
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(PROTOCOLS)
    return context


def authority_for(target: Target, sandbox_ca: str) -> str:
    return sandbox_ca if target.is_sandbox else certifi.where()


def resolve(target: Target, done: Callable[[Found], None]) -> None:
    """Ask for the name's addresses in a thread, since a resolver may take its time; `done` is called in it."""

    def ask() -> None:
        done(look_up(target))

    # A daemon: a resolver that hangs must not keep the process from ending.
    threading.Thread(target=ask, name="resolve", daemon=True).start()


def look_up(target: Target) -> Found:
    """Resolve and check; waits for the resolver."""
    try:
        rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Found(error="the name could not be resolved")
    allowed = [Address(row[0], row[1], row[2], row[4]) for row in rows if _may_dial(row[4], target)]
    if not allowed:
        return Found(error="the address is not a public one", is_refused=True)
    return Found(allowed)


def _may_dial(place: tuple[Any, ...], target: Target) -> bool:
    try:
        check_address(str(place[0]), allow_loopback=target.is_sandbox)
    except AddressRefused:
        return False
    # The sandbox lives on this machine; its trust in another authority goes nowhere else.
    return not target.is_sandbox or _is_loopback(str(place[0]))


def _is_loopback(ip: str) -> bool:
    return ip == "::1" or ip.startswith("127.")


def open_socket(address: Address) -> socket.socket:
    """Begin to connect without waiting; raises OSError."""
    made = socket.socket(address.family, address.kind, address.protocol)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect_ex(address.place)
    except BaseException:
        made.close()
        raise
    return made


def words_of(error: Exception) -> str:
    """Say what went wrong without naming a host, a path or a key."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message.split(',')[0][:120]}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or 'unknown').lower().replace('_', ' ')[:120]}"
    if isinstance(error, OSError):
        return f"connection failed: {error.strerror or type(error).__name__}"[:160]
    return f"{type(error).__name__}"
