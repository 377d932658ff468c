"""Limits on guessing: tries are counted by account and by address, in the database, exactly.

No audit row of its own: what was tried is recorded by what was tried. Not in a cache: there is none that all processes
share, and a restart must not begin anew.
"""

import math
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from django.db import connection
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from tenants.models import AttemptCount

MINUTE = 60
HOUR = 60 * MINUTE

# One statement, so that of any number of parallel tries each gets a number of its own; rows are locked in the order of
# their keys, so that two that count the same rows wait for each other and never both.
_TAKE = """
INSERT INTO tenants_attemptcount AS kept (key, times, until)
SELECT key, 1, clock_timestamp() + make_interval(secs => %(seconds)s) FROM unnest(%(keys)s::text[]) AS key ORDER BY key
ON CONFLICT (key) DO UPDATE SET
    times = CASE WHEN kept.until <= clock_timestamp() THEN 1 ELSE kept.times + 1 END,
    until = CASE WHEN kept.until <= clock_timestamp() THEN excluded.until ELSE kept.until END
RETURNING key, times, extract(epoch FROM until - clock_timestamp())
"""
_GIVE_BACK = """
UPDATE tenants_attemptcount SET times = times - 1 FROM (
    SELECT key FROM tenants_attemptcount WHERE key = ANY(%(keys)s::text[]) AND times > 0 ORDER BY key FOR UPDATE
) AS mine WHERE tenants_attemptcount.key = mine.key
"""


class Limit(NamedTuple):
    """So many tries in so many seconds, for one account and for one address."""

    by_account: int
    by_address: int
    seconds: int


class Attempt(Enum):
    """What is limited. Those of a password and of a second factor count failures only: a success is given back."""

    SIGN_IN = Limit(10, 15, 15 * MINUTE)
    SECOND_FACTOR = Limit(5, 15, 15 * MINUTE)
    RESET = Limit(5, 20, HOUR)
    SIGN_UP = Limit(5, 20, HOUR)
    VERIFY = Limit(5, 20, HOUR)


class TooMany(Exception):
    """A limit is used up; it is free again after so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many tries; the next is possible in {seconds} s.")
        self.seconds = seconds


def _keys(attempt: Attempt, account: str, address: str) -> dict[str, int]:
    """Name the rows that this try counts in, each with its limit."""
    most = {f"account:{account.lower()}": attempt.value.by_account}
    if address:
        most[f"address:{address}"] = attempt.value.by_address
    return {_key(f"{attempt.name}:{what}"): number for what, number in most.items()}


def _key(text: str) -> str:
    return salted_hmac("tenants.attempts", text, algorithm="sha256").hexdigest()


def take(attempt: Attempt, *, account: str, address: str) -> None:
    """Count a try before it is made; raises TooMany. The same for accounts that exist and for others."""
    _count(_keys(attempt, account, address), attempt.value.seconds)


def _count(most: Mapping[str, int], seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"keys": list(most), "seconds": seconds})
        used = [left for key, times, left in cursor.fetchall() if times > most[key]]
    if used:
        raise TooMany(max(1, math.ceil(max(used))))


def give_back(attempt: Attempt, *, account: str, address: str) -> None:
    """Take a try back that was a success. Only this one: else an own account would wipe the guesses at others."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, {"keys": list(_keys(attempt, account, address))})


def forget(attempt: Attempt, *, account: str) -> None:
    """Begin anew for an account whose owner has proved themselves otherwise."""
    AttemptCount.objects.filter(key__in=_keys(attempt, account, "")).delete()


def use_once(text: str, *, seconds: int) -> bool:
    """Whether this is the first use of a code; for whoever comes second, at the same moment too, it is not."""
    try:
        _count({_key(f"once:{text}"): 1}, seconds)
    except TooMany:
        return False
    return True


def take_turn(text: str, *, most: int, seconds: int) -> None:
    """Count one of `most` uses in so many seconds, by one statement; raises TooMany."""
    _count({_key(f"turn:{text}"): most}, seconds)


def forget_lapsed() -> int:
    """Remove counts whose period is over."""
    number, _ = AttemptCount.objects.filter(until__lt=Now()).delete()
    return number
