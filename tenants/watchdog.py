"""Whether this host's deliveries stand still although something is due.

Judged by the age of due work, not by which processes live: a task queue whose worker was killed while it held the
queue's lock has all its processes and does nothing (seen in 3 of 6 tries).
"""

import time
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

# Nobody has served anything for the while, something that is not held has been due for as long, and no delivery
# process says that it is at work: one that has enough in hand asks for no more.
STALLED = """
SELECT EXISTS (
    SELECT FROM tenants_duework WHERE NOT is_held AND due_at < clock_timestamp() - make_interval(secs => %(while)s))
AND NOT EXISTS (
    SELECT FROM tenants_duework WHERE served_at > clock_timestamp() - make_interval(secs => %(while)s))
AND NOT EXISTS (
    SELECT FROM tenants_workerprocess WHERE role = 'delivery' AND (rate > 0 OR in_flight > 0)
        AND seen_at > clock_timestamp() - make_interval(secs => %(while)s))
"""

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 15.0
# Deliveries look for a lost database every other second, and say that they work a second later.
RECOVERY_SECONDS = 5.0


def is_stalled() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(STALLED, {"while": settings.WATCHDOG_SECONDS})
        return bool(cursor.fetchone()[0])


@dataclass
class Watchdog:
    """Says when to restart, ever more rarely while that does not help."""

    quiet_until: float = 0.0
    restarts: int = 0

    def rest(self) -> None:
        """Begin anew: nobody could take anything up, the database was away."""
        quiet = settings.WATCHDOG_SECONDS + RECOVERY_SECONDS
        self.quiet_until = max(self.quiet_until, time.monotonic() + quiet)

    def barks(self) -> bool:
        """Whether the clusters should be restarted now."""
        now = time.monotonic()
        if now < self.quiet_until:
            return False
        if not is_stalled():
            self.restarts = 0
            return False
        pause = min(FIRST_PAUSE * 2**self.restarts, LONGEST_PAUSE) * settings.WATCHDOG_SECONDS
        self.quiet_until = now + pause
        self.restarts += 1
        return True
