"""A subscriber's profile in words, for its page and for the answer to "what do you know of me"."""

from typing import NamedTuple

from subscribers.hours import HOURS, best_hour
from subscribers.models import Subscriber
from subscribers.names import name_of

WHY_ENDED = {
    "410": "its push service answered 410: the subscription is no longer there",
    "404": "its push service answered 404: there is no such subscription",
    "visitor": "the visitor unsubscribed on the website",
    "console": "somebody of this workspace unsubscribed it",
    "dormant": "somebody of this workspace unsubscribed all who were not seen for long",
    "replaced": "the same browser has a newer subscription",
    "flood": "it came in a flood of subscriptions, and for 30 days nothing showed that somebody is there",
    "key": "it was made with another server key; the browser has to subscribe anew",
}


class Fact(NamedTuple):
    label: str
    value: str


def facts_of(person: Subscriber) -> list[Fact]:
    """Everything of the profile that is known, in the order of the page."""
    found = [
        ("External ID", person.external_id),
        ("Browser", person.browser),
        ("System", person.os),
        ("Device", person.device),
        ("Language", _with_code("language", person.language)),
        ("Country", _with_code("country", person.country)),
        ("Region", person.region),
        ("City", person.city),
        ("Time zone", person.time_zone),
        ("Address", person.address),
        ("First seen", _moment(person.first_seen_at)),
        ("Last seen", _moment(person.seen_at)),
        ("Sessions", f"{person.sessions:,}" if person.sessions else ""),
        ("Pages seen", f"{person.pages:,}" if person.pages else ""),
        ("Most active", _hour(person)),
        ("SDK version", person.sdk_version),
        ("Agreed", _moment(person.subscribed_at)),
        ("Agreed on", person.consent_origin),
        ("By prompt", person.prompt),
        ("Came in a flood", _moment(person.flooded_at) if person.flooded_at else ""),
        ("Ended", _moment(person.ended_at) if person.ended_at else ""),
        ("Why it ended", WHY_ENDED.get(person.ended_why, person.ended_why)),
    ]
    return [Fact(label, value) for label, value in found if value]


def _hour(person: Subscriber) -> str:
    best = best_hour(bytes(person.hours)) if person.hours else None
    return "" if best is None else f"from {best:02}:00 to {(best + 1) % HOURS:02}:00 UTC"


def _with_code(column: str, value: str) -> str:
    if not value:
        return ""
    name = name_of(column, value)
    return name if name == value else f"{name} ({value})"


def _moment(at: object) -> str:
    return f"{at:%-d %b %Y, %H:%M} UTC"
