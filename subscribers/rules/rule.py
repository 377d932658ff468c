"""The form of a rule: conditions joined by all or any, groups of conditions among them, nothing deeper."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from subscribers.rules.arguments import RuleRefused, shown
from subscribers.rules.fields import FIELDS, Field
from subscribers.rules.operators import Operator

MOST_CONDITIONS = 50
MOST_OCTETS = 64 * 1024
DEEPEST = 2
# So many moments of an event are kept (EventFact.recent).
MOST_DATED = 20
MATCHES = ("all", "any")
Known = TypeVar("Known")


@dataclass(frozen=True)
class Condition:
    """`given` are the checked values of the field's and the operator's arguments, by key."""

    field: Field
    operator: Operator
    given: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        values = {
            key: value.isoformat() if hasattr(value, "isoformat") else value
            for key, value in self.given.items()
            if value is not None
        }
        return {"field": self.field.name, "op": self.operator.name, **values}


@dataclass(frozen=True)
class Group:
    match: str
    members: tuple["Condition | Group", ...]

    def conditions(self) -> Iterator[Condition]:
        for member in self.members:
            if isinstance(member, Condition):
                yield member
            else:
                yield from member.conditions()

    def as_json(self) -> dict[str, Any]:
        return {"match": self.match, "rules": [member.as_json() for member in self.members]}


def read_text(text: str) -> Group:
    """Read a rule from JSON text, as the builder sends it; raises RuleRefused."""
    octets = len(text.encode(errors="surrogatepass"))
    if octets > MOST_OCTETS:
        raise RuleRefused("rule", f"it has {octets:,} octets; at most {MOST_OCTETS:,} are allowed.")
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise RuleRefused("rule", "this is not JSON. See the documented form of a rule.") from None
    return read(raw)


def read(raw: Any) -> Group:
    """Check a rule and give it types; raises RuleRefused naming the first place that is wrong."""
    group = _read_group(raw, "rule", 1)
    count = sum(1 for _ in group.conditions())
    if count > MOST_CONDITIONS:
        raise RuleRefused("rule", f"it has {count:,} conditions; at most {MOST_CONDITIONS} are allowed.")
    return group


def _read_group(raw: Any, place: str, depth: int) -> Group:
    if not isinstance(raw, dict):
        raise RuleRefused(place, f'{shown(raw)} is not a group. Give {{"match": "all", "rules": []}}.')
    match, rules = raw.get("match"), raw.get("rules")
    if match not in MATCHES:
        raise RuleRefused(f"{place}.match", f"{shown(match)} is neither “all” nor “any”.")
    if not isinstance(rules, list):
        raise RuleRefused(f"{place}.rules", f"{shown(rules)} is not a list of conditions.")
    if len(rules) > MOST_CONDITIONS:
        raise RuleRefused(
            f"{place}.rules", f"{len(rules):,} conditions; at most {MOST_CONDITIONS} are allowed."
        )
    if not rules:
        raise RuleRefused(f"{place}.rules", "there is no condition. Add at least one.")
    members = tuple(_read_member(item, f"{place}.rules[{n}]", depth) for n, item in enumerate(rules))
    return Group(match, members)


def _read_member(raw: Any, place: str, depth: int) -> Condition | Group:
    if isinstance(raw, dict) and "rules" in raw:
        if depth >= DEEPEST:
            raise RuleRefused(place, "a group inside a group of a rule is too deep. Move its conditions up.")
        return _read_group(raw, place, depth + 1)
    return _read_condition(raw, place)


def _read_condition(raw: Any, place: str) -> Condition:
    if not isinstance(raw, dict):
        raise RuleRefused(place, f'{shown(raw)} is not a condition. Give {{"field", "op"}} and its values.')
    field = _known(FIELDS, raw.get("field"), f"{place}.field", " field")
    operator = _known(field.operators, raw.get("op"), f"{place}.op", f"n operator of {field.label}")
    arguments = (*field.arguments, *operator.arguments)
    unknown = set(raw) - {"field", "op"} - {argument.key for argument in arguments}
    if unknown:
        name = min(unknown, key=str)
        raise RuleRefused(place, f"{field.label} with “{operator.label}” takes no {shown(name)}. Remove it.")
    given = {argument.key: argument.read(raw, place) for argument in arguments}
    if "from" in given and given["from"] > given["to"]:
        raise RuleRefused(
            f"{place}.to", f"{given['to']} is less than {given['from']}. Exchange the two numbers."
        )
    if given.get("days") is not None and given.get("times", 0) > MOST_DATED:
        raise RuleRefused(
            f"{place}.times",
            f"{given['times']} times: only the newest {MOST_DATED} are kept with their date. Leave the days empty, or "
            f"ask for {MOST_DATED}.",
        )
    return Condition(field, operator, given)


def _known(table: Mapping[str, Known], name: Any, place: str, what: str) -> Known:
    found = table.get(name) if isinstance(name, str) else None
    if found is None:
        raise RuleRefused(place, f"{shown(name)} is not a{what}. Known are: {', '.join(table)}.")
    return found
