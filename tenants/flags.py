"""Changes that are released workspace by workspace: what they are, and who has them now.

Every process keeps a copy of the books for LIFETIME_SECONDS, so a stop holds everywhere that much later. While the
database is away the last copy holds. A process that never had one goes by the code's `default`, as without a row.
"""

from datetime import datetime
from typing import NamedTuple

from tenants.copied import Copied
from tenants.own_connection import Ask, ask_here
from truepush.lib.share import is_in_share

LIFETIME_SECONDS = 5.0
# After a start: 10 s until all processes follow, 15 s in which what they did before may end, 5 s of counting it.
SETTLING_SECONDS = 30.0
# What is counted of workspaces with and without a flag.
DELIVERIES = "deliveries"


class Flag(NamedTuple):
    """`default` is what is safe while nothing is known. `on` and `off` say in words what a workspace gets.

    `kinds` are the figures that it can change: by these alone it is judged, and without any by people alone. `name` has
    at most 27 characters, to be named in the kind of an alert.
    """

    name: str
    default: bool
    on: str
    off: str
    kinds: tuple[str, ...]


# Read by campaigns.delivery.compose_push, where PUSH_ENCODER and PUSH_PAD_TO leave the choice.
OWN_ENCODER = Flag(
    "own-encoder",
    True,
    "messages are encrypted by Truepush",
    "messages are encrypted by pywebpush, more slowly",
    (DELIVERIES,),
)
# Read by subscribers.actions.import_subscriptions.
IMPORT_IN_PAIRS = Flag(
    "import-in-pairs",
    True,
    "imports of subscriptions store two pieces at once, on two connections",
    "they store one after the other, on one",
    (),
)
FLAGS = {flag.name: flag for flag in (OWN_ENCODER, IMPORT_IN_PAIRS)}


class Row(NamedTuple):
    """What the books say of a flag."""

    name: str
    percent: int
    on_for: frozenset[int]
    off_for: frozenset[int]
    step: int
    started_at: datetime
    stopped_at: datetime | None
    stopped_why: str
    # It began long enough ago that what is counted now happened under it.
    is_settled: bool

    def has(self, tenant_id: int) -> bool:
        """Whether a workspace has it: a stop beats a name, and a name beats the share."""
        if self.stopped_at or tenant_id in self.off_for:
            return False
        return tenant_id in self.on_for or is_in_share(self.name, str(tenant_id), self.percent)


_READ = """
SELECT name, percent, on_for, off_for, step, started_at, stopped_at, stopped_why,
    started_at < clock_timestamp() - make_interval(secs => %s) FROM public.tenants_featureflag
"""


def is_on(flag: Flag, tenant_id: int) -> bool:
    """Whether a workspace has it now; costs a query every LIFETIME_SECONDS."""
    row = _books.get().get(flag.name)
    return row.has(tenant_id) if row else flag.default


def read(ask: Ask) -> dict[str, Row]:
    """Read the books as they are, without rows of flags that this version does not name."""
    return {
        name: Row(name, percent, frozenset(on_for), frozenset(off_for), *rest)
        for name, percent, on_for, off_for, *rest in ask(_READ, [SETTLING_SECONDS])
        if name in FLAGS
    }


_books: Copied[dict[str, Row]] = Copied("feature flags", lambda: read(ask_here), {}, LIFETIME_SECONDS)
forget = _books.forget
