"""What can be asked of tags, attributes and events, which have names of the customer's own."""

from datetime import datetime, timedelta
from typing import Any

from subscribers.rules.arguments import Name, Whole
from subscribers.rules.operators import (
    DAY,
    DAYS,
    FROM,
    NUMBER,
    TO,
    VALUE,
    VALUES,
    Given,
    Operator,
    Write,
    any_of,
    days,
    number,
    pair,
)
from subscribers.rules.sql import Sql

NAME = Name("name", "name")
TIMES = Whole("times", "whole", label="times or more in", default=1, is_optional=True, most=1_000_000)
WITHIN = Whole("days", "whole", label="days", is_optional=True)


def _tag_exists(column: str, given: Given, now: datetime) -> Sql:
    name = given["name"]
    text = f"EXISTS (SELECT FROM unnest({column}) tag WHERE tag = %s OR starts_with(tag, %s))"
    return Sql(text, (name, f"{name}="))


TAG = (
    *pair(
        ("has", "has_not"),
        ("include any of", "include none of"),
        lambda column, given, now: Sql(f"({column} && %s::varchar[])", (given["values"],)),
        (
            lambda given: f"include {any_of(given['values'])}",
            lambda given: f"do not include {any_of(given['values'])}",
        ),
        (VALUES,),
    ),
    *pair(
        ("has_all", "has_not_all"),
        ("include all of", "do not include all of"),
        lambda column, given, now: Sql(f"({column} @> %s::varchar[])", (given["values"],)),
        (
            lambda given: f"include {any_of(given['values'], 'and')}",
            lambda given: f"do not include all of {any_of(given['values'], 'and')}",
        ),
        (VALUES,),
    ),
    *pair(
        ("exists", "not_exists"),
        ("include, with any value,", "do not include, with any value,"),
        _tag_exists,
        (
            lambda given: f"include “{given['name']}” with any value",
            lambda given: f"do not include “{given['name']}” with any value",
        ),
        (NAME,),
    ),
)


def _typed(kind: str, test: str, *keys: str) -> Write:
    """Ask something of an attribute of one JSON type; of another type, or missing, it is false."""
    text = "(CASE WHEN jsonb_typeof({column} -> %s) = '" + kind + "' THEN " + test + " ELSE false END)"

    def write(column: str, given: Given, now: datetime) -> Sql:
        values = [given["name"], given["name"], *(given[key] for key in keys)]
        return Sql(text.format(column=column), tuple(values))

    return write


_DATED = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _dated(cutoff: Any) -> Write:
    """Compare the day that an attribute's text begins with; what is no date is false."""

    def write(column: str, given: Given, now: datetime) -> Sql:
        name = given["name"]
        text = (
            f"(CASE WHEN jsonb_typeof({column} -> %s) = 'string' AND ({column} ->> %s) ~ %s "
            f'THEN left({column} ->> %s, 10) COLLATE "C" >= %s ELSE false END)'
        )
        return Sql(text, (name, name, f"^{_DATED}", name, cutoff(given, now)))

    return write


def _is_dated(column: str, given: Given, now: datetime) -> Sql:
    name = given["name"]
    text = f"(jsonb_typeof({column} -> %s) = 'string' AND ({column} ->> %s) ~ %s) IS TRUE"
    return Sql(f"({text})", (name, name, f"^{_DATED}"))


def _before(column: str, given: Given, now: datetime) -> Sql:
    """Not the opposite of "on or after": it must be a date at all."""
    dated, late = _is_dated(column, given, now), _dated(_date)(column, given, now)
    return Sql(f"({dated.text} AND NOT {late.text})", (*dated.values, *late.values))


def _date(given: Given, now: datetime) -> str:
    return given["date"].isoformat()  # type: ignore[no-any-return]


def _days_ago(given: Given, now: datetime) -> str:
    return (now - timedelta(days=given["days"])).date().isoformat()


_VALUE = "({column} ->> %s)"
_NUMBER = "({column} -> %s)::numeric"
ATTRIBUTE: tuple[Operator, ...] = (
    *pair(
        ("is", "is_not"),
        ("is the text", "is not the text"),
        _typed("string", f"{_VALUE} = ANY(%s)", "values"),
        (
            lambda given: f"is {any_of(given['values'])}",
            lambda given: f"is not {any_of(given['values'])}",
        ),
        (VALUES,),
    ),
    *pair(
        ("starts_with", "starts_not_with"),
        ("begins with", "does not begin with"),
        _typed("string", f"starts_with({_VALUE}, %s)", "value"),
        (
            lambda given: f"begins with “{given['value']}”",
            lambda given: f"does not begin with “{given['value']}”",
        ),
        (VALUE,),
    ),
    *pair(
        ("equals", "equals_not"),
        ("is the number", "is not the number"),
        _typed("number", f"{_NUMBER} = %s", "number"),
        (
            lambda given: f"is {number(given['number'])}",
            lambda given: f"is not {number(given['number'])}",
        ),
        (NUMBER,),
    ),
    *pair(
        ("at_least", "not_at_least"),
        ("is at least", "is not at least"),
        _typed("number", f"{_NUMBER} >= %s", "number"),
        (
            lambda given: f"is at least {number(given['number'])}",
            lambda given: f"is not at least {number(given['number'])}",
        ),
        (NUMBER,),
    ),
    *pair(
        ("between", "not_between"),
        ("is between", "is not between"),
        _typed("number", f"{_NUMBER} BETWEEN %s AND %s", "from", "to"),
        (
            lambda given: f"is between {number(given['from'])} and {number(given['to'])}",
            lambda given: f"is not between {number(given['from'])} and {number(given['to'])}",
        ),
        (FROM, TO),
    ),
    *pair(
        ("is_true", "is_not_true"),
        ("is yes", "is not yes"),
        _typed("boolean", "({column} -> %s)::boolean"),
        (lambda given: "is yes", lambda given: "is not yes"),
    ),
    *pair(
        ("within", "not_within"),
        ("is a date in the last", "is no date in the last"),
        _dated(_days_ago),
        (
            lambda given: f"is a date in the last {days(given['days'])}",
            lambda given: f"is no date in the last {days(given['days'])}",
        ),
        (DAYS,),
    ),
    *pair(
        ("before", "not_before"),
        ("is a date before", "is no date before"),
        _before,
        (
            lambda given: f"is a date before {given['date']:%-d %B %Y}",
            lambda given: f"is no date before {given['date']:%-d %B %Y}",
        ),
        (DAY,),
    ),
    *pair(
        ("exists", "not_exists"),
        ("is set", "is not set"),
        lambda column, given, now: Sql(f"jsonb_exists({column}, %s)", (given["name"],)),
        (lambda given: "is set", lambda given: "is not set"),
    ),
)


def _did(column: str, given: Given, now: datetime) -> Sql:
    """At least N times within D days is one look at the N-th newest moment."""
    times, within = given["times"], given["days"]
    if within is None:
        return Sql("did.name = %s AND did.count >= %s", (given["name"], times))
    cutoff = now - timedelta(days=within)
    if times == 1:
        return Sql("did.name = %s AND did.last_at >= %s", (given["name"], cutoff))
    return Sql(
        "did.name = %s AND did.last_at >= %s AND did.recent[%s] >= %s", (given["name"], cutoff, times, cutoff)
    )


def _how_often(given: Given) -> str:
    said = f"“{given['name']}”"
    if given["times"] > 1:
        said += f" at least {given['times']} times"
    return f"{said} in the last {days(given['days'])}" if given["days"] is not None else said


EVENT = pair(
    ("did", "did_not"),
    ("did", "did not do"),
    _did,
    (lambda given: f"did {_how_often(given)}", lambda given: f"did not do {_how_often(given)}"),
    (TIMES, WITHIN),
)
