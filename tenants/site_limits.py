"""Which websites the person whose request is answered may see.

Like the schema it is set once, by the doorway of all console pages, and holds for everything below: the managers of
tenants' models narrow by it, so a new page is limited without knowing of it. Workers and SDK calls have no limit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)
_only: ContextVar[tuple[int, ...] | None] = ContextVar("only", default=None)


@contextmanager
def only_sites(site_ids: Sequence[int]) -> Iterator[None]:
    """Hide every other website in the block; none given is no limit."""
    token = _only.set(tuple(site_ids) or None)
    try:
        yield
    finally:
        _only.reset(token)


class OfSites(models.Manager[Row], Generic[Row]):
    """Rows of the websites that may be seen, by `site_path`."""

    site_path = "site_id"

    def get_queryset(self) -> models.QuerySet[Row]:
        rows, only = super().get_queryset(), _only.get()
        return rows if only is None else rows.filter(**{f"{self.site_path}__in": only})


class Sites(OfSites[Row]):
    site_path = "pk"
