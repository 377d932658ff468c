"""The fixed rules that are counted: 10 on events, 5 negated, 5 on clicks, 5 ranges of attributes, 5 nested."""

from typing import Any

Rule = dict[str, Any]


def all_of(*members: Rule) -> Rule:
    return {"match": "all", "rules": list(members)}


def any_of(*members: Rule) -> Rule:
    return {"match": "any", "rules": list(members)}


def did(name: str, times: int = 1, days: int | None = None, op: str = "did") -> Rule:
    rule: Rule = {"field": "event", "op": op, "name": name, "times": times}
    return rule if days is None else {**rule, "days": days}


def is_(field: str, *values: str, op: str = "is") -> Rule:
    return {"field": field, "op": op, "values": list(values)}


def between(name: str, low: float, high: float) -> Rule:
    return {"field": "attribute", "op": "between", "name": name, "from": low, "to": high}


def newest(op: str, last: int, times: int = 1) -> Rule:
    return {"field": "newest", "op": op, "last": last, "times": times}


VIP = is_("tag", "vip", op="has")
LATELY = {"field": "seen_at", "op": "within", "days": 30}

RULES: dict[str, Rule] = {
    "bought": all_of(did("purchase")),
    "bought within 30 days": all_of(did("purchase", days=30)),
    "bought twice within 90 days": all_of(did("purchase", 2, 90)),
    "viewed 3 pages within 90 days": all_of(did("page_viewed", 3, 90)),
    "viewed 10 pages": all_of(did("page_viewed", 10)),
    "cart within 7 days": all_of(did("cart_added", days=7)),
    "searched within a year": all_of(did("searched", days=365)),
    "cart, not bought, 30 days": all_of(did("cart_added", days=30), did("purchase", days=30, op="did_not")),
    "viewed a product in Germany": all_of(did("product_viewed", days=60), is_("country", "DE")),
    "signed up and bought": all_of(did("signed_up"), did("purchase")),
    "not in the United States": all_of(is_("country", "US", op="is_not")),
    "never viewed a page": all_of(did("page_viewed", op="did_not")),
    "no newsletter": all_of(is_("tag", "newsletter", op="has_not")),
    "not seen for 30 days": all_of({**LATELY, "op": "not_within"}),
    "did not buy, not vip": all_of(did("purchase", op="did_not"), {**VIP, "op": "has_not"}),
    "clicked one of 5": all_of(newest("clicked", 5)),
    "clicked none of 10": all_of(newest("not_clicked", 10)),
    "clicked 3 of 20": all_of(newest("clicked", 20, 3)),
    "clicked within 30 days": all_of({"field": "clicked_at", "op": "within", "days": 30}),
    "displayed 5 and clicked none of 10": all_of(newest("displayed", 10, 5), newest("not_clicked", 10)),
    "age 20 to 30": all_of(between("age", 20, 30)),
    "spent 100 or more": all_of(
        {"field": "attribute", "op": "at_least", "name": "total_spent", "number": 100}
    ),
    "born before 1970": all_of(
        {"field": "attribute", "op": "before", "name": "birthday", "date": "1970-01-01"}
    ),
    "2 to 4 orders, lately": all_of(between("orders", 2, 4), LATELY),
    "spent 50 to 500 in Berlin": all_of(
        between("total_spent", 50, 500), {**is_("attribute", "Berlin"), "name": "city"}
    ),
    "Germans: vip, buyers or clickers": all_of(
        is_("country", "DE"), any_of(VIP, did("purchase", days=30), newest("clicked", 5))
    ),
    "vip, buyers, clickers or Germans": any_of(
        VIP, did("purchase", days=30), newest("clicked", 5), is_("country", "DE")
    ),
    "mobile or French, and lately or often": all_of(
        any_of(is_("device", "mobile"), is_("language", "fr")),
        any_of(LATELY, {"field": "sessions", "op": "at_least", "number": 5}),
    ),
    "members or rich, not buyers": all_of(
        any_of(
            {"field": "attribute", "op": "is_true", "name": "is_member"},
            {"field": "attribute", "op": "at_least", "name": "total_spent", "number": 500},
        ),
        did("purchase", op="did_not"),
    ),
    "three of everything": any_of(
        all_of(VIP, LATELY),
        all_of(did("cart_added", days=30), is_("country", "IN")),
        all_of(newest("clicked", 10, 2), is_("device", "desktop")),
    ),
}
