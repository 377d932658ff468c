"""A rule that cannot be used is refused with its place, the value and the remedy."""

import json
import time
from typing import Any

import pytest

from subscribers.rules.arguments import RuleRefused
from subscribers.rules.rule import MOST_CONDITIONS, MOST_OCTETS, read, read_text

COUNTRY = {"field": "country", "op": "is", "values": ["DE"]}


def all_of(*rules: Any) -> dict[str, Any]:
    return {"match": "all", "rules": list(rules)}


REFUSED = [
    ([], "rule: [] is not a group"),
    ({"match": "some", "rules": [COUNTRY]}, "rule.match: 'some' is neither"),
    ({"match": "all", "rules": {}}, "rule.rules: {} is not a list"),
    (all_of(), "rule.rules: there is no condition. Add at least one."),
    (all_of("x"), "rule.rules[0]: 'x' is not a condition"),
    (all_of(COUNTRY, {"field": "password"}), "rule.rules[1].field: 'password' is not a field. Known are: country, "),
    (all_of({"field": ["country"], "op": "is"}), "rule.rules[0].field: ['country'] is not a field"),
    (all_of({**COUNTRY, "op": "like"}), "rule.rules[0].op: 'like' is not an operator of Country. Known are: is, "),
    (all_of({"field": "country", "op": "is"}), "rule.rules[0].values: a value is missing."),
    (all_of({**COUNTRY, "values": "DE"}), "rule.rules[0].values: 'DE' is not a list of texts."),
    (all_of({**COUNTRY, "values": []}), "rule.rules[0].values: the list is empty. Give at least one value."),
    (all_of({**COUNTRY, "values": ["DE", 5]}), "rule.rules[0].values[1]: 5 is not text."),
    (all_of({**COUNTRY, "values": ["x" * 201]}), "has 201 characters; at most 200 are allowed."),
    (all_of({**COUNTRY, "values": ["a\0b"]}), "has characters that cannot be shown. Type it anew."),
    (all_of({**COUNTRY, "values": [str(n) for n in range(101)]}), "101 values; at most 100 are allowed."),
    (all_of({**COUNTRY, "sql": "1=1"}), "Country with “is” takes no 'sql'. Remove it."),
    (all_of({"field": "sessions", "op": "at_least", "number": "5"}), "rules[0].number: '5' is not a number."),
    (all_of({"field": "sessions", "op": "at_least", "number": True}), "rules[0].number: True is not a number."),
    (all_of({"field": "sessions", "op": "at_least", "number": 1e300}), "1e+300 is out of range"),
    (all_of({"field": "pages", "op": "between", "from": 9, "to": 3}), "3 is less than 9. Exchange the two numbers."),
    (all_of({"field": "seen_at", "op": "within", "days": 0}), "rules[0].days: 0 is not between 1 and 3,650."),
    (all_of({"field": "seen_at", "op": "within", "days": 1.5}), "rules[0].days: 1.5 is not a whole number."),
    (all_of({"field": "seen_at", "op": "before", "date": "2026-02-30"}), "'2026-02-30' is not a date."),
    (all_of({"field": "seen_at", "op": "before", "date": 5}), "5 is not a date. Give one such as 2026-11-27."),
    (all_of({"field": "event", "op": "did", "name": "x" * 65}), "has 65 characters; names have at most 64."),
    (all_of({"field": "event", "op": "did", "name": "x", "times": 21, "days": 9}), "the newest 20 are kept with"),
    (all_of(all_of(all_of(COUNTRY))), "rule.rules[0].rules[0]: a group inside a group of a rule is too deep."),
    (all_of(*[COUNTRY] * 10_000), "rule.rules: 10,000 conditions; at most 50 are allowed."),
    (all_of(all_of(*[COUNTRY] * 30), all_of(*[COUNTRY] * 30)), "rule: it has 60 conditions; at most 50 are allowed."),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "said"), REFUSED)
def test_a_wrong_rule_is_refused_with_place_value_and_remedy(rule: Any, said: str) -> None:
    with pytest.raises(RuleRefused) as refused:
        read(rule)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("text", ["", "{", '"' + "x" * MOST_OCTETS, "[" * 60_000, "nul", "\ud800"])
def test_what_is_no_json_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(RuleRefused, match="rule: "):
        read_text(text)
    assert time.process_time() - began < 1


def test_numbers_that_json_does_not_have_are_refused() -> None:
    for number in ("NaN", "Infinity", "-Infinity", "1e999"):
        text = '{"match": "all", "rules": [{"field": "pages", "op": "equals", "number": ' + number + "}]}"
        with pytest.raises(RuleRefused, match="out of range"):
            read_text(text)


def test_a_rule_comes_back_as_it_was_given() -> None:
    rule = all_of(
        COUNTRY,
        {"match": "any", "rules": [
            {"field": "event", "op": "did", "name": "purchase", "times": 2, "days": 30},
            {"field": "subscribed_at", "op": "before", "date": "2026-11-27"},
        ]},
    )  # fmt: skip
    assert read_text(json.dumps(rule)).as_json() == rule
    assert read(all_of(*[COUNTRY] * MOST_CONDITIONS)).as_json() == all_of(*[COUNTRY] * MOST_CONDITIONS)
