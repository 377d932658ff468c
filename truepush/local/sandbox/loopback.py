"""Servers that only this machine reaches."""

import asyncio
import errno
import signal
import socket
import ssl
from collections.abc import Callable

from aiohttp import web

_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
# Seconds that open requests may take when the process is told to stop.
SHUTDOWN_SECONDS = 2.0


async def listen(
    app: web.Application,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    on_connection: Callable[[], None] = lambda: None,
) -> web.AppRunner:
    """Answers on 127.0.0.1 and ::1 until the runner's cleanup(). Raises OSError where the port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("aiohttp's runner has no server after setup()")

    def connected() -> asyncio.Protocol:
        on_connection()
        return server()

    loop = asyncio.get_running_loop()
    for listener in _sockets(port):
        await loop.create_server(connected, sock=listener, ssl=tls, backlog=1024)
    return runner


def _sockets(port: int) -> list[socket.socket]:
    listeners = [_bound(socket.AF_INET, "127.0.0.1", port)]
    try:
        listeners.append(_bound(socket.AF_INET6, "::1", port))
    except OSError as error:
        # Containers often have no IPv6 loopback, and browsers then use the other one.
        if error.errno not in _NO_SUCH_ADDRESS:
            listeners[0].close()
            raise
    return listeners


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
