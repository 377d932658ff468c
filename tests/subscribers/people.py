"""Subscribers in bulk, without browsers: what is not given has a plain value."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from subscribers.actions.subscription import digest_of
from subscribers.models import Site, Subscriber, VapidKey
from tests.subscribers.samples import new_public_key

_numbers = itertools.count(1)


def add_people(site: Site, people: Iterable[Mapping[str, Any]]) -> list[Subscriber]:
    """Store one row for each; call inside the workspace."""
    key, point = VapidKey.objects.get(site=site, state="current"), new_public_key()
    rows = []
    for given in people:
        endpoint = f"https://fcm.googleapis.com/fcm/send/person-{next(_numbers)}"
        values = {"service": "fcm", "endpoint": endpoint, "endpoint_digest": digest_of(endpoint), **given}
        rows.append(Subscriber(site=site, vapid_key=key, p256dh=point, auth=bytes(16), **values))
    return Subscriber.objects.bulk_create(rows)
