"""The suggested segments of a website, counted."""

import json
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from subscribers.audience import TooSlow, count, most_frequent, where
from subscribers.models import Site
from subscribers.names import name_of
from subscribers.rules.rule import read
from subscribers.rules.suggested import BREAKDOWNS, SUGGESTED, of_value

MOST_VALUES = 6
# For each of them; what is not counted in this time is shown without a number.
PATIENCE_MS = 1500


def suggestions(site: Site) -> dict[str, Any]:
    """Answer `suggested`: slug, name, total; and `breakdowns`: title, found with name, query, total."""
    ordered = sorted(SUGGESTED.values(), key=lambda one: one.order)
    return {
        "suggested": [
            {"slug": one.slug, "name": one.name, "total": _total(site, one.rule)} for one in ordered
        ],
        "breakdowns": [
            {"title": title, "found": _values(site, column)} for column, title in BREAKDOWNS.items()
        ],
    }


def _total(site: Site, rule: dict[str, Any]) -> int | None:
    try:
        return count(where(site.pk, read(rule), timezone.now()), milliseconds=PATIENCE_MS).total
    except TooSlow:
        return None


def _values(site: Site, column: str) -> list[dict[str, Any]]:
    try:
        found = most_frequent(site.pk, column, most=MOST_VALUES, milliseconds=PATIENCE_MS)
    except TooSlow:
        return []
    return [
        {"name": name, "query": suggestion_query(site, name, of_value(column, value)), "total": total}
        for value, total in found
        for name in [name_of(column, value)]
    ]


def suggestion_query(site: Site, name: str, rule: dict[str, Any]) -> str:
    """What the builder's address carries to begin with this rule."""
    return urlencode({"site": site.pk, "name": name, "rule": json.dumps(rule)})
