"""How many calls one address, and a website's visitors together, may make: what is more is refused, not stored.

Counted in the memory of each web process. It need not be exact, only bounded: with four processes a flood gets four
times as far. And so no address is written down anywhere, which a table of them would do.
"""

import ipaddress
import math
import threading
import time

from subscribers.place import read_address

# A call each half second in the long run, from one household or office; and bursts of so many.
PER_MINUTE, BURST = 120, 120
# More than a web process inserts at all.
SITE_PER_MINUTE, SITE_BURST = 30_000, 5_000
MOST_BUCKETS = 20_000


class Buckets:
    """Token buckets by key. When there are too many, the oldest go: whoever fills it up meets the website's bucket."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self._rate, self._burst = per_minute / 60, float(burst)
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, key: str, now: float) -> float:
        """Take one; answer how many seconds to wait, 0 if it may go on."""
        with self._lock:
            left, at = self._left.pop(key, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            is_free = left >= 1
            if len(self._left) >= MOST_BUCKETS:
                del self._left[next(iter(self._left))]
            self._left[key] = (left - 1 if is_free else left, now)
            return 0.0 if is_free else (1 - left) / self._rate

    def forget(self) -> None:
        with self._lock:
            self._left.clear()


_addresses = Buckets(PER_MINUTE, BURST)
_sites = Buckets(SITE_PER_MINUTE, SITE_BURST)


def seconds_to_wait(tenant_id: int, site_id: int, address: str) -> int:
    """Count a call; 0 lets it pass, else the caller is told to wait so long."""
    now, site = time.monotonic(), f"{tenant_id}:{site_id}"
    wait = _addresses.take(f"{site}:{_network(address)}", now) or _sites.take(site, now)
    return math.ceil(wait)


def _network(text: str) -> str:
    """One visitor has 2^64 addresses of IPv6."""
    address = read_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address or "")


def forget_all() -> None:
    _addresses.forget()
    _sites.forget()
