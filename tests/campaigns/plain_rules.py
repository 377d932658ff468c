"""Rules read in plain Python, person by person: what the compiled SQL is compared with. Shares no code with it."""
# ruff: noqa: PLR0911

from datetime import UTC, date, datetime, timedelta
from typing import Any

Person = dict[str, Any]
NEGATED = {"less_than": "at_least", "before": "on_or_after", "did_not": "did", "never": "exists"}


def means(rule: dict[str, Any], person: Person, now: datetime) -> bool:
    if "rules" in rule:
        said = [means(inner, person, now) for inner in rule["rules"]]
        return all(said) if rule["match"] == "all" else any(said)
    op = rule["op"]
    if rule["field"] == "attribute":
        return attribute(rule, op, person, now)
    if op in NEGATED:
        return not condition({**rule, "op": NEGATED[op]}, person, now)
    for prefix in ("not_", "starts_not"):
        if op.startswith(prefix):
            positive = {"starts_not_with": "starts_with"}.get(op, op.removeprefix("not_"))
            return not condition({**rule, "op": positive}, person, now)
    if op.endswith("_not"):
        return not condition({**rule, "op": op.removesuffix("_not")}, person, now)
    if op == "has_not_all":
        return not condition({**rule, "op": "has_all"}, person, now)
    return condition(rule, person, now)


def condition(rule: dict[str, Any], person: Person, now: datetime) -> bool:
    field = rule["field"]
    if field == "tag":
        return tag(rule, person)
    if field == "event":
        return event(rule, person, now)
    if field == "newest":
        return newest(rule, person)
    return value(rule, person[field], now)


def value(rule: dict[str, Any], known: Any, now: datetime) -> bool:
    match rule["op"]:
        case "is":
            if rule["field"] == "language":
                spelt = {"de": "de", "DE-at": "de-AT", "en": "en", "EN-US": "en-US"}
                return any(
                    known == spelt[text] or known.startswith(spelt[text] + "-") for text in rule["values"]
                )
            return known in rule["values"]
        case "exists":
            return known not in ("", None)
        case "starts_with":
            return known.startswith(rule["value"])
        case "at_least":
            return known >= rule["number"]
        case "equals":
            return known == rule["number"]
        case "between":
            return rule["from"] <= known <= rule["to"]
        case "within":
            return known is not None and known >= now - timedelta(days=rule["days"])
        case "on_or_after":
            return known >= datetime.combine(date.fromisoformat(rule["date"]), datetime.min.time(), UTC)
    raise AssertionError(rule)


def tag(rule: dict[str, Any], person: Person) -> bool:
    tags = set(person["tags"])
    match rule["op"]:
        case "has":
            return bool(tags & set(rule["values"]))
        case "has_all":
            return tags >= set(rule["values"])
        case "exists":
            return any(text == rule["name"] or text.startswith(rule["name"] + "=") for text in tags)
    raise AssertionError(rule)


def event(rule: dict[str, Any], person: Person, now: datetime) -> bool:
    moments = person["events"].get(rule["name"], [])
    if "days" in rule:
        moments = [moment for moment in moments if moment >= now - timedelta(days=rule["days"])]
    return len(moments) >= rule.get("times", 1)


def newest(rule: dict[str, Any], person: Person) -> bool:
    if rule["op"] == "received":
        return len(person["sends"]) >= rule.get("times", 1)
    said = [flags[rule["op"]] for flags in person["sends"][: rule["last"]]]
    return sum(said) >= rule.get("times", 1)


def attribute(rule: dict[str, Any], op: str, person: Person, now: datetime) -> bool:
    opposite = {
        "is_not": "is", "starts_not_with": "starts_with", "equals_not": "equals", "not_at_least": "at_least",
        "not_between": "between", "is_not_true": "is_true", "not_within": "within", "not_before": "before",
        "not_exists": "exists",
    }  # fmt: skip
    if op in opposite:
        return not attribute(rule, opposite[op], person, now)
    if op == "exists":
        return rule["name"] in person["attributes"]
    known = person["attributes"].get(rule["name"])
    is_number = isinstance(known, int | float) and not isinstance(known, bool)
    match op:
        case "is":
            return isinstance(known, str) and known in rule["values"]
        case "starts_with":
            return isinstance(known, str) and known.startswith(rule["value"])
        case "equals":
            return is_number and known == rule["number"]
        case "at_least":
            return is_number and known >= rule["number"]
        case "between":
            return is_number and rule["from"] <= known <= rule["to"]
        case "is_true":
            return known is True
    if not isinstance(known, str) or len(known) < 10:
        return False
    parts = known[:10].split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(
        part.isascii() and part.isdigit() for part in parts
    ):
        return False
    if op == "before":
        return known[:10] < rule["date"]
    if op == "within":
        return known[:10] >= (now - timedelta(days=rule["days"])).date().isoformat()
    raise AssertionError(rule)
