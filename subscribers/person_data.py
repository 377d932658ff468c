"""Everything that is known of a person, for that person (GDPR articles 15 and 20): of nobody else, and no secrets.

Messages are added by campaigns.person_data. Endpoint and keys are secrets between the browser and us; the end of the
endpoint tells which browser is meant.
"""

from datetime import datetime
from typing import Any

from subscribers.models import EventFact, Subscriber

# One person's browsers; more have the same external id by mistake.
MOST_BROWSERS = 200
_PROFILE = (
    "external_id", "language", "country", "region", "city", "time_zone", "browser", "os", "device", "address",
    "first_seen_at", "seen_at", "sessions", "pages", "sdk_version", "tags", "attributes",
)  # fmt: skip


def data_of(person: Subscriber) -> dict[str, Any]:
    """Write down what is known of one browser."""
    ended = {"at": _moment(person.ended_at), "why": person.ended_why} if person.ended_at else None
    return {
        "number": person.pk,
        "website": person.site.origin,
        "push_service": person.service,
        "endpoint_ends_with": person.endpoint[-16:],
        "state": person.get_state_display(),
        "is_test_device": person.is_test,
        "consent": {
            "at": _moment(person.subscribed_at),
            "origin": person.consent_origin,
            "prompt": person.prompt,
        },
        "ended": ended,
        "profile": {name: _value(getattr(person, name)) for name in _PROFILE},
        # How often it was active in which hour of the day.
        "active_by_hour_utc": {
            f"{hour:02}": count for hour, count in enumerate(bytes(person.hours or b"")) if count
        },
        "events": [_event(fact) for fact in EventFact.objects.filter(subscriber=person).order_by("name")],
    }


def _event(fact: EventFact) -> dict[str, Any]:
    return {
        "name": fact.name,
        "count": fact.count,
        "first_at": _moment(fact.first_at),
        "last_at": _moment(fact.last_at),
        "last_properties": fact.last_properties,
        "recent": [_moment(at) for at in fact.recent],
    }


def _value(value: Any) -> Any:
    return _moment(value) if isinstance(value, datetime) else value


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
