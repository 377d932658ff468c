import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from truepush.lib import base64url
from truepush.local.errors import CannotStartError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Settings:
    origin: str
    port: int
    ws_port: int
    ca_path: Path
    seed: bytes
    token: str
    speed: float
    sdk_url: str


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises CannotStartError. SANDBOX_SPEED divides waiting times of the played browsers, never a TTL."""
    origin = _required(environ, "SANDBOX_ORIGIN").rstrip("/")
    parts = urlsplit(origin)
    if parts.scheme != "https" or parts.hostname not in LOOPBACK_NAMES or parts.port is None or parts.path:
        raise CannotStartError(
            f"SANDBOX_ORIGIN is {origin!r}: give https://localhost:<port>, no public domain."
        )
    return Settings(
        origin=origin,
        port=parts.port,
        ws_port=int(_number(environ, "SANDBOX_WS_PORT", parts.port + 1)),
        ca_path=Path(_required(environ, "SANDBOX_CA")),
        seed=_seed(_required(environ, "SANDBOX_SEED")),
        token=_required(environ, "SANDBOX_TOKEN"),
        speed=_number(environ, "SANDBOX_SPEED", 1.0),
        sdk_url=environ.get("SDK_URL", "").rstrip("/"),
    )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise CannotStartError(f"{name} is not set: the sandbox push service needs it (see .env.example).")
    return value


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise CannotStartError(f"{name} is {text!r}: give a number above zero.")
    return number


def _seed(text: str) -> bytes:
    try:
        seed = base64url.decode(text)
    except ValueError as error:
        raise CannotStartError(f"SANDBOX_SEED is not base64url: {error}.") from error
    if len(seed) != 32:
        raise CannotStartError(f"SANDBOX_SEED has {len(seed)} octets: give 32.")
    return seed
