"""Banners of known problems, for the consoles of those concerned: a copy in the process, at most 5 s old.

There are few banners at a time, so one copy of all spares every page a query.
"""

import logging
import time
from typing import NamedTuple

from django.db import InterfaceError, OperationalError

from tenants.models_problems import CONCERNED
from tenants.own_connection import Ask, ask_here

log = logging.getLogger(__name__)

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


class _Copy(NamedTuple):
    at: float
    banners: list[Banner]


_NEVER = float("-inf")
_copy = _Copy(_NEVER, [])


def shown_to(tenant_id: int) -> list[Banner]:
    """Those that concern a workspace; costs a query every LIFETIME_SECONDS."""
    return [banner for banner in _banners() if tenant_id in banner.tenant_ids]


def _banners() -> list[Banner]:
    global _copy  # noqa: PLW0603  # one copy a process, replaced whole
    now = time.monotonic()
    if now - _copy.at >= LIFETIME_SECONDS:
        found = _copy.banners
        try:
            found = _read(ask_here)
        except (OperationalError, InterfaceError) as error:
            log.warning("The banners could not be read: %s", error)
        _copy = _Copy(now, found)
    return _copy.banners


def _read(ask: Ask) -> list[Banner]:
    return [Banner(pk, text, f"{pk}-{at}", frozenset(tenants)) for pk, text, at, tenants in ask(_READ, [])]


def forget() -> None:
    """Have this process read anew after a change; other processes follow within LIFETIME_SECONDS."""
    global _copy  # noqa: PLW0603
    _copy = _copy._replace(at=_NEVER)
