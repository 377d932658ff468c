"""What a website's people are like, for the builder's lists and the suggested segments."""

from typing import Any

from django.db import connection

from subscribers.names import countries, languages

# The newest are looked at: a list of names to choose from need not be complete.
NEWEST = 1000
MOST_NAMES = 100

# Their ids come from the audience's index: along the table's own, a large website with newer ids would be passed first.
_IDS = "SELECT id FROM subscribers_subscriber WHERE site_id = %s AND state = 'active' AND NOT is_test"
_NEWEST = f"""
(SELECT tags, attributes FROM subscribers_subscriber
 WHERE id = ANY(ARRAY({_IDS} ORDER BY id DESC LIMIT %s))) newest
"""  # noqa: S608  # nothing of it is given from outside
_TAGS = f"SELECT tag, count(*) FROM {_NEWEST}, unnest(tags) tag GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s"  # noqa: S608
_KEYS = f"SELECT name, count(*) FROM {_NEWEST}, jsonb_object_keys(attributes) name"  # noqa: S608
_ATTRIBUTES = f"{_KEYS} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s"
_EVENTS = f"""
SELECT name, count(*) FROM subscribers_eventfact WHERE subscriber_id = ANY(ARRAY({_IDS} ORDER BY id DESC LIMIT %s))
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s
"""  # noqa: S608
_FIXED = {
    "device": ("desktop", "mobile", "tablet"),
    "service": ("fcm", "mozilla", "apple", "wns"),
    "browser": ("Chrome", "Chrome Mobile", "Edge", "Firefox", "Firefox Mobile", "Mobile Safari", "Opera", "Safari",
                "Samsung Internet"),
    "os": ("Android", "Chrome OS", "iOS", "Linux", "Mac OS X", "Windows"),
}  # fmt: skip


def hints(site_id: int) -> dict[str, list[dict[str, str]]]:
    """Values that the builder proposes, by field: {"value", "label"}."""
    found = {
        "tag": _read(_TAGS, [site_id, NEWEST, MOST_NAMES]),
        "attribute": attribute_names(site_id),
        "event": _read(_EVENTS, [site_id, NEWEST, MOST_NAMES]),
        **{name: list(values) for name, values in _FIXED.items()},
    }
    proposed = {
        name: [{"value": value, "label": value} for value in values] for name, values in found.items()
    }
    for name, names in (("country", countries()), ("language", languages())):
        proposed[name] = [{"value": code, "label": label} for code, label in names.items()]
    return proposed


def attribute_names(site_id: int) -> list[str]:
    """Name the attributes that the newest subscribers have, the most frequent first."""
    return _read(_ATTRIBUTES, [site_id, NEWEST, MOST_NAMES])


def _read(query: str, values: list[Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [row[0] for row in cursor.fetchall()]
