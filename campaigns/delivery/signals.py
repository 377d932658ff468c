"""What a delivery process must hear while it works: sends that stop, lanes that are slow.

Read by the heartbeat on a connection of its own, at each notice and once a second; in a process without one, by the
sender itself.
"""

from dataclasses import dataclass, field

from tenants.own_connection import Ask

# A send may be worked on while it has due work that is not held; a cancelled one too, to write its rest down.
_STOPPED = """
SELECT given.tenant_id, given.send_id
FROM unnest(%s::bigint[], %s::bigint[]) AS given (tenant_id, send_id)
LEFT JOIN public.tenants_duework work USING (tenant_id, send_id)
LEFT JOIN public.tenants_sendindex seen USING (tenant_id, send_id)
WHERE work.id IS NULL OR work.is_held OR seen.state = 'cancelled'
"""

_LANES = "SELECT lane FROM public.tenants_throttle"


@dataclass
class Signals:
    """`stopped` are the sends in hand, as (tenant, send), for which no further request may be made."""

    in_hand: set[tuple[int, int]] = field(default_factory=set)
    stopped: frozenset[tuple[int, int]] = frozenset()
    lanes: frozenset[str] = frozenset()
    # Counts the readings, so that whoever waits for news knows that there are some.
    readings: int = 0

    def read(self, ask: Ask) -> None:
        """Look at the database; the attributes change as a whole, since another thread reads them."""
        sends = sorted(self.in_hand.copy())
        if sends:
            rows = ask(_STOPPED, [[tenant for tenant, _ in sends], [send for _, send in sends]])
            self.stopped = frozenset((tenant, send) for tenant, send in rows)
        else:
            self.stopped = frozenset()
        self.lanes = frozenset(lane for (lane,) in ask(_LANES, []))
        self.readings += 1
