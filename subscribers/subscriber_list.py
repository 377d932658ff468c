"""The subscribers of a website, the newest first, searched and filtered. Pages are found by an id, never counted."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from subscribers.audience import TooSlow, lookup_in, read_rows, where
from subscribers.models import Subscriber
from subscribers.rules.sql import Sql, begins_with, join

PER_PAGE = 50
PATIENCE_MS = 3000
# Of an endpoint's end: shorter ones fit too many, longer ones are not in the index.
LEAST_TAIL, MOST_TAIL = 4, 16
# A search that means more people than that is no search.
MOST_FOUND = 50_000


@dataclass(frozen=True)
class Wanted:
    """What is asked for; empty is everybody. `search` is an external id's beginning, an endpoint's end or a number."""

    search: str = ""
    state: str = ""
    tag: str = ""
    country: str = ""
    segment: int = 0
    tests: bool = False


@dataclass
class Page:
    """`after` and `before` are the ids that the next and the previous page begin behind, or None."""

    people: list[Subscriber] = field(default_factory=list)
    after: int | None = None
    before: int | None = None


def page_of(site_id: int, wanted: Wanted, *, after: int | None = None, before: int | None = None) -> Page:
    """Find a page; raises TooSlow where a search would read too much, RuleRefused for a segment that is not there."""
    back = before is not None
    edge = before if back else after
    pieces = _meant(site_id, wanted, timezone.now())
    if edge is not None:
        pieces.append(Sql(f"person.id {'>' if back else '<'} %s", (edge,)))
    rows = _newest(pieces, _halves(wanted), back=back)
    ids = [pk for (pk,) in rows][:PER_PAGE]
    has_more = len(rows) > PER_PAGE
    people = list(Subscriber.objects.filter(pk__in=ids).order_by("-pk"))
    if not people:
        return Page()
    has_next, has_previous = (True, has_more) if back else (has_more, edge is not None)
    return Page(people, people[-1].pk if has_next else None, people[0].pk if has_previous else None)


# The audience and everybody else of a website, as the two indexes have it that are read in order of id.
_AUDIENCE, _OTHERS = (
    "person.state = 'active' AND NOT person.is_test",
    "NOT (person.state = 'active' AND NOT person.is_test)",
)


def _halves(wanted: Wanted) -> list[str]:
    """Say which of the two can hold what is wanted; a search has indexes of its own."""
    if wanted.search:
        return ["true"]
    if wanted.tests or wanted.state not in ("", Subscriber.State.ACTIVE):
        return [_OTHERS]
    return [_AUDIENCE] if wanted.state or wanted.segment else [_AUDIENCE, _OTHERS]


def _newest(pieces: list[Sql], halves: list[str], *, back: bool) -> list[Any]:
    """Read the ids of each half in order, and merge. Without halves a website would be looked for among all others."""
    order = f"ORDER BY id {'ASC' if back else 'DESC'} LIMIT %s"
    parts = [join("all", [*pieces, Sql(half)]) for half in halves]
    texts = [f"(SELECT id FROM subscribers_subscriber person WHERE {part.text} {order})" for part in parts]  # noqa: S608
    values = [value for part in parts for value in (*part.values, PER_PAGE + 1)]
    query = f"SELECT id FROM ({' UNION ALL '.join(texts)}) page {order}"  # noqa: S608  # whitelist
    return read_rows(query, Sql("", (*values, PER_PAGE + 1)), PATIENCE_MS)


def _found(text: str) -> list[int]:
    """Find whom a search means, of all websites, by one index for each kind; raises TooSlow for too many.

    Apart from the page's own query: for a LIMIT PostgreSQL would rather go through everybody from the newest on.
    """
    kinds = search_kinds(text)
    texts = [f"(SELECT id FROM subscribers_subscriber person WHERE {kind.text} LIMIT %s)" for kind in kinds]  # noqa: S608
    values = tuple(value for kind in kinds for value in (*kind.values, MOST_FOUND + 1))
    found = [pk for (pk,) in read_rows(" UNION ALL ".join(texts), Sql("", values), PATIENCE_MS)]
    if len(found) > MOST_FOUND:
        raise TooSlow
    return found


def _meant(site_id: int, wanted: Wanted, now: datetime) -> list[Sql]:
    pieces = [Sql("person.site_id = %s", (site_id,))]
    if wanted.segment:
        pieces.append(where(site_id, lookup_in(site_id)(wanted.segment), now))
    if wanted.state:
        pieces.append(Sql("person.state = %s", (wanted.state,)))
    pieces.append(Sql("person.is_test" if wanted.tests else "NOT person.is_test"))
    if wanted.tag:
        pieces.append(Sql("person.tags @> %s::varchar[]", ([wanted.tag],)))
    if wanted.country:
        pieces.append(Sql("person.country = %s", (wanted.country,)))
    if wanted.search:
        pieces.append(Sql("person.id = ANY(%s)", (_found(wanted.search),)))
    return pieces


def search_kinds(text: str) -> list[Sql]:
    """What a text can be: an external id's beginning, an endpoint's end, a number. LIKE's own signs are plain."""
    kinds = [Sql("(person.external_id LIKE %s AND person.external_id <> '')", (begins_with(text),))]
    if LEAST_TAIL <= len(text) <= MOST_TAIL:
        kinds.append(
            Sql('reverse(right(person.endpoint, 16)) COLLATE "C" LIKE %s', (begins_with(text[::-1]),))
        )
    if text.isdecimal() and text.isascii() and len(text) < 19:
        kinds.append(Sql("person.id = %s", (int(text),)))
    return kinds


def as_query(wanted: Wanted) -> dict[str, Any]:
    """Write it as an address has it, without what is empty."""
    given = {"q": wanted.search, "state": wanted.state, "tag": wanted.tag, "country": wanted.country}
    given |= {"segment": str(wanted.segment or ""), "tests": "on" if wanted.tests else ""}
    return {key: value for key, value in given.items() if value}
