"""How much one address, and a website's visitors together, may do: what is more is refused, not stored.

Counted in the memory of each web process. It need not be exact, only bounded: with four processes a flood gets four
times as far. And so no address is written down anywhere, which a table of them would do.

A flood of new subscriptions, from one address or from many, lasts until FLOOD_SECONDS after the last that was refused.
Who comes with it is taken as far as the limits go, and marked (subscribers.actions.flood). What is known already, or
refused for another reason, is not counted.
"""

import math
import threading
from functools import lru_cache
from time import monotonic
from typing import NamedTuple

from django.conf import settings

from tenants.client_address import network_of

# A call each half second in the long run, from one household or office; and bursts of so many.
PER_MINUTE, BURST = 120, 120
# More than a web process inserts at all.
SITE_PER_MINUTE, SITE_BURST = 30_000, 5_000
MOST_BUCKETS = 20_000
# Of new subscriptions from one address.
NEW_PER_MINUTE, NEW_BURST = 120, 120
# A website's: SUBSCRIBE_PER_MINUTE, and that divided by so much at once: so what comes a tenth faster, or more, meets
# the limit within a minute, and who came with it are those of the last minute.
BURST_PART = 10
FLOOD_SECONDS = 600


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

    def put_back(self, key: str) -> None:
        """Undo a take: what it was for did not happen."""
        with self._lock:
            if key in self._left:
                left, at = self._left[key]
                self._left[key] = (min(self._burst, left + 1), at)

    def forget(self) -> None:
        with self._lock:
            self._left.clear()


class Room(NamedTuple):
    """Whether one more new subscription fits: `wait` is 0, or how many seconds until one may.

    `is_flood`: the website is flooded, by all or by this address. `is_first`: this call is the first that was refused
    of a flood; `is_of_all`: of one of all visitors together.
    """

    wait: int
    is_flood: bool
    is_first: bool = False
    is_of_all: bool = False


_addresses = Buckets(PER_MINUTE, BURST)
_sites = Buckets(SITE_PER_MINUTE, SITE_BURST)
_new_of_address = Buckets(NEW_PER_MINUTE, NEW_BURST)
# When the last new subscription of a website, or of one of its addresses, was refused.
_refused: dict[str, float] = {}


@lru_cache(maxsize=1)
def _new_of_site() -> Buckets:
    most = settings.SUBSCRIBE_PER_MINUTE
    return Buckets(most, max(1, most // BURST_PART))


def seconds_to_wait(tenant_id: int, site_id: int, address: str) -> int:
    """Count a call; 0 lets it pass, else the caller is told to wait so long."""
    now, site, own = monotonic(), *_keys(tenant_id, site_id, address)
    return math.ceil(_addresses.take(own, now) or _sites.take(site, now))


def room_for_new(tenant_id: int, site_id: int, address: str) -> Room:
    """Count a subscription that may be new; `give_back` undoes it."""
    now, site, own = monotonic(), *_keys(tenant_id, site_id, address)
    wait = _new_of_address.take(own, now)
    flooded = own
    if not wait and (wait := _new_of_site().take(site, now)):
        _new_of_address.put_back(own)
        flooded = site
    before = max(_refused.get(site, -math.inf), _refused.get(own, -math.inf))
    is_flood = now - before < FLOOD_SECONDS
    if wait:
        if len(_refused) >= MOST_BUCKETS:
            _refused.clear()
        is_first = now - _refused.get(flooded, -math.inf) >= FLOOD_SECONDS
        _refused[flooded] = now
        return Room(math.ceil(wait), is_flood=True, is_first=is_first, is_of_all=flooded == site)
    return Room(0, is_flood)


def give_back(tenant_id: int, site_id: int, address: str) -> None:
    """Take back what `room_for_new` let pass and counted: no new subscription came of it."""
    site, own = _keys(tenant_id, site_id, address)
    _new_of_site().put_back(site)
    _new_of_address.put_back(own)


def _keys(tenant_id: int, site_id: int, address: str) -> tuple[str, str]:
    site = f"{tenant_id}:{site_id}"
    return site, f"{site}:{network_of(address)}"


def forget_all() -> None:
    for buckets in (_addresses, _sites, _new_of_address):
        buckets.forget()
    _new_of_site.cache_clear()
    _refused.clear()
