"""Plausible sandbox subscribers: skewed countries and browsers, two months of coming and some going."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from subscribers.actions.subscription import digest_of
from subscribers.hours import add_hours
from subscribers.models import Site, Subscriber, VapidKey
from truepush.local.sandbox.subscriptions import demo_behaviour, make_subscription

# country, language, time zone, weight
_PLACES = (
    ("US", "en-US", "America/New_York", 18), ("US", "en-US", "America/Los_Angeles", 10),
    ("GB", "en-GB", "Europe/London", 14), ("DE", "de-DE", "Europe/Berlin", 12),
    ("FR", "fr-FR", "Europe/Paris", 9), ("IN", "en-IN", "Asia/Kolkata", 11), ("NL", "nl-NL", "Europe/Amsterdam", 5),
    ("ES", "es-ES", "Europe/Madrid", 5), ("BR", "pt-BR", "America/Sao_Paulo", 6), ("JP", "ja-JP", "Asia/Tokyo", 5),
    ("AU", "en-AU", "Australia/Sydney", 3), ("NP", "ne-NP", "Asia/Kathmandu", 2),
)  # fmt: skip
# browser, operating system, device, weight
_BROWSERS = (
    ("Chrome", "Windows", "desktop", 30), ("Chrome Mobile", "Android", "mobile", 34),
    ("Chrome", "Mac OS X", "desktop", 9), ("Firefox", "Windows", "desktop", 6), ("Edge", "Windows", "desktop", 9),
    ("Safari", "Mac OS X", "desktop", 4), ("Samsung Internet", "Android", "mobile", 4),
    ("Firefox", "Linux", "desktop", 2), ("Mobile Safari", "iOS", "mobile", 2),
)  # fmt: skip
_TAGS = (("newsletter", 40), ("green-tea", 30), ("black-tea", 25), ("teaware", 15), ("vip", 4))
DAYS = 60
LEFT_SHARE = 0.06


def make_audience(site: Site, key: VapidKey, *, seed: bytes, origin: str, size: int) -> Iterator[Subscriber]:
    """Yield `size` active subscribers and some more who left; the same seed gives the same people."""
    draw = random.Random(seed)  # noqa: S311  # a demonstration's dice, not a secret
    now = timezone.now()
    for index in range(int(size * (1 + LEFT_SHARE))):
        made = make_subscription(
            seed, origin, index, application_server_key=bytes(key.public), behaviour=demo_behaviour(index)
        )
        came = _came(draw, now)
        person = Subscriber(
            site=site,
            vapid_key=key,
            service="sandbox",
            endpoint=made.endpoint,
            endpoint_digest=digest_of(made.endpoint),
            p256dh=made.p256dh,
            auth=made.auth,
            subscribed_at=came,
            seen_at=came + (now - came) * draw.random(),
            hours=_hours(draw),
            **_profile(draw, index),
        )
        if index >= size:
            person.state, person.ended_why = Subscriber.State.UNSUBSCRIBED, "visitor"
            person.ended_at = came + (now - came) * draw.random()
        yield person


def _came(draw: random.Random, now: datetime) -> datetime:
    """More of them lately than two months ago, as a growing shop has it."""
    return now - timedelta(days=DAYS * (1 - draw.random() ** 0.6), seconds=draw.randrange(60))


def _hours(draw: random.Random) -> bytes | None:
    """Most come again and again at about one time of the day; of the others nothing is known yet."""
    if draw.random() < 0.3:
        return None
    usual, visits = draw.gauss(18, 4), draw.randrange(3, 15)
    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    return add_hours(None, (midnight + timedelta(hours=draw.gauss(usual, 1)) for _ in range(visits)))


def _profile(draw: random.Random, index: int) -> dict[str, object]:
    country, language, zone, _ = draw.choices(_PLACES, [place[3] for place in _PLACES])[0]
    browser, system, device, _ = draw.choices(_BROWSERS, [kind[3] for kind in _BROWSERS])[0]
    orders = max(0, int(draw.gauss(1, 2)))
    return {
        "country": country,
        "language": language,
        "time_zone": zone,
        "browser": browser,
        "os": system,
        "device": device,
        "tags": [tag for tag, share in _TAGS if draw.random() * 100 < share],
        "attributes": {"orders": orders, "last_order_total": round(orders * draw.uniform(9, 60), 2)},
        "external_id": f"customer-{index}" if draw.random() < 0.4 else "",
    }
