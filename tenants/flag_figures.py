"""Events and errors of workspaces that have a flag, beside those of the others.

Counted in memory, by workspace, whether there are flags or not, without a query. Every few seconds each delivery
process adds what it counted to a few rows. What it had not added when it ended, by itself or killed, is lost.
"""

import threading
import time
from collections.abc import Iterator, Mapping

from tenants.flags import FLAGS, Row, read
from tenants.own_connection import Ask

FLUSH_SECONDS = 5.0
Tally = dict[tuple[int, str], tuple[int, int]]
Figure = tuple[str, int, bool, str]

_ADD = """
INSERT INTO public.tenants_flagfigure AS known (flag_id, step, is_on, kind, events, errors)
SELECT * FROM unnest(%s::text[], %s::int[], %s::bool[], %s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT (flag_id, step, is_on, kind)
DO UPDATE SET events = known.events + excluded.events, errors = known.errors + excluded.errors RETURNING id
"""


class Figures:
    """What one process has counted since it last added it to the books."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tally: Tally = {}
        self._flushed = time.monotonic()

    def count(self, kind: str, tenant_id: int, events: int, errors: int) -> None:
        with self._lock:
            known = self._tally.get((tenant_id, kind), (0, 0))
            self._tally[tenant_id, kind] = (known[0] + events, known[1] + errors)

    def flush_when_due(self, ask: Ask) -> None:
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush(ask)

    def flush(self, ask: Ask) -> None:
        """Add what was counted; not while a step begins, since nobody knows on which side of it that was."""
        self._flushed = time.monotonic()
        with self._lock:
            tally, self._tally = self._tally, {}
        if not tally:
            return
        live = [row for row in read(ask).values() if row.is_settled and not row.stopped_at]
        sums = dict(sorted(_sums(tally, live)))  # in one order, so that no two processes wait for each other
        if sums:
            columns = zip(*((*figure, *counted) for figure, counted in sums.items()), strict=True)
            ask(_ADD, [list(column) for column in columns])


def _sums(
    tally: Mapping[tuple[int, str], tuple[int, int]], live: list[Row]
) -> Iterator[tuple[Figure, tuple[int, int]]]:
    sums: dict[Figure, tuple[int, int]] = {}
    for row in live:
        for (tenant_id, kind), (events, errors) in tally.items():
            if kind not in FLAGS[row.name].kinds:
                continue
            figure = (row.name, row.step, row.has(tenant_id), kind)
            known = sums.get(figure, (0, 0))
            sums[figure] = (known[0] + events, known[1] + errors)
    yield from sums.items()


figures = Figures()
