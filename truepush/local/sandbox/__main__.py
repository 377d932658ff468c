import asyncio
import sys

import uvloop
from aiohttp import web

from truepush.local.errors import CannotStartError
from truepush.local.sandbox.app import push_app
from truepush.local.sandbox.authority import server_context
from truepush.local.sandbox.loopback import listen, until_told_to_stop
from truepush.local.sandbox.service import PushService
from truepush.local.sandbox.settings import Settings, read_settings


async def serve(settings: Settings) -> None:
    service = PushService(settings)

    def count_connection() -> None:
        service.tally.connections += 1

    tls = server_context(settings.ca_path)
    push = await listen(push_app(service), settings.port, tls=tls, on_connection=count_connection)
    browsers = web.Application()
    browsers.router.add_get("/", service.browsers.serve)
    browsers.on_shutdown.append(service.browsers.leave)
    sockets = await listen(browsers, settings.ws_port)
    players = [asyncio.ensure_future(player) for player in service.players()]
    print(
        f"Sandbox push service: {settings.origin}, Firefox's at ws://127.0.0.1:{settings.ws_port}/",
        flush=True,
    )
    stop = asyncio.create_task(until_told_to_stop())
    # A player never ends by itself: if one does, its error ends the process instead of hiding in a task.
    done, pending = await asyncio.wait([stop, *players], return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(push.stop(), sockets.stop())
    for task in done:
        task.result()


def main() -> int:
    try:
        uvloop.run(serve(read_settings()))
    except CannotStartError as error:
        print(f"The sandbox push service does not start. {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
