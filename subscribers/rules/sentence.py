"""A rule in English."""

from collections.abc import Callable

from subscribers.names import name_of as value_name
from subscribers.rules.rule import Condition, Group

Name = Callable[[str, int], str]
_NUMBERED = ("segment", "campaign")


def sentence(rule: Group, *, name_of: Name) -> str:
    """Say whom a rule means: "Subscribers who did “purchase”." `name_of` calls segments and campaigns."""
    word = "and" if rule.match == "all" else "or"
    said = [_member(member, name_of) for member in rule.members]
    if len(said) == 2:
        return f"Subscribers {said[0]} {word} {said[1]}."
    return f"Subscribers {f', {word} '.join(said)}."


def _member(member: Condition | Group, name_of: Name) -> str:
    if isinstance(member, Condition):
        return _condition(member, name_of)
    word = " and " if member.match == "all" else " or "
    said = word.join(_condition(inner, name_of) for inner in member.conditions())
    return f"({said})" if len(member.members) > 1 else said


def _condition(condition: Condition, name_of: Name) -> str:
    field, given = condition.field, condition.given
    if field.name in ("country", "language"):
        given = {**given, "values": [value_name(field.name, value) for value in given.get("values", [])]}
    said = f"{field.subject} "
    if field.name == "attribute":
        said += f"“{given['name']}” "
    said += condition.operator.say(given)
    return said + "".join(f" “{name_of(key, given[key])}”" for key in _NUMBERED if key in given)
