"""Count what browsers report, each thing once however often it is said."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F

from campaigns.models import Receipt, Send, SendStat
from tenants.doorway import in_tenant
from tenants.models import SendIndex, Tenant
from truepush.lib.receipt_token import ReceiptToken

_COUNTERS = {
    Receipt.Kind.DISPLAYED: "displayed",
    Receipt.Kind.CLICKED: "clicked",
    Receipt.Kind.CLOSED: "closed",
}

# The join drops what does not fit a batch of that send, the bit what was folded, ON CONFLICT what is known; what comes
# back is new. get_bit counts an octet's bits from the lowest. The batches are locked first: a fold that runs at the
# same moment would delete the row that the report is to be compared with.
_INSERT = """
INSERT INTO campaigns_receipt (batch_id, ordinal, kind, variant)
SELECT given.batch_id, given.ordinal, given.kind, given.variant
FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::smallint[], %s::smallint[])
     AS given (send_id, batch_id, ordinal, kind, variant)
JOIN campaigns_batch batch ON batch.id = given.batch_id AND batch.send_id = given.send_id
     AND batch.root_id IS NULL AND given.ordinal < batch.size
WHERE NOT coalesce(get_bit(CASE given.kind WHEN 1 THEN batch.displayed WHEN 2 THEN batch.clicked ELSE batch.closed END,
    given.ordinal / 8 * 8 + 7 - given.ordinal %% 8), 0) = 1
ORDER BY given.batch_id, given.ordinal, given.kind
ON CONFLICT (batch_id, ordinal, kind) DO NOTHING
RETURNING (SELECT ARRAY[send_id, wave, coalesce(variant, -1)] FROM campaigns_batch WHERE id = batch_id), kind
"""


_SHARE = "SELECT FROM campaigns_batch WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"


class Report(NamedTuple):
    token: ReceiptToken
    kind: Receipt.Kind


def record_receipts(reports: Iterable[Report]) -> int:
    """Store reports and move the sends' figures; answer how many were new. The browser is the actor: no audit row."""
    by_tenant: defaultdict[int, set[Report]] = defaultdict(set)
    for report in reports:
        by_tenant[report.token.tenant_id].add(report)
        if report.kind is Receipt.Kind.CLICKED:
            # Who clicked has seen it, also where no worker could say so (Safari).
            by_tenant[report.token.tenant_id].add(Report(report.token, Receipt.Kind.DISPLAYED))
    schemas = dict(Tenant.objects.filter(pk__in=by_tenant).values_list("pk", "schema_name"))
    return sum(_record(pk, schemas[pk], known) for pk, known in by_tenant.items() if pk in schemas)


def _record(tenant_id: int, schema_name: str, reports: set[Report]) -> int:
    rows = [
        (r.token.send_id, r.token.batch_id, r.token.ordinal, int(r.kind), r.token.variant) for r in reports
    ]
    with in_tenant(schema_name), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_SHARE, [sorted({row[1] for row in rows})])
            cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])
            new = Counter((*place, kind) for place, kind in cursor.fetchall())
        by_send: defaultdict[int, Counter[str]] = defaultdict(Counter)
        by_variant: defaultdict[tuple[int, ...], Counter[str]] = defaultdict(Counter)
        for (send_id, wave, variant, kind), number in new.items():
            counter = _COUNTERS[Receipt.Kind(kind)]
            by_send[send_id][counter] += number
            if variant >= 0 and counter != "closed":
                by_variant[send_id, wave, variant][counter] += number
        _move(tenant_id, by_send, by_variant)
    return sum(new.values())


def _move(
    tenant_id: int,
    by_send: Mapping[int, Counter[str]],
    by_variant: Mapping[tuple[int, ...], Counter[str]],
) -> None:
    """Add to the figures, in the order in which everything locks them."""
    for send_id in sorted(by_send):
        changes = {name: F(name) + number for name, number in by_send[send_id].items()}
        Send.objects.filter(pk=send_id).update(**changes)
        changes.pop("closed", None)
        SendIndex.objects.filter(tenant_id=tenant_id, send_id=send_id).update(**changes)
    for send_id, wave, variant in sorted(by_variant):
        changes = {name: F(name) + number for name, number in by_variant[send_id, wave, variant].items()}
        SendStat.objects.filter(send_id=send_id, wave=wave, variant=variant).update(**changes)
