import asyncio
import sys

from truepush.local.errors import CannotStartError
from truepush.local.sandbox.loopback import listen, until_told_to_stop
from truepush.local.shop.app import shop_app
from truepush.local.shop.settings import Settings, read_settings


async def serve(settings: Settings) -> None:
    listening = await listen(shop_app(settings), settings.port)
    print(f"Demo shop: http://localhost:{settings.port}/", flush=True)
    await until_told_to_stop()
    await listening.stop()


def main() -> int:
    try:
        asyncio.run(serve(read_settings()))
    except CannotStartError as error:
        print(f"The demo shop does not start. {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
