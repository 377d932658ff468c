"""Serve the receipts endpoint by a process of its own, at the host and port of RECEIPTS_URL."""

import asyncio
import logging
import signal
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from campaigns.intake_app import Intake
from campaigns.intake_http import Server
from tenants.limits import OTHER_FILES, raise_file_limit
from tenants.pooler import refuse_pooler

log = logging.getLogger(__name__)

# As many connections as browsers may hold open at once without anybody noticing.
WANTED_CONNECTIONS = 20_000
BACKLOG = 4096
# At a stop calls that are being answered have so many seconds.
PATIENCE = 10.0


class Command(BaseCommand):
    help = "Take browsers' receipts, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", help="host:port to listen on; RECEIPTS_URL's own if left out")

    def handle(self, *args: Any, bind: str | None = None, **options: Any) -> None:
        host, port = _address(bind)
        refuse_pooler()
        connection.close()  # the thread that commits opens its own
        files = raise_file_limit()
        connections = max(1, files - OTHER_FILES)
        if connections < WANTED_CONNECTIONS:
            log.warning(
                "This host allows %s open files a process: %s browsers are served at once, more are answered 503. "
                "%s connections need %s. Raise the limit (ulimit -n, or LimitNOFILE in systemd).",
                files, connections, WANTED_CONNECTIONS, WANTED_CONNECTIONS + OTHER_FILES,
            )  # fmt: skip
        uvloop.run(_serve(host, port, connections))


async def _serve(host: str, port: int, connections: int) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Server(Intake(), connections).run(host, port, stop, backlog=BACKLOG, patience=PATIENCE)


def _address(bind: str | None) -> tuple[str, int]:
    """Where to listen: 127.0.0.1 with the port of RECEIPTS_URL, since a proxy stands in front of it."""
    if bind:
        host, _, port = bind.rpartition(":")
    else:
        host, port = "127.0.0.1", str(urlsplit(settings.RECEIPTS_URL).port or "")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise CommandError(
            f"{bind or settings.RECEIPTS_URL!r} names no port to listen on. "
            "Set RECEIPTS_URL to an address with a port, or give --bind 127.0.0.1:8004."
        )
    return host, int(port)
