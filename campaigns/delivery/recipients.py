"""The rows of a grant's recipients, read as plain tuples: model instances cost 15 us each, these 3."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from subscribers.models import Subscriber


class Recipient(NamedTuple):
    """What of a subscriber is needed to push to it. `endpoint`, `p256dh` and `auth` are secrets."""

    pk: int
    state: str
    service: str
    endpoint: str
    p256dh: bytes
    auth: bytes
    key_id: int
    wait_until: datetime | None
    # The endpoint up to its path.
    origin: str


# The origin by a regular expression cost a third of the whole query.
_READ = """
SELECT id, state, service, endpoint, p256dh, auth, vapid_key_id, wait_until,
    CASE WHEN starts_with(endpoint, 'https://') THEN 'https://' || split_part(endpoint, '/', 3) ELSE '' END
FROM subscribers_subscriber WHERE id = ANY(%s)
"""

ACTIVE = Subscriber.State.ACTIVE.value


def read_recipients(ids: Sequence[int]) -> dict[int, Recipient]:
    """Read those that are still there; call inside the tenant."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [list(ids)])
        return {row[0]: Recipient(*row) for row in cursor.fetchall()}
