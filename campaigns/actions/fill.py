"""Make up a large audience: skewed countries, browsers and tags, two years of coming and going, a history of messages.

The rows are made inside PostgreSQL. Their endpoints have a host that exists nowhere (RFC 2606), so nothing that is
sent to them leaves the machine.
"""

import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection, transaction
from django.utils import timezone

from campaigns.models import Campaign, Message, Send
from subscribers.actions.site import add_site
from subscribers.hours import HOURS
from subscribers.models import Site, VapidKey
from tenants.actions import audit
from tenants.doorway import in_tenant
from tenants.models import SendIndex, Tenant, User
from truepush.lib.webpush.keys import CURVE, public_bytes

CHUNK = 50_000
AT_ONCE = 2
KEYS = 500
SENDS = 20
ENDED_SHARE = 0.12

# country|language|time zone, weight
_PLACES = {
    "US|en-US|America/New_York": 150, "US|en-US|America/Chicago": 60, "US|en-US|America/Los_Angeles": 80,
    "IN|en-IN|Asia/Kolkata": 110, "IN|hi-IN|Asia/Kolkata": 60, "GB|en-GB|Europe/London": 80,
    "DE|de-DE|Europe/Berlin": 70, "BR|pt-BR|America/Sao_Paulo": 60, "FR|fr-FR|Europe/Paris": 45,
    "ID|id-ID|Asia/Jakarta": 45, "ES|es-ES|Europe/Madrid": 30, "MX|es-MX|America/Mexico_City": 30,
    "JP|ja-JP|Asia/Tokyo": 28, "IT|it-IT|Europe/Rome": 25, "PL|pl-PL|Europe/Warsaw": 20, "TR|tr-TR|Europe/Istanbul": 20,
    "NL|nl-NL|Europe/Amsterdam": 15, "AT|de-AT|Europe/Vienna": 12, "CH|de-CH|Europe/Zurich": 8,
    "AU|en-AU|Australia/Sydney": 12, "KE|en-KE|Africa/Nairobi": 8, "NP|ne-NP|Asia/Kathmandu": 5,
    "IS|is-IS|Atlantic/Reykjavik": 1, "||": 26,
}  # fmt: skip
# browser|operating system|device|service, weight
_BROWSERS = {
    "Chrome Mobile|Android|mobile|fcm": 400, "Chrome|Windows|desktop|fcm": 260, "Chrome|Mac OS X|desktop|fcm": 70,
    "Edge|Windows|desktop|wns": 60, "Samsung Internet|Android|mobile|fcm": 55, "Firefox|Windows|desktop|mozilla": 40,
    "Firefox Mobile|Android|mobile|mozilla": 15, "Firefox|Linux|desktop|mozilla": 10,
    "Safari|Mac OS X|desktop|apple": 35, "Mobile Safari|iOS|mobile|apple": 30, "Chrome|Android|tablet|fcm": 25,
}  # fmt: skip
# event, share of subscribers, mean number of times beyond the first
_EVENTS = {
    "page_viewed": (0.6, 12), "product_viewed": (0.4, 6), "cart_added": (0.18, 2), "purchase": (0.08, 1.5),
    "signed_up": (0.12, 0), "searched": (0.1, 3),
}  # fmt: skip

# Every draw has the row's number in it, or PostgreSQL would draw once for all rows. Few come often and lately.
_PEOPLE = """
INSERT INTO subscribers_subscriber (id, site_id, vapid_key_id, state, is_test, service, endpoint, endpoint_digest,
    p256dh, auth, language, country, time_zone, browser, os, device, external_id, tags, attributes, subscribed_at,
    first_seen_at, seen_at, ended_at, ended_why, sessions, pages, sdk_version, prompt, consent_origin,
    hours)
SELECT %(base)s + n, %(site)s, %(key)s, state, false, split_part(kind, '|', 4), url, sha256(url::bytea),
    (%(points)s::bytea[])[1 + n %% cardinality(%(points)s::bytea[])], substr(sha256(n::text::bytea), 1, 16),
    split_part(place, '|', 2), split_part(place, '|', 1), split_part(place, '|', 3),
    split_part(kind, '|', 1), split_part(kind, '|', 2), split_part(kind, '|', 3),
    CASE WHEN luck < 0.4 THEN 'customer-' || n ELSE '' END,
    array_remove(ARRAY[CASE WHEN a < 0.4 THEN 'newsletter' END, CASE WHEN b < 0.02 THEN 'vip' END,
        CASE WHEN c < 0.25 THEN 'plan=' || (ARRAY['free', 'free', 'free', 'silver', 'gold'])[1 + floor(5 * b)::int] END,
        CASE WHEN d < 0.3 THEN 'interest-' || floor(1 / (d + 0.0005))::int END], NULL),
    CASE WHEN a < 0.7 THEN jsonb_build_object('orders', floor(6 * b * b * b)::int,
        'total_spent', round((900 * c * c * c)::numeric, 2), 'age', 18 + floor(60 * d * d)::int,
        'birthday', (date '1945-01-01' + floor(22000 * b)::int)::text, 'is_member', c < 0.2,
        'city', (ARRAY['Berlin', 'Paris', 'Pune', 'Austin', 'Leeds', 'Lyon'])[1 + floor(6 * d)::int]) ELSE '{}' END,
    came, came, seen, CASE WHEN state <> 'active' THEN seen + (%(now)s - seen) * a END,
    CASE state WHEN 'gone' THEN '410' WHEN 'unsubscribed' THEN 'visitor' ELSE '' END,
    1 + floor(40 * b * b * b * c)::int, 1 + floor(300 * b * b * b * c * c)::int, '1.0', 'bell', %(origin)s,
    CASE WHEN b < 0.7 THEN (%(days)s::bytea[])[1 + floor(a * cardinality(%(days)s::bytea[]))::int] END
FROM (
    SELECT *, came + (%(now)s - came) * power(c, 0.4) AS seen,
        CASE WHEN n %% 28 IN (0, 9) THEN 'gone' WHEN n %% 28 = 18 THEN 'unsubscribed' ELSE 'active' END AS state,
        'https://' || split_part(kind, '|', 4) || '.push.invalid/send/' || md5(n::text) || ':APA91b' || md5('a' || n)
            || md5('b' || n) || md5('c' || n) || md5('d' || n) AS url
    FROM (
        SELECT n, random() + 0 * n AS a, random() + 0 * n AS b, random() + 0 * n AS c, random() + 0 * n AS d,
            random() + 0 * n AS luck, %(now)s - interval '730 days' * power(random() + 0 * n, 1.4) AS came,
            (%(places)s::text[])[1 + floor(random() * cardinality(%(places)s::text[]) + 0 * n)::int] AS place,
            (%(kinds)s::text[])[1 + floor(random() * cardinality(%(kinds)s::text[]) + 0 * n)::int] AS kind
        FROM generate_series(%(first)s::int, %(last)s::int) n OFFSET 0) drawn OFFSET 0) people
"""

# Ids of their own, so that pieces that are made at once lie apart; what was there last before them.
_RESERVE = """
SELECT setval(seq, nextval(seq) + %(count)s) - %(count)s
FROM (SELECT pg_get_serial_sequence('subscribers_subscriber', 'id')::regclass AS seq) known
"""

# The newest of `count` moments is the last visit or earlier; the others lie evenly behind it.
_FACTS = """
INSERT INTO subscribers_eventfact (subscriber_id, name, count, first_at, last_at, last_properties, recent)
SELECT id, %(name)s, times, last_at - (times - 1) * gap, last_at,
    jsonb_build_object('value', round((90 * luck)::numeric, 2)),
    ARRAY(SELECT last_at - back * gap FROM generate_series(0, least(times, 20) - 1) back)
FROM (
    SELECT id, luck, seen_at - (seen_at - first_seen_at) * luck * 0.5 AS last_at,
        1 + floor(-ln(1 - luck) * %(mean)s)::int AS times,
        (seen_at - first_seen_at) * 0.5 / (1 + floor(-ln(1 - luck) * %(mean)s)) AS gap
    FROM (SELECT id, seen_at, first_seen_at, random() + 0 * id AS luck, random() + 0 * id AS part
          FROM subscribers_subscriber WHERE id BETWEEN %(base)s + %(first)s AND %(base)s + %(last)s OFFSET 0) people
    WHERE part < %(share)s) made
"""

# Half of those who were there displayed it, and one in twelve of these clicked.
_ENGAGED = """
INSERT INTO campaigns_engagement (subscriber_id, received_at, displayed_at, clicked_at, sends, displayed, clicked)
SELECT id, received_at, CASE WHEN displayed <> 0 THEN received_at END, CASE WHEN clicked <> 0 THEN received_at END,
    sends, displayed, clicked
FROM (SELECT *, displayed & luck1 & luck2 & luck3 & luck4 AS clicked
      FROM (SELECT person.id, array_agg(send.id ORDER BY send.id DESC) AS sends, max(send.launched_at) AS received_at,
                ((1 << count(*)::int) - 1) & floor(random() * 1048576 + 0 * person.id)::int AS displayed,
                floor(random() * 1048576 + 0 * person.id)::int AS luck1,
                floor(random() * 1048576 + 0 * person.id)::int AS luck2,
                floor(random() * 1048576 + 0 * person.id)::int AS luck3,
                floor(random() * 1048576 + 0 * person.id)::int AS luck4
            FROM subscribers_subscriber person
            JOIN campaigns_send send ON send.site_id = person.site_id AND send.launched_at > person.subscribed_at
                AND (person.ended_at IS NULL OR person.ended_at > send.launched_at)
            WHERE person.id BETWEEN %(base)s + %(first)s AND %(base)s + %(last)s AND send.kind = 'campaign'
            GROUP BY person.id OFFSET 0) counted OFFSET 0) engaged
"""


def fill_audience(*, actor: User | None, tenant: Tenant, size: int) -> Iterator[str]:
    """Add a website with `size` active subscribers and an eighth more who left; yield what was done."""
    points = [public_bytes(ec.generate_private_key(CURVE).public_key()) for _ in range(KEYS)]
    with in_tenant(tenant.schema_name):
        site = _make_site(actor, tenant)
        _make_sends(tenant, site, size)
        yield f"Website {site.name} with {SENDS} past campaigns."
        values: dict[str, Any] = {
            "site": site.pk,
            "key": VapidKey.objects.get(site=site).pk,
            "points": points,
            "places": _spread(_PLACES),
            "kinds": _spread(_BROWSERS),
            "now": timezone.now(),
            "origin": site.origin,
            "days": _days(),
        }
        whole = round(size * 28 / 25)
        with connection.cursor() as cursor:
            cursor.execute(_RESERVE, {"count": whole})
            values["base"] = cursor.fetchone()[0]
        chunks = [
            {**values, "first": n, "last": min(n + CHUNK - 1, whole)} for n in range(1, whole + 1, CHUNK)
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = pool.map(lambda chunk: _fill_chunk(tenant.schema_name, chunk), chunks)
            for number, _ in enumerate(done, 1):
                yield f"{number} of {len(chunks)} pieces of {CHUNK:,} subscribers, with events and past messages."
        with connection.cursor() as cursor:
            for table in ("subscribers_subscriber", "subscribers_eventfact", "campaigns_engagement"):
                cursor.execute(f"VACUUM ANALYZE {table}")
    yield f"Done: {size:,} subscribed, {whole - size:,} gone or unsubscribed."


def _days() -> list[bytes]:
    """Days of people who come around one hour (UTC), and a little at another."""
    made = []
    for hour in range(HOURS):
        counts = bytearray(HOURS)
        counts[hour], counts[hour - 1], counts[(hour + 9) % HOURS] = 7, 3, 2
        made.append(bytes(counts))
    return made


def _spread(weights: dict[str, int]) -> Sequence[str]:
    return [name for name, weight in weights.items() for _ in range(weight)]


@transaction.atomic
def _make_site(actor: User | None, tenant: Tenant) -> Site:
    name = f"Large shop {secrets.token_hex(3)}"
    origin = f"https://{name.lower().replace(' ', '-')}.example"
    site = add_site(actor=actor, tenant=tenant, name=name, origin=origin, contact="mailto:large@shop.example")
    audit.record("site.fill", actor=actor, tenant_id=tenant.pk, target=f"site {site.pk}")
    return site


@transaction.atomic
def _make_sends(tenant: Tenant, site: Site, size: int) -> None:
    """One campaign each six days; what became of each recipient is no longer kept, as after the retention's time."""
    now = timezone.now()
    for number in range(SENDS, 0, -1):
        at = now - timedelta(days=6 * number)
        campaign = Campaign.objects.create(
            site=site, name=f"Offer of {at:%-d %B}", state=Campaign.State.LAUNCHED
        )
        content = {
            "title": campaign.name,
            "body": "Today only.",
            "url": f"{site.origin}/offer",
            "icon_url": "",
        }
        Message.objects.create(campaign=campaign, **content)
        send = Send.objects.create(
            campaign=campaign, site=site, kind=Send.Kind.CAMPAIGN, state=Send.State.FINISHED, content=[content],
            rule={"everyone": True}, seed=number, ttl=86400, tag=f"fill-{number}", audience=size, accepted=size,
            displayed=size // 2, clicked=size // 24, due_at=at, launched_at=at, started_at=at,
            finished_at=at + timedelta(minutes=3), expires_at=at + timedelta(days=1),
        )  # fmt: skip
        SendIndex.objects.create(
            tenant_id=tenant.pk, schema_name=tenant.schema_name, send_id=send.pk, site_id=site.pk, kind=send.kind,
            state=send.state, due_at=at, launched_at=at, finished_at=send.finished_at, audience=size, accepted=size,
            displayed=send.displayed, clicked=send.clicked,
        )  # fmt: skip


def _fill_chunk(schema_name: str, values: dict[str, Any]) -> None:
    """Make one piece, on a connection of this thread's own."""
    try:
        with in_tenant(schema_name), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_PEOPLE, values)
            for name, (share, mean) in _EVENTS.items():
                cursor.execute(_FACTS, {**values, "name": name, "share": share, "mean": mean})
            cursor.execute(_ENGAGED, values)
    finally:
        connection.close()
