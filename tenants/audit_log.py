"""Read a workspace's audit log: by person, action and period, a page at a time, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date, parse_datetime

from tenants.audit_words import KINDS, WORDS, label_of
from tenants.models import AuditEntry

PER_PAGE = 50
AT_ONCE = 1000
Cursor = tuple[datetime, int]


@dataclass(frozen=True)
class Wanted:
    """What of the log is asked for; `since` and `until` are days in UTC, both of them included."""

    actor: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def from_query(cls, given: Any) -> "Wanted":
        """Read a form or an address; what is none is left out."""
        return cls(
            " ".join(str(given.get("actor", "")).replace("\0", "")[:254].lower().split()),
            str(given.get("action", "")).replace("\0", "")[:60],
            _day(given.get("since", "")),
            _day(given.get("until", "")),
        )

    @property
    def query(self) -> str:
        """As an address has it."""
        return urlencode({name: str(value) for name, value in self.values().items() if value})

    def values(self) -> dict[str, Any]:
        return {"actor": self.actor, "action": self.action, "since": self.since, "until": self.until}

    def entries(self, tenant_id: int) -> QuerySet[AuditEntry]:
        """The newest first."""
        found = AuditEntry.objects.filter(tenant_id=tenant_id).order_by("-at", "-id")
        if self.actor:
            found = found.filter(actor=self.actor)
        if self.action:
            found = found.filter(action=self.action)
        if self.since:
            found = found.filter(at__gte=datetime.combine(self.since, time.min, UTC))
        if self.until:
            found = found.filter(at__lt=datetime.combine(self.until, time.min, UTC) + timedelta(days=1))
        return found


def _day(text: Any) -> date | None:
    """Read a day; the last of all has no day after it."""
    try:
        day = parse_date(str(text)[:10])
    except ValueError:
        return None
    return day if day and date.min < day < date.max else None


def read_cursor(text: str) -> Cursor | None:
    """Read what `write_cursor` wrote; None for anything else."""
    moment, _, number = text[:60].partition("_")
    try:
        at = parse_datetime(moment)
    except ValueError:
        return None
    is_number = number.isascii() and number.isdecimal() and len(number) <= 18
    return (at, int(number)) if at and at.tzinfo and is_number else None


def write_cursor(entry: AuditEntry) -> str:
    return f"{entry.at.isoformat()}_{entry.pk}"


def _older(cursor: Cursor) -> Q:
    # The first condition is what the index is searched by.
    return Q(at__lte=cursor[0]) & (Q(at__lt=cursor[0]) | Q(pk__lt=cursor[1]))


def _newer(cursor: Cursor) -> Q:
    return Q(at__gte=cursor[0]) & (Q(at__gt=cursor[0]) | Q(pk__gt=cursor[1]))


class Page(NamedTuple):
    """`older` and `newer` are cursors of the neighbouring pages, empty where there is none."""

    entries: list[AuditEntry]
    older: str
    newer: str


def page_of(found: QuerySet[AuditEntry], *, before: Cursor | None, after: Cursor | None) -> Page:
    """The entries that are older than `before`, or else the nearest newer than `after`, or else the newest."""
    if after and not before:
        taken = list(found.filter(_newer(after)).order_by("at", "id")[: PER_PAGE + 1])
        is_more, entries = len(taken) > PER_PAGE, taken[:PER_PAGE][::-1]
        newer = write_cursor(entries[0]) if is_more else ""
        return Page(entries, write_cursor(entries[-1]) if entries else "", newer)
    taken = list((found.filter(_older(before)) if before else found)[: PER_PAGE + 1])
    entries = taken[:PER_PAGE]
    older = write_cursor(entries[-1]) if len(taken) > PER_PAGE else ""
    return Page(entries, older, write_cursor(entries[0]) if before and entries else "")


def all_of(found: QuerySet[AuditEntry]) -> Iterator[list[AuditEntry]]:
    """Every entry, AT_ONCE at a time: a file of millions holds no transaction open."""
    rest = found
    while entries := list(rest[:AT_ONCE]):
        yield entries
        rest = found.filter(_older((entries[-1].at, entries[-1].pk)))


class Change(NamedTuple):
    name: str
    before: str
    after: str


class Line(NamedTuple):
    """An entry in words: "ann@acme.test changed the website Shop" is `begin`, `target` (with its page) and `end`."""

    entry: AuditEntry
    begin: str
    target: str
    path: str
    end: str
    changes: list[Change]
    detail: list[tuple[str, str]]

    def __str__(self) -> str:
        return f"{self.begin}{self.target}{self.end}"


def in_words(entries: Sequence[AuditEntry], *, with_pages: bool = True) -> list[Line]:
    """Say each entry in words; the names of what it was done to are read once for each kind.

    Without their pages it takes half the time, which counts for a file.
    """
    parted = [_parted(entry.target) for entry in entries]
    ids: dict[str, set[int]] = {}
    for kind, pk in parted:
        ids.setdefault(kind, set()).add(pk)
    names = {kind: KINDS[kind].names_of(found) for kind, found in ids.items() if kind}
    lines = []
    for entry, (kind, pk) in zip(entries, parted, strict=True):
        target, path = entry.target, ""
        if kind:
            name = names[kind].get(pk)
            path = KINDS[kind].path_of(pk) if name and with_pages else ""
            target = f"{KINDS[kind].label} {name or _name_then(entry) or pk}".strip()
        begin, place, end = WORDS.get(entry.action, f"{entry.action} {{}}").partition("{}")
        detail = [(_label(name), shown(value)) for name, value in entry.detail.items()]
        lines.append(
            Line(entry, begin, target if place else "", path if place else "", end, changes_of(entry), detail)
        )
    return lines


def _parted(target: str) -> tuple[str, int]:
    kind, _, number = target.partition(" ")
    is_known = kind in KINDS and number.isascii() and number.isdecimal() and len(number) <= 18
    return (kind, int(number)) if is_known else ("", 0)


def _name_then(entry: AuditEntry) -> str:
    """What it was called, of what is no longer there."""
    return str((entry.before or {}).get("name") or entry.detail.get("name") or "")


def changes_of(entry: AuditEntry) -> list[Change]:
    before, after = entry.before or {}, entry.after or {}
    return [
        Change(_label(name), shown(before.get(name)), shown(after.get(name)))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _label(name: str) -> str:
    return name.replace("_", " ")


def shown(value: Any) -> str:
    """A value of JSON for people."""
    if isinstance(value, dict):
        return "; ".join(f"{_label(str(name))}: {shown(one)}" for name, one in value.items()) or "nothing"
    if isinstance(value, list):
        return ", ".join(shown(one) for one in value) or "nothing"
    named = {True: "yes", False: "no"}.get(value) if isinstance(value, bool) else None
    return named or ("nothing" if value in (None, "") else str(value))


def action_choices() -> list[tuple[str, str]]:
    """Every action that a workspace's log may have, with its words, in their order."""
    return sorted(((action, label_of(action)) for action in WORDS), key=lambda choice: choice[1])
