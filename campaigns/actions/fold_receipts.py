"""Fold raw receipts that are old into the bitmaps of their batch: a bit instead of a row of 60 octets."""

from collections import defaultdict
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from campaigns.delivery.ledger import with_bits
from campaigns.models import Batch, Receipt, Send

MOST_BATCHES = 50
_OLDEST = """
SELECT DISTINCT batch_id FROM campaigns_receipt
WHERE at < now() - make_interval(days => %s) AND batch_id <> ALL(%s) ORDER BY batch_id LIMIT %s
"""


def fold_receipts() -> int:
    """Fold the receipts of some batches; answer how many were folded. Call inside the tenant, again until it is 0."""
    # Times that are compared are so by when each receipt came.
    tested = Send.objects.filter(state__in=[Send.State.RUNNING, Send.State.PAUSED], ab__state="out")
    waiting = list(Batch.objects.filter(send__in=tested).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST, [settings.RECEIPT_RAW_DAYS, waiting, MOST_BATCHES])
        found = [batch_id for (batch_id,) in cursor.fetchall()]
    return sum(_fold_batch(batch_id) for batch_id in found)


@transaction.atomic
def _fold_batch(batch_id: int) -> int:
    """Set the bits and delete the rows together, under the batch's lock: a run that dies has done nothing."""
    batch = Batch.objects.select_for_update().get(pk=batch_id)
    old = Receipt.objects.filter(batch_id=batch_id, at__lt=Now() - timedelta(days=settings.RECEIPT_RAW_DAYS))
    rows = list(old.values_list("pk", "kind", "ordinal"))
    by_kind: defaultdict[int, list[int]] = defaultdict(list)
    for _, kind, ordinal in rows:
        by_kind[kind].append(ordinal)
    for kind, ordinals in by_kind.items():
        name = Receipt.Kind(kind).name.lower()
        setattr(batch, name, with_bits(getattr(batch, name), ordinals, batch.size))
    batch.save(update_fields=["displayed", "clicked", "closed"])
    Receipt.objects.filter(pk__in=[pk for pk, _, _ in rows]).delete()
    return len(rows)
