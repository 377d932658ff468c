"""A claim takes one batch, whatever PostgreSQL's planner believes."""

from typing import Any

from django.db import connection

from campaigns.actions.freeze import freeze
from campaigns.delivery.batches import Grant, claim
from campaigns.delivery.work import Work
from campaigns.models import Batch, Send
from tenants.doorway import in_tenant
from tests.campaigns.places import NORMAL, Place, add_subscribers, launch


def test_a_claim_takes_one_batch_also_where_the_planner_knows_of_one_only(
    place: Place, settings: Any
) -> None:
    """A subquery that is joined runs again for each batch, and skips those that it has just locked itself."""
    settings.BATCH_SIZE = 5
    add_subscribers(place, [NORMAL])
    launched(place)
    with in_tenant(place.schema), connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns_batch")
    add_subscribers(place, [NORMAL] * 39)
    send = launched(place)
    with in_tenant(place.schema):
        assert isinstance(claim(send.pk), Grant)
        assert Batch.objects.filter(send_id=send.pk, lease_until=None).count() == 7


def launched(place: Place) -> Send:
    """A send whose audience is frozen."""
    send = launch(place)
    with in_tenant(place.schema):
        freeze(Work(place.workspace.tenant.pk, place.schema, send.pk))
    return send
