"""A batch that was let go in the middle goes on where it was, whoever takes it."""

from typing import Any

from django.utils import timezone

from campaigns.delivery.batches import extend
from campaigns.delivery.record import record
from campaigns.delivery.transport import Transport
from campaigns.models import Batch
from tenants.doorway import in_tenant
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    figures,
    finish,
    fresh,
    launch,
)
from tests.campaigns.test_claims import result_of, taken


def test_what_is_resolved_behind_the_cursor_is_not_sent_again_after_a_clean_release(
    place: Place, transport: Transport, settings: Any
) -> None:
    """One push service was slow and another quick when the worker let go: the cursor stands before both."""
    settings.GRANT_SIZE = 4
    add_subscribers(place, [NORMAL] * 12)
    send = launch(place)
    work, grant = taken(place, send)
    with in_tenant(place.schema):
        extend(grant, work, site_id=place.site.pk, most=6)
        assert len(grant.ids) == 10
        results = [result_of(grant, position) for position in (1, 2, 5, 9)]
        record(work, grant, results, at=timezone.now(), release=True)
        batch = Batch.objects.get(pk=grant.batch_id)
    assert (batch.cursor, batch.lease_until) == (0, None)
    finish(place, send, transport)
    check_conservation(place, send)
    assert figures(fresh(place, send)) == {"accepted": 12}
    assert counts_of(place, send) == {"accepted": 8, "distinct": 8, "repeated": 0}
