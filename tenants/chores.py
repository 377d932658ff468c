"""Upkeep by the clock: each chore is rung for once in its period, by whichever host is first."""

from django.conf import settings
from django.db import connection, transaction
from django_q.tasks import async_task

# An atomic claim: the row comes back only to the one that moved it.
_CLAIM = """
INSERT INTO tenants_chore (name, due_at) VALUES (%(name)s, clock_timestamp() + make_interval(secs => %(period)s))
ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at WHERE tenants_chore.due_at <= clock_timestamp()
RETURNING id
"""


@transaction.atomic
def ring_chores() -> int:
    """Queue the tasks of chores that are due; answer how many. The bell commits with the claim."""
    rung = 0
    for name, period in settings.CHORES.items():
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, {"name": name, "period": period})
            is_mine = cursor.fetchone() is not None
        if is_mine:
            async_task(name, cluster=settings.SHORT_QUEUE)
            rung += 1
    return rung
