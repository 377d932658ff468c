"""Servers that only this machine reaches."""

import asyncio
import errno
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from truepush.local.errors import CannotStartError

_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
# Seconds that open requests may take when the process is told to stop.
SHUTDOWN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Listening:
    runner: web.AppRunner
    servers: list[asyncio.Server]

    async def stop(self) -> None:
        for server in self.servers:
            server.close()
        await self.runner.cleanup()


async def listen(
    app: web.Application,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    on_connection: Callable[[], None] = lambda: None,
) -> Listening:
    """Answers on 127.0.0.1 and ::1. Raises CannotStartError where the port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    http = runner.server
    if http is None:
        raise RuntimeError("aiohttp's runner has no server after setup()")

    def connected() -> asyncio.Protocol:
        on_connection()
        return http()

    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(connected, sock=listener, ssl=tls, backlog=1024)
        for listener in _sockets(port)
    ]
    return Listening(runner, servers)


def _sockets(port: int) -> list[socket.socket]:
    try:
        return [_bound(socket.AF_INET, "127.0.0.1", port), *_bound_if_there_is_ipv6(port)]
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise CannotStartError(
            f"Port {port} is taken by another program: end that, or choose another PORT."
        ) from error


def _bound_if_there_is_ipv6(port: int) -> list[socket.socket]:
    """Containers often have no IPv6 loopback, and browsers then use the other one."""
    try:
        return [_bound(socket.AF_INET6, "::1", port)]
    except OSError as error:
        if error.errno in _NO_SUCH_ADDRESS:
            return []
        raise


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener


async def until_told_to_stop() -> None:
    """Returns on SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
