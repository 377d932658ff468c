"""What can be asked of a field, by its type. Every operator has its exact opposite, which also holds where nothing is
known: somebody without a country is one whose country is not Germany.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from subscribers.languages import canonical
from subscribers.rules.arguments import Argument, Day, Number, Text, Texts, Whole
from subscribers.rules.sql import Sql, begins_with

Given = Mapping[str, Any]
Write = Callable[[str, Given, datetime], Sql]
Say = Callable[[Given], str]


@dataclass(frozen=True)
class Operator:
    """`write` answers SQL that is true or false, never null, of the field's column; `negates` puts NOT before it."""

    name: str
    label: str
    write: Write
    say: Say
    arguments: tuple[Argument, ...] = ()
    negates: bool = False


VALUE = Text("value", "text")
VALUES = Texts("values", "list")
NUMBER = Number("number", "number")
FROM, TO = Number("from", "number"), Number("to", "number", label="and")
DAY = Day("date", "date")
DAYS = Whole("days", "whole", label="days")


def plain(text: str, *keys: str) -> Write:
    """Make an operator's SQL of a template: {column}, and a %s for each key."""
    return lambda column, given, now: Sql(text.format(column=column), tuple(given[key] for key in keys))


def any_of(values: list[str], word: str = "or") -> str:
    """Say "a, b or c", shortened behind the first five."""
    said = [f"“{value}”" for value in values[:5]]
    if len(values) > 5:
        return f"{', '.join(said)} {word} {len(values) - 5} others"
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} {word} {said[-1]}"


def number(value: float) -> str:
    return f"{value:,}"


def days(count: int) -> str:
    return "day" if count == 1 else f"{count:,} days"


def pair(
    names: tuple[str, str],
    labels: tuple[str, str],
    write: Write,
    say: tuple[Say, Say],
    arguments: tuple[Argument, ...] = (),
) -> tuple[Operator, Operator]:
    """An operator and its opposite."""
    return (
        Operator(names[0], labels[0], write, say[0], arguments),
        Operator(names[1], labels[1], write, say[1], arguments, negates=True),
    )


def _or(verb: str) -> Say:
    return lambda given: f"{verb} {any_of(given['values'])}"


CHOICE = (
    *pair(
        ("is", "is_not"),
        ("is", "is not"),
        plain("({column} = ANY(%s))", "values"),
        (_or("is"), _or("is not")),
        (VALUES,),
    ),
    *pair(
        ("exists", "not_exists"),
        ("is known", "is not known"),
        plain("({column} <> '')"),
        (lambda given: "is known", lambda given: "is not known"),
    ),
)
TEXT = (
    *CHOICE,
    *pair(
        ("starts_with", "starts_not_with"),
        ("begins with", "does not begin with"),
        plain("starts_with({column}, %s)", "value"),
        (
            lambda given: f"begins with “{given['value']}”",
            lambda given: f"does not begin with “{given['value']}”",
        ),
        (VALUE,),
    ),
)


def _language(column: str, given: Given, now: datetime) -> Sql:
    wanted = [canonical(value) for value in given["values"]]
    more = [begins_with(f"{value}-") for value in wanted]
    return Sql(f"({column} = ANY(%s) OR {column} LIKE ANY(%s))", (wanted, more))


# "de" means every German; "de-AT" only that of Austria.
LANGUAGE = (
    *pair(("is", "is_not"), ("is", "is not"), _language, (_or("is"), _or("is not")), (VALUES,)),
    *CHOICE[2:],
)

_AT_LEAST: Say = lambda given: f"is at least {number(given['number'])}"  # noqa: E731
_LESS: Say = lambda given: f"is less than {number(given['number'])}"  # noqa: E731
NUMBERS = (
    *pair(
        ("at_least", "less_than"),
        ("is at least", "is less than"),
        plain("({column} >= %s)", "number"),
        (_AT_LEAST, _LESS),
        (NUMBER,),
    ),
    *pair(
        ("equals", "equals_not"),
        ("is exactly", "is not exactly"),
        plain("({column} = %s)", "number"),
        (
            lambda given: f"is {number(given['number'])}",
            lambda given: f"is not {number(given['number'])}",
        ),
        (NUMBER,),
    ),
    *pair(
        ("between", "not_between"),
        ("is between", "is not between"),
        plain("({column} BETWEEN %s AND %s)", "from", "to"),
        (
            lambda given: f"is between {number(given['from'])} and {number(given['to'])}",
            lambda given: f"is not between {number(given['from'])} and {number(given['to'])}",
        ),
        (FROM, TO),
    ),
)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _on_or_after(column: str, given: Given, now: datetime) -> Sql:
    return Sql(f"({column} >= %s)", (midnight(given["date"]),))


def _within(column: str, given: Given, now: datetime) -> Sql:
    return Sql(f"({column} >= %s)", (now - timedelta(days=given["days"]),))


MOMENT = (
    *pair(
        ("within", "not_within"),
        ("in the last", "not in the last"),
        _within,
        (
            lambda given: f"is in the last {days(given['days'])}",
            lambda given: f"is not in the last {days(given['days'])}",
        ),
        (DAYS,),
    ),
    *pair(
        ("on_or_after", "before"),
        ("on or after", "before"),
        _on_or_after,
        (
            lambda given: f"is on or after {given['date']:%-d %B %Y}",
            lambda given: f"is before {given['date']:%-d %B %Y}",
        ),
        (DAY,),
    ),
)
