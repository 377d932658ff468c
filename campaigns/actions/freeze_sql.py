"""The statement that stores a send's audience in batches: who is drawn for what, and when each is due.

One INSERT makes all batches from one reading of the audience, so no id can be in two of them (RE-03). It is put
together of what a send needs: nothing is drawn or looked up for one that goes to everybody at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from campaigns.delivery.ab import AbTest
from campaigns.delivery.canary import Canary
from campaigns.delivery.rest import FAR
from campaigns.models import HELD_OUT, WAVE_REST
from campaigns.timing import slots
from subscribers.hours import HOURS, TOGETHER, best_hour_sql, best_together
from subscribers.rules.sql import Sql

# Two draws of 20 bits each from one hash: who goes first or is held out, and who gets which variant.
_BITS = 20
_DRAWN_OF = 1 << _BITS
_LOTS = f"""
SELECT person.id, person.time_zone, person.hours, hash & {_DRAWN_OF - 1} AS lot,
    (hash >> {_BITS}) & {_DRAWN_OF - 1} AS variant_lot, hash
FROM subscribers_subscriber person, LATERAL (SELECT hashint8extended(person.id, %s) AS hash) drawn WHERE {{where}}
"""  # noqa: S608  # nothing of it is given from outside
# So many of the whole, exactly: the one whose hash is the last of them.
_LAST_OF = f"""
SELECT hash FROM ({_LOTS}) drawn WHERE lot >= %s ORDER BY 1 OFFSET %s LIMIT 1
"""  # noqa: S608  # nothing of it is given from outside
# `{{source}}` is what is there already.
_CASES = "SELECT drawn.*, CASE {cases} ELSE {last} END AS {name} FROM ({{source}}) drawn"
_OWN_CLOCK = """
SELECT drawn.*, CASE WHEN slot.zone IS NULL THEN other.at ELSE slot.at END AS at,
    coalesce(slot.label, other.label) AS label
FROM ({{source}}) drawn
LEFT JOIN unnest(%s::int[], %s::text[], %s::timestamptz[], %s::text[]) AS slot(variant, zone, at, label)
    ON slot.zone = drawn.time_zone AND slot.variant = {own}
LEFT JOIN unnest(%s::int[], %s::timestamptz[], %s::text[]) AS other(variant, at, label) ON other.variant = {own}
"""
_OWN_HOUR = f"""
SELECT drawn.*, slot.at, slot.label
FROM (SELECT drawn.*, coalesce({best_hour_sql("drawn.hours")}, usual.hour, %s) AS hour
      FROM ({{source}}) drawn LEFT JOIN unnest(%s::text[], %s::int[]) AS usual(zone, hour)
          ON usual.zone = drawn.time_zone) drawn
JOIN unnest(%s::int[], %s::timestamptz[], %s::text[]) AS slot(hour, at, label) USING (hour)
"""  # noqa: S608  # nothing of it is given from outside
_INSERT = """
INSERT INTO campaigns_batch (send_id, number, attempt, ids, size, first_id, last_id, zone, state, due_at, cursor, fence,
    holder, expires_at, wave, variant)
SELECT %s, row_number() OVER (ORDER BY {order}) - 1, 1, array_agg(id ORDER BY id), count(*), min(id), max(id), {label},
    'open', {due}, 0, 0, '', {expires}, {wave}, {variant}
FROM (SELECT *, (row_number() OVER ({partition} ORDER BY id) - 1) / %s AS slice FROM ({drawn}) drawn {timed}) audience
GROUP BY {keys}
ORDER BY {order}
RETURNING size, wave, variant, due_at
"""
_LEFT_OUT = "SELECT label, count(*) FROM ({drawn}) drawn WHERE at IS NULL GROUP BY label"


class Made(NamedTuple):
    size: int
    wave: int
    variant: int | None
    due_at: datetime


@dataclass
class _Parts:
    """SQL that grows: `source` yields a row for each recipient, `keys` are its columns that batches do not mix."""

    source: str
    values: list[Any]
    keys: list[str] = field(default_factory=list)

    def wrap(self, text: str, values: Sequence[Any] = (), before: Sequence[Any] = ()) -> None:
        """Put the source into a wider one; `before` and `values` are those of placeholders in front and behind."""
        self.source = text.format(source=self.source)
        self.values = [*before, *self.values, *values]


class Audience:
    """A send's audience as SQL. Call inside the send's tenant and transaction; `send.now` is the database's time."""

    def __init__(self, send: Any, meant: Sql, batch_size: int) -> None:
        self.send, self.meant, self.batch_size = send, meant, batch_size
        self.canary, self.ab = Canary.from_json(send.canary), AbTest.from_json(send.ab)
        self.timing: dict[str, Any] = send.timing
        self.parts = self._parts()

    def _parts(self) -> _Parts:
        if not (self.canary or self.ab or self.timing):
            plain = f"SELECT person.id FROM subscribers_subscriber person WHERE {self.meant.text}"  # noqa: S608
            return _Parts(plain, list(self.meant.values))
        parts = _Parts(_LOTS.format(where=self.meant.text), [self.send.seed, *self.meant.values])
        self._draw_waves(parts)
        self._draw_variants(parts)
        if "local" in self.timing:
            self._time_locally(parts)
        elif self.timing:
            self._time_by_hour(parts)
        return parts

    def _draw_waves(self, parts: _Parts) -> None:
        held = round((self.ab.hold_out if self.ab else 0.0) / 100 * _DRAWN_OF)
        first: float | None = self.canary.percent if self.canary else self.ab.first if self.ab else None
        cases, values = [], []
        if held:
            cases.append(f"WHEN lot < %s THEN {HELD_OUT}")
            values.append(held)
        if self.canary and self.canary.number:
            cases.append(f"WHEN hash > %s THEN {WAVE_REST}")
            values.append(self._last_of(self.canary.number, held))
        elif first:
            cases.append(f"WHEN lot >= %s THEN {WAVE_REST}")
            values.append(held + round(first / 100 * (_DRAWN_OF - held)))
        if cases:
            parts.wrap(
                _CASES.format(cases=" ".join(cases), last=0, name="wave"),
                before=values,
            )
            parts.keys.append("wave")

    def _last_of(self, number: int, held: int) -> int:
        """The hash of the last of so many who go first and are not held out; of all if there are fewer."""
        with connection.cursor() as cursor:
            values = [self.send.seed, *self.meant.values, held, number - 1]
            cursor.execute(_LAST_OF.format(where=self.meant.text), values)
            row = cursor.fetchone()
        return int(row[0]) if row else (1 << 63) - 1

    def _draw_variants(self, parts: _Parts) -> None:
        if not self.ab or not self.ab.shares:
            return
        ends, total = [], 0
        for share in self.ab.shares[:-1]:
            total += share
            ends.append(round(total / 100 * _DRAWN_OF))
        cases = [f"WHEN variant_lot < %s THEN {place}" for place in range(len(ends))]
        undrawn = [HELD_OUT, WAVE_REST] if self.ab.first else [HELD_OUT]
        if "wave" in parts.keys:
            cases.insert(0, f"WHEN wave IN ({', '.join(map(str, undrawn))}) THEN NULL")
        parts.wrap(
            _CASES.format(cases=" ".join(cases), last=len(ends), name="variant"),
            before=ends,
        )
        parts.keys.append("variant")

    def _time_locally(self, parts: _Parts) -> None:
        """By each subscriber's own clock: zones with the same instant and offset share batches.

        Who has no zone that is known goes with the website's. An instant that is null is never.
        """
        zones: list[tuple[int, str, datetime | None, str]] = []
        others: list[tuple[int, datetime | None, str]] = []
        first = datetime.fromisoformat(self.timing["local"])
        for variant, wall in enumerate(self.ab.times(first) if self.ab else [first]):
            known = slots(wall, self.send.now, self.timing["past"])
            zones += [(variant, slot.zone, slot.at, slot.offset) for slot in known]
            [other] = slots(wall, self.send.now, self.timing["past"], [self.timing["zone"]])
            others.append((variant, other.at, other.offset))
        own = "coalesce(drawn.variant, 0)" if self.ab and self.ab.delays else "0"
        parts.wrap(
            _OWN_CLOCK.format(own=own),
            [*_columns(zones), *_columns(others)],
        )
        parts.keys += ["at", "label"]

    def _time_by_hour(self, parts: _Parts) -> None:
        """In the hour in which each is active; else as others in their time zone; else as the whole website."""
        with connection.cursor() as cursor:
            cursor.execute(TOGETHER, [self.send.site_id])
            zones, usual = best_together(cursor.fetchall())
        now: datetime = self.send.now
        begun = now.replace(minute=0, second=0, microsecond=0)
        due = {(now.hour + ahead) % HOURS: begun + timedelta(hours=ahead) for ahead in range(HOURS)}
        due[now.hour] = now
        times = [(hour, at, f"{hour:02}:00 UTC") for hour, at in sorted(due.items())]
        parts.wrap(
            _OWN_HOUR,
            [list(zones), list(zones.values()), *_columns(times)],
            before=[now.hour if usual is None else usual],
        )
        parts.keys += ["at", "label"]

    @staticmethod
    def _variant(parts: _Parts) -> str:
        return "variant" if "variant" in parts.keys else "NULL::smallint"

    def store(self) -> list[Made]:
        """Write the batches: of one moment mixed by variant, so that none of them is always the first."""
        parts, is_timed = self.parts, "at" in self.parts.keys
        due, values = self._due()
        # The rest has its own end once it is let go, and so has what is due at times of its own.
        has_ends = is_timed or bool(self.ab and self.ab.delays)
        ends = f"{due} + make_interval(secs => %s)" if has_ends else "NULL"
        order = [
            name for name in ("at", "label", "wave", "slice", "variant") if name in (*parts.keys, "slice")
        ]
        statement = _INSERT.format(
            order=", ".join(order),
            label="label" if is_timed else "''",
            due=due,
            expires=ends,
            wave="wave" if "wave" in parts.keys else "0",
            variant=self._variant(parts),
            partition=f"PARTITION BY {', '.join(parts.keys)}" if parts.keys else "",
            drawn=parts.source,
            timed="WHERE at IS NOT NULL" if is_timed else "",
            keys=", ".join([*parts.keys, "slice"]),
        )
        both = [*values, *values, self.send.ttl] if has_ends else values
        with connection.cursor() as cursor:
            cursor.execute(statement, [self.send.pk, *both, self.batch_size, *parts.values])
            return [Made(*row) for row in cursor.fetchall()]

    def _due(self) -> tuple[str, list[Any]]:
        """When a batch is due: the held out at once, the rest when it is let go."""
        at = "at" if "at" in self.parts.keys else "now()"
        values: list[Any] = []
        if self.ab and self.ab.delays and at == "now()":
            # From the time that was chosen, not from a freeze that came late.
            _, *values = self.ab.times(self.send.due_at)
            later = " ".join(
                f"WHEN {place} THEN greatest(now(), %s::timestamptz)" for place in range(1, len(values) + 1)
            )
            at = f"CASE variant {later} ELSE now() END"
        if "wave" not in self.parts.keys:
            return at, values
        return f"CASE wave WHEN {HELD_OUT} THEN now() WHEN {WAVE_REST} THEN now() + %s ELSE {at} END", [
            FAR,
            *values,
        ]

    def left_out(self) -> dict[str, int]:
        """Count those whose time has passed and who are skipped for it, by offset."""
        with connection.cursor() as cursor:
            cursor.execute(_LEFT_OUT.format(drawn=self.parts.source), self.parts.values)
            return dict(cursor.fetchall())


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
