"""What a customer puts on the website: one line in the page and a worker file of two lines."""

from django.conf import settings

from subscribers.models import Site


def snippet(site: Site) -> str:
    return f'<script src="{settings.SDK_URL}/sdk/v1/{site.site_key}/truepush.js" async></script>'


def worker_stub(site: Site, path: str = "") -> str:
    """Write the worker file; `path` is where another provider's lay, which imported subscriptions still wake."""
    return (
        f"/* Truepush worker: keep this file at {path or site.worker_path} */\n"
        f'importScripts("{settings.SDK_URL}/w/{site.site_key}.js");\n'
    )


def is_demo_shop(site: Site) -> bool:
    return bool(settings.DEMO_SHOP_URL) and site.origin == settings.DEMO_SHOP_URL


def page_of(site: Site) -> str:
    """Name a page with the site's snippet: its first one, or the demo shop as this website."""
    return f"{site.origin}/?site={site.site_key}" if is_demo_shop(site) else f"{site.origin}/"
