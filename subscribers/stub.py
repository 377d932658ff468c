"""What a customer puts on the website: one line in the page and a worker file of two lines."""

from django.conf import settings

from subscribers.models import Site


def snippet(site: Site) -> str:
    return f'<script src="{settings.SDK_URL}/sdk/v1/{site.site_key}/truepush.js" async></script>'


def worker_stub(site: Site, path: str = "") -> str:
    """Write the worker file, or what stands at the top of the website's own worker.

    `path` is where another provider's lay, which imported subscriptions still wake.
    """
    is_own = site.worker_scope == "/" and not path
    where = "keep this at the top of" if is_own else "keep this file at"
    return (
        f"/* Truepush worker: {where} {path or site.worker_path} */\n"
        f'importScripts("{settings.SDK_URL}/w/{site.site_key}.js");\n'
    )


def is_demo_shop(site: Site) -> bool:
    return bool(settings.DEMO_SHOP_URL) and site.origin == settings.DEMO_SHOP_URL


def page_of(site: Site) -> str:
    """Name a page with the site's snippet: its first one, or the demo shop as this website."""
    return f"{site.origin}/?site={site.site_key}" if is_demo_shop(site) else f"{site.origin}/"
