import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from truepush.local.errors import CannotStartError
from truepush.local.paths import VAR

SITE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Settings:
    port: int
    sdk_url: str
    sandbox_origin: str
    demo_site_key: str
    demo_site_key_file: Path


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises CannotStartError."""
    shop = urlsplit(environ.get("DEMO_SHOP_URL", ""))
    if shop.scheme != "http" or shop.hostname != "localhost" or shop.port is None:
        raise CannotStartError(f"DEMO_SHOP_URL is {shop.geturl()!r}: give http://localhost:<port>.")
    sdk_url = environ.get("SDK_URL", "").rstrip("/")
    if urlsplit(sdk_url).scheme not in ("http", "https"):
        raise CannotStartError(f"SDK_URL is {sdk_url!r}: give the address that serves the snippet.")
    return Settings(
        port=shop.port,
        sdk_url=sdk_url,
        sandbox_origin=environ.get("SANDBOX_ORIGIN", "").rstrip("/"),
        demo_site_key=environ.get("DEMO_SITE_KEY", ""),
        demo_site_key_file=Path(environ.get("DEMO_SITE_KEY_FILE") or VAR / "demo-site-key"),
    )


def demo_site_key(settings: Settings) -> str:
    """Read for each request: the demonstration's data are made after the shop has started. May be empty."""
    key = settings.demo_site_key
    if not key and settings.demo_site_key_file.is_file():
        key = settings.demo_site_key_file.read_text().strip()
    return key if SITE_KEY.fullmatch(key) else ""
