"""Unsubscribe those who were not seen for long, some at a time: an update of a million rows is no one transaction."""

from datetime import datetime

from django.db import connection, transaction

from subscribers.actions.job_steps import advance, is_mine, repeat
from subscribers.models import Job

ROWS = 10_000

_PRUNE = """
UPDATE subscribers_subscriber SET state = 'unsubscribed', ended_at = now(), ended_why = 'dormant'
WHERE id = ANY(ARRAY(SELECT person.id FROM subscribers_subscriber person
    WHERE person.site_id = %s AND person.state = 'active' AND NOT person.is_test AND person.seen_at < %s
    ORDER BY person.id LIMIT %s FOR UPDATE))
"""


def prune_some(job: Job, until: float) -> bool:
    """Work on it for a while; False when it has ended or is another's. Whoever comes by meanwhile stays."""
    return repeat(until, lambda: _prune(job, datetime.fromisoformat(job.wish["before"])))


def _prune(job: Job, before: datetime) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        if not is_mine(job):
            return False
        cursor.execute(_PRUNE, [job.site_id, before, ROWS])
        return advance(job, "pruned", cursor.rowcount, has_more=cursor.rowcount == ROWS)
