"""What a customer puts on the website: one line in the page and a worker file of two lines."""

from django.conf import settings

from subscribers.models import Site


def snippet(site: Site) -> str:
    return f'<script src="{settings.SDK_URL}/sdk/v1/{site.site_key}/truepush.js" async></script>'


def worker_stub(site: Site) -> str:
    return (
        f"/* Truepush worker: keep this file at {site.worker_path} */\n"
        f'importScripts("{settings.SDK_URL}/w/{site.site_key}.js");\n'
    )
