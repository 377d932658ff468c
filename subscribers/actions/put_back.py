"""What must not be undone when older rows take the place of newer ones: erasures, and who unsubscribed."""

from typing import Any, LiteralString, NamedTuple

from django.db import connection
from psycopg import sql

from subscribers.actions.person import erase, tombstone_of
from subscribers.models import Subscriber
from tenants.bundle_rows import columns_of
from tenants.doorway import current_schema
from tenants.models import Tenant, User

ROWS_AT_ONCE = 1000
_NEEDED = {
    "subscribers_tombstone": {"digest", "at"},
    "subscribers_subscriber": {"site_id", "endpoint_digest", "state", "ended_at", "ended_why"},
}
_TOMBSTONES = """
INSERT INTO {mine} (digest, at) SELECT digest, at FROM {former} ORDER BY id ON CONFLICT DO NOTHING RETURNING digest
"""
_UNSUBSCRIBED = """
UPDATE {mine} AS mine SET state = 'unsubscribed', ended_at = former.ended_at, ended_why = former.ended_why
FROM {former} AS former
WHERE former.site_id = mine.site_id AND former.endpoint_digest = mine.endpoint_digest
    AND former.state = 'unsubscribed' AND mine.state <> 'unsubscribed'
RETURNING mine.id
"""


class Left(NamedTuple):
    erased: int = 0
    unsubscribed: int = 0


def keep_left(*, actor: User | None, tenant: Tenant, former: str) -> Left:
    """Erase and unsubscribe again who did so in `former`, the schema that was there before; answer how many.

    Call in the verb's transaction, in the tenant. Of a table that was lost nothing is known.
    """
    there = columns_of(former)
    known = {table for table, columns in _NEEDED.items() if columns <= set(there.get(table, ()))}
    erased = unsubscribed = 0
    if "subscribers_tombstone" in known:
        new = {bytes(digest) for (digest,) in _run(_TOMBSTONES, "subscribers_tombstone", former)}
        erased = _erase(actor, tenant, new) if new else 0
    if "subscribers_subscriber" in known:
        unsubscribed = len(_run(_UNSUBSCRIBED, "subscribers_subscriber", former))
    return Left(erased, unsubscribed)


def _run(statement: LiteralString, table: str, former: str) -> list[tuple[Any, ...]]:
    mine = sql.Identifier(current_schema(), table)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(mine=mine, former=sql.Identifier(former, table)))
        return list(cursor.fetchall())


def _erase(actor: User | None, tenant: Tenant, marks: set[bytes]) -> int:
    """Erase who has one of these new tombstones; older ones are of people who may have subscribed again since."""
    rows = Subscriber.objects.order_by().values_list("pk", "endpoint_digest", "external_id")
    met = [
        pk
        for pk, digest, external_id in rows.iterator(ROWS_AT_ONCE)
        if tombstone_of("endpoint", bytes(digest).hex()) in marks
        or (external_id and tombstone_of("external", external_id) in marks)
    ]
    return erase(actor=actor, tenant=tenant, subscribers=[Subscriber(pk=pk) for pk in met])
