"""Banners of known problems, for the consoles of those concerned: a copy in the process, at most 5 s old.

There are few banners at a time, so one copy of all spares every page a query.
"""

from typing import NamedTuple

from tenants.copied import Copied
from tenants.models_problems import CONCERNED
from tenants.own_connection import ask_here

LIFETIME_SECONDS = 5.0
# The session's list of the marks of banners that its person has put away.
HIDDEN = "hidden_banners"
_READ = f"""
SELECT id, banner, extract(epoch FROM changed_at)::bigint, ARRAY({CONCERNED})
FROM public.tenants_problem WHERE banner <> '' ORDER BY id
"""  # noqa: S608  # the words are ours


class Banner(NamedTuple):
    """`mark` changes with the text: one that was put away comes back when it says something else."""

    pk: int
    text: str
    mark: str
    tenant_ids: frozenset[int]


def _read() -> list[Banner]:
    return [
        Banner(pk, text, f"{pk}-{at}", frozenset(tenants)) for pk, text, at, tenants in ask_here(_READ, [])
    ]


_banners: Copied[list[Banner]] = Copied("banners", _read, [], LIFETIME_SECONDS)
# In this process, after a change; other processes follow within LIFETIME_SECONDS.
forget = _banners.forget


def shown_to(tenant_id: int) -> list[Banner]:
    """Those that concern a workspace; costs a query every LIFETIME_SECONDS."""
    return [banner for banner in _banners.get() if tenant_id in banner.tenant_ids]
