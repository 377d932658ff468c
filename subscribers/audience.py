"""Whom a rule means right now: counted within a time, estimated where that is not enough, and a few of them."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from time import monotonic
from typing import Any

from django.db import OperationalError, connection, transaction

from subscribers.models import Segment
from subscribers.rules.arguments import RuleRefused
from subscribers.rules.compile import Lookup, compile_rule
from subscribers.rules.rule import Group, read
from subscribers.rules.sql import Sql, join
from subscribers.rules.things import THINGS

LIVE = "(person.site_id = %s AND person.state = 'active' AND NOT person.is_test)"
SAMPLE = 10
# Of so many rows an estimate is made.
ESTIMATE_ROWS = 10_000
_CANCELED = "57014"
MOST_AT_ONCE = 2
_SLOTS = BoundedSemaphore(MOST_AT_ONCE)
# What reading a whole audience needs and no other query does: room for hashed sets of a million ids, no compiling of a
# plan that runs once, and an index that is narrower than its table taken for the better one.
ROOM = "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL random_page_cost = 1.1"


@dataclass(frozen=True)
class Count:
    """How many, within how long; `is_estimate` when the time was not enough, and then `spread` either way."""

    total: int
    ms: int
    is_estimate: bool = False
    spread: int = 0


class TooSlow(Exception):
    """The time that was given was not enough."""


class Busy(Exception):
    """As many audiences are being read as may be at once: ask again in a moment."""


def lookup_in(site_id: int) -> Lookup:
    """Find rules of a website's segments; what is of another one does not exist."""

    def lookup(pk: int) -> Group:
        raw = Segment.objects.filter(pk=pk, site_id=site_id).values_list("rule", flat=True).first()
        if raw is None:
            raise RuleRefused("rule", f"there is no segment {pk} on this website. Choose another one.")
        return read(raw)

    return lookup


def name_in(site_id: int) -> Callable[[str, int], str]:
    """Call what a website's rules name by number: ("segment", 5) is its name."""
    names: dict[int, str] = {}

    def name_of(key: str, pk: int) -> str:
        if key in THINGS:
            return THINGS[key].name_of(pk)
        if not names:
            names.update(Segment.objects.filter(site_id=site_id).values_list("pk", "name"))
        return names.get(pk, f"segment {pk}")

    return name_of


def where(site_id: int, rule: Group, now: datetime, *, lookup: Lookup | None = None) -> Sql:
    """Compile who is subscribed and meant, over `subscribers_subscriber person`; raises RuleRefused.

    `lookup` finds segments that the rule names: the website's own of today if it is left out.
    """
    meant = compile_rule(rule, now=now, lookup=lookup or lookup_in(site_id))
    return join("all", [Sql(LIVE, (site_id,)), meant])


@contextmanager
def slot() -> Iterator[None]:
    """Hold one of this process's few places for reading a whole audience; raises Busy at once if all are taken.

    Nobody waits for one: whoever waited would hold a thread that answers visitors and other people.
    """
    if not _SLOTS.acquire(blocking=False):
        raise Busy
    try:
        yield
    finally:
        _SLOTS.release()


def count(meant: Sql, *, milliseconds: int) -> Count:
    """Count exactly; raises TooSlow if that takes longer."""
    began = monotonic()
    query = f"SELECT count(*) FROM subscribers_subscriber person WHERE {meant.text}"  # noqa: S608  # whitelist
    rows = read_rows(query, meant, milliseconds)
    return Count(rows[0][0], round(1000 * (monotonic() - began)))


def estimate(meant: Sql, *, milliseconds: int) -> Count:
    """Count some of the rows, drawn at random, and take them for the whole; raises TooSlow too.

    Whole pages of the table are drawn. Rows that came together lie together, so `spread`, two standard errors as if
    rows were drawn, is doubled.
    """
    began = monotonic()
    query = (
        f"SELECT count(*) FILTER (WHERE meant), count(*) FROM (SELECT {meant.text} AS meant "  # noqa: S608
        "FROM subscribers_subscriber person TABLESAMPLE SYSTEM (%s)) drawn"
    )
    total = _rows_about()
    share = min(100.0, 100.0 * ESTIMATE_ROWS / max(total, 1))
    hits, drawn = read_rows(query, Sql(meant.text, (*meant.values, share)), milliseconds)[0]
    part = hits / drawn if drawn else 0.0
    spread = 4 * (part * (1 - part) / drawn) ** 0.5 if drawn else 1.0
    return Count(round(part * total), round(1000 * (monotonic() - began)), True, round(spread * total) + 1)


def _rows_about() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = 'subscribers_subscriber'::regclass"
        )
        about = int(cursor.fetchone()[0])
        if about < 0:  # never counted by a vacuum so far, so it is small
            cursor.execute("SELECT count(*) FROM subscribers_subscriber")
            about = int(cursor.fetchone()[0])
    return about


def sample(meant: Sql, *, milliseconds: int) -> list[int]:
    """Take up to ten of them, from a place of the table that is another one each time; raises TooSlow."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM subscribers_subscriber")
        start = random.randrange(cursor.fetchone()[0] + 1)  # noqa: S311  # which ten are shown is no secret
    query = "SELECT id FROM subscribers_subscriber person WHERE {} AND person.id {} %s ORDER BY id LIMIT %s"
    found: list[int] = []
    for side in (">=", "<"):
        values = (*meant.values, start, SAMPLE - len(found))
        found += [
            pk for (pk,) in read_rows(query.format(meant.text, side), Sql(meant.text, values), milliseconds)
        ]
        if len(found) == SAMPLE:
            break
    return found


def read_rows(query: str, meant: Sql, milliseconds: int) -> list[Any]:
    """Run a query over the audience with the values of `meant`; raises TooSlow if it takes longer."""
    with patience(milliseconds), connection.cursor() as cursor:
        cursor.execute(query, meant.values)
        return list(cursor.fetchall())


@contextmanager
def patience(milliseconds: int) -> Iterator[None]:
    """Give each query of the block so long, in one transaction; raises TooSlow if one takes longer."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"{ROOM}; SET LOCAL statement_timeout = {int(milliseconds)}")
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == _CANCELED:
            raise TooSlow from None
        raise


def most_frequent(site_id: int, column: str, *, most: int, milliseconds: int) -> list[tuple[str, int]]:
    """The most frequent values of a column of the audience's index with their numbers; raises TooSlow.

    `column` is one of rules.suggested.BREAKDOWNS. Languages count without their country.
    """
    value = f"person.{column}" if column != "language" else "split_part(person.language, '-', 1)"
    live = Sql(LIVE, (site_id, most))
    query = (
        f"SELECT {value}, count(*) FROM subscribers_subscriber person WHERE {LIVE} AND person.{column} <> '' "  # noqa: S608
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s"
    )
    return [(name, number) for name, number in read_rows(query, live, milliseconds)]
