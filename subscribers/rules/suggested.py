"""Segments that every website has without set-up. Apps above add theirs when they are ready."""

from typing import Any, NamedTuple


class Suggestion(NamedTuple):
    """`slug` names it in an address, `order` sorts the list."""

    slug: str
    name: str
    order: int
    rule: dict[str, Any]


def _all(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all", "rules": list(conditions)}


SUGGESTED: dict[str, Suggestion] = {}


def suggest(*suggestions: Suggestion) -> None:
    """Add or replace suggestions."""
    for one in suggestions:
        SUGGESTED[one.slug] = one


suggest(
    Suggestion("new", "New this week", 10, _all({"field": "subscribed_at", "op": "within", "days": 7})),
    Suggestion(
        "dormant", "Dormant for 30 days", 20, _all({"field": "seen_at", "op": "not_within", "days": 30})
    ),
)
# One for each of the most frequent values.
BREAKDOWNS = {"country": "Countries", "language": "Languages", "device": "Devices"}


def of_value(column: str, value: str) -> dict[str, Any]:
    return _all({"field": column, "op": "is", "values": [value]})
