"""Whom a send reached, by what kind of people they are and over time; too much for a page to count each time."""

import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from campaigns.delivery.ledger import Packed, unpack_entries, with_bits
from campaigns.delivery.outcomes import Outcome, Skip
from campaigns.models import HELD_OUT, Batch, Receipt, Send

# What is counted by, as the page names it; languages without their country.
DIMENSIONS = {
    "service": "Push service", "browser": "Browser", "os": "System", "device": "Device", "country": "Country",
    "language": "Language", "time_zone": "Time zone",
}  # fmt: skip
MOST_VALUES = 30
# The medians of so many sends are what is typical.
TYPICAL_OF = 20
TYPICAL_LEAST = 10
TYPICAL_FROM = 3
# How long a step over time is, in seconds, by how long ago the send began.
_STEPS = ((timedelta(hours=1), 60), (timedelta(hours=6), 300), (timedelta.max, 3600))

_ROOTS = """
SELECT id, size, displayed, clicked FROM campaigns_batch
WHERE send_id = %s AND root_id IS NULL AND id > %s ORDER BY id LIMIT 1
"""
_PAGES = "SELECT at, first, last, accepted, entries, reasons FROM campaigns_ledgerpage WHERE root_id = %s"
_REPORTED = "SELECT kind, ordinal FROM campaigns_receipt WHERE batch_id = %s AND kind = ANY(%s)"
# The ids stay where they are, and what became of them comes as three bitmaps: as lists of a batch's 5,000 they were
# half of the whole cost.
_BIT = "get_byte(%s, (got.place / 8)::int) & (128 >> (got.place %% 8)::int) > 0"
_COUNT = f"""
SELECT grouping(service, browser, os, device, country, spoken, time_zone),
    service, browser, os, device, country, spoken, time_zone,
    count(*), count(*) FILTER (WHERE accepted), count(*) FILTER (WHERE displayed), count(*) FILTER (WHERE clicked)
FROM (SELECT person.*, split_part(person.language, '-', 1) AS spoken, {_BIT} AS accepted, {_BIT} AS displayed,
          {_BIT} AS clicked
      FROM campaigns_batch batch, unnest(batch.ids) WITH ORDINALITY AS one (id, number),
          LATERAL (SELECT one.id, one.number - 1 AS place) got
          LEFT JOIN subscribers_subscriber person ON person.id = got.id
      WHERE batch.id = %s) reached
GROUP BY GROUPING SETS ((service), (browser), (os), (device), (country), (spoken), (time_zone))
"""  # noqa: S608  # nothing of it is given from outside
_OVER_TIME = """
SELECT kind, floor(extract(epoch FROM at - %s) / %s)::int, count(*) FROM campaigns_receipt
WHERE batch_id = ANY(%s) AND kind = ANY(%s) AND at >= %s GROUP BY 1, 2
"""
_KINDS = [Receipt.Kind.DISPLAYED.value, Receipt.Kind.CLICKED.value]


# Who of a batch visited the website since, and did what there: those who were held out beside those who got it.
_VISITED = """
SELECT count(*) FROM campaigns_batch batch, unnest(batch.ids) AS one (id)
JOIN subscribers_subscriber person ON person.id = one.id AND person.seen_at >= %s WHERE batch.id = %s
"""
_DID = """
SELECT fact.name, count(*) FROM campaigns_batch batch, unnest(batch.ids) AS one (id)
JOIN subscribers_eventfact fact ON fact.subscriber_id = one.id AND fact.last_at >= %s WHERE batch.id = %s GROUP BY 1
"""
MOST_EVENTS = 5


class Typical(NamedTuple):
    """Medians of a website's last sends, in percent; `sends` is how many there were."""

    sends: int
    accepted: float
    displayed: float
    clicked: float
    gone: float


def break_down(send: Send, now: datetime) -> dict[str, Any]:
    """Count a send by every dimension: {"at", "by": {dimension: [[value, audience, accepted, displayed, clicked]]},
    "over_time": {"seconds": of a step, "displayed": [...], "clicked": [...]}}; 6 us a recipient.
    """  # fmt: skip
    sums: dict[str, dict[str, list[int]]] = {name: {} for name in DIMENSIONS}
    roots = []
    for root_id, bitmaps in _batches(send.pk):
        roots.append(root_id)
        _add(sums, [*bitmaps, root_id])
    return {
        "at": now.isoformat(),
        "by": {name: _most(values) for name, values in sums.items()},
        "over_time": _over_time(send, roots, now),
        **({"effect": _effect(send)} if send.ab.get("hold_out") else {}),
    }


def _effect(send: Send) -> dict[str, Any]:
    """Count who came back since the launch: by "held_out" and "others" {"people", "visited", "did": {event: people}}.
    """  # fmt: skip
    counted: dict[str, Counter[str]] = {"held_out": Counter(), "others": Counter()}
    roots = Batch.objects.filter(send=send, root=None).values_list("pk", "size", "wave")
    with connection.cursor() as cursor:
        for pk, size, wave in roots:
            group = counted["held_out" if wave == HELD_OUT else "others"]
            cursor.execute(_VISITED, [send.launched_at, pk])
            group.update(people=size, visited=cursor.fetchone()[0])
            cursor.execute(_DID, [send.launched_at, pk])
            group.update({f"did {name}": number for name, number in cursor.fetchall()})
    both = counted["held_out"] + counted["others"]
    names = [name for name, _ in both.most_common() if name.startswith("did ")][:MOST_EVENTS]
    return {
        which: {
            "people": group["people"],
            "visited": group["visited"],
            "did": {name.removeprefix("did "): group[name] for name in names},
        }
        for which, group in counted.items()
    }


def _batches(send_id: int) -> Iterator[tuple[int, list[bytes]]]:
    """Each root batch with who accepted, displayed and clicked: a bit per ordinal, as Batch.displayed has them."""
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_ROOTS, [send_id, last])
            row = cursor.fetchone()
            if row is None:
                return
            last, size, *folded = row
            cursor.execute(_PAGES, [last])
            accepted = _accepted([Packed(*page) for page in cursor.fetchall()], size)
            cursor.execute(_REPORTED, [last, _KINDS])
            said = cursor.fetchall()
        yield (
            last,
            [
                accepted,
                *(
                    with_bits(bits, [place for one, place in said if one == kind], size)
                    for kind, bits in zip(_KINDS, folded, strict=True)
                ),
            ],
        )


def _accepted(pages: list[Packed], size: int) -> bytes:
    """Join the pages' own bitmaps, each of which begins at its `first`, and add who was accepted later."""
    length = (size + 7) // 8
    bits, later = 0, []
    for page in pages:
        shift = 8 * (length - len(page.accepted)) - page.first
        own = int.from_bytes(page.accepted, "big")
        bits |= own << shift if shift >= 0 else own >> -shift
        later += [entry.ordinal for entry in unpack_entries(page) if entry.outcome is Outcome.ACCEPTED]
    return with_bits(bits.to_bytes(length, "big"), later, size)


def _add(sums: dict[str, dict[str, list[int]]], columns: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, columns)
        for grouping, *values, audience, accepted, displayed, clicked in cursor.fetchall():
            # Of the bits, the first column's being the highest, the one that is not set is what was grouped by.
            place = next(n for n in range(len(DIMENSIONS)) if not grouping >> (len(DIMENSIONS) - 1 - n) & 1)
            name = list(DIMENSIONS)[place]
            known = sums[name].setdefault(values[place] or "", [0, 0, 0, 0])
            for number, more in enumerate((audience, accepted, displayed, clicked)):
                known[number] += more


def _most(values: dict[str, list[int]]) -> list[list[Any]]:
    """The most frequent, and all others together as "*"; "" is who is not known, or no longer there."""
    rows: list[list[Any]] = [[name, *numbers] for name, numbers in values.items()]
    rows.sort(key=lambda row: (-row[1], row[0]))
    rest = rows[MOST_VALUES:]
    if not rest:
        return rows
    return [*rows[:MOST_VALUES], ["*", *(sum(row[number] for row in rest) for number in range(1, 5))]]


def _over_time(send: Send, roots: list[int], now: datetime) -> dict[str, Any]:
    """Receipts by step since the launch. The raw ones live some days: what was counted while they did is kept."""
    begun = send.launched_at or now
    seconds = next(step for age, step in _STEPS if now - begun <= age)
    with connection.cursor() as cursor:
        cursor.execute(_OVER_TIME, [begun, seconds, roots, _KINDS, begun])
        rows = cursor.fetchall()
    steps = max((step for _, step, _ in rows), default=-1) + 1
    made: dict[str, Any] = {"seconds": seconds, "displayed": [0] * steps, "clicked": [0] * steps}
    for kind, step, count in rows:
        made["displayed" if kind == _KINDS[0] else "clicked"][step] = count
    known = send.breakdown.get("over_time")
    if known and sum(known["displayed"]) > sum(made["displayed"]):
        return dict(known)
    return made


def typical(send: Send) -> Typical | None:
    """What is usual for the website: medians over its last sends but this; None for fewer than TYPICAL_FROM."""
    others = Send.objects.filter(
        site_id=send.site_id, kind=Send.Kind.CAMPAIGN, state=Send.State.FINISHED, accepted__gte=TYPICAL_LEAST
    ).exclude(pk=send.pk)
    names = ("audience", "accepted", "displayed", "clicked", "gone", "reasons")
    # Who was held out says nothing about push services.
    rows = [
        (max(audience - reasons.get(Skip.HOLD_OUT.key, 0), accepted), accepted, *rest)
        for audience, accepted, *rest, reasons in others.order_by("-pk").values_list(*names)[:TYPICAL_OF]
    ]
    if len(rows) < TYPICAL_FROM:
        return None
    return Typical(
        len(rows),
        accepted=statistics.median(100 * row[1] / row[0] for row in rows),
        displayed=statistics.median(min(100.0, 100 * row[2] / row[1]) for row in rows),
        clicked=statistics.median(min(100.0, 100 * row[3] / row[2]) if row[2] else 0.0 for row in rows),
        gone=statistics.median(100 * row[4] / row[0] for row in rows),
    )
