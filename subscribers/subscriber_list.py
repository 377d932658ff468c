"""The subscribers of a website, the newest first, searched and filtered. Pages are found by an id, never counted."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from subscribers.audience import lookup_in, read_rows, where
from subscribers.models import Subscriber
from subscribers.rules.sql import Sql, begins_with, join

PER_PAGE = 50
PATIENCE_MS = 3000
# Of an endpoint's end: shorter ones fit too many, longer ones are not in the index.
LEAST_TAIL, MOST_TAIL = 4, 16


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
        pieces.append(_search(wanted.search))
    return pieces


def _search(text: str) -> Sql:
    """All kinds at once, each by an index of its own. LIKE's own signs are taken as they are."""
    pieces = [Sql("(person.external_id LIKE %s AND person.external_id <> '')", (begins_with(text),))]
    if LEAST_TAIL <= len(text) <= MOST_TAIL:
        pieces.append(
            Sql('reverse(right(person.endpoint, 16)) COLLATE "C" LIKE %s', (begins_with(text[::-1]),))
        )
    if text.isdecimal() and text.isascii() and len(text) < 19:
        pieces.append(Sql("person.id = %s", (int(text),)))
    return join("any", pieces)


def as_query(wanted: Wanted) -> dict[str, Any]:
    """Write it as an address has it, without what is empty."""
    given = {"q": wanted.search, "state": wanted.state, "tag": wanted.tag, "country": wanted.country}
    given |= {"segment": str(wanted.segment or ""), "tests": "on" if wanted.tests else ""}
    return {key: value for key, value in given.items() if value}
