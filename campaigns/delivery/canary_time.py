"""When the few who got a send first are looked at."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any


def is_out(canary: Mapping[str, Any]) -> bool:
    """Whether all of them have it, and nobody has looked yet."""
    return canary.get("state") == "out" and "done_at" in canary


def looked_at_time(canary: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(canary["done_at"]) + timedelta(minutes=canary["minutes"])
