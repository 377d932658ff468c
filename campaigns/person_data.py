"""Everything that is known of a person, with what became of the messages: the answer to "what do you know of me"."""

from collections.abc import Sequence
from typing import Any

from campaigns.models import Engagement
from campaigns.why import Verdict, history
from subscribers.models import Subscriber
from subscribers.person_data import data_of


def everything_of(people: Sequence[Subscriber]) -> dict[str, Any]:
    """Write down what is known of a person's browsers."""
    return {"subscriptions": [{**data_of(person), "messages": messages_of(person)} for person in people]}


def messages_of(person: Subscriber) -> dict[str, Any]:
    """The newest messages of the website with what became of them, and when this browser last did something."""
    engagement = Engagement.objects.filter(pk=person.pk).first()
    last = {
        name: at.isoformat() if at else None
        for name in ("received_at", "displayed_at", "clicked_at")
        for at in [getattr(engagement, name, None)]
    }
    return {"last": last, "newest": [_message(verdict) for verdict in history(person)]}


def _message(verdict: Verdict) -> dict[str, Any]:
    return {
        "send": verdict.send_id,
        "title": verdict.title,
        "version": verdict.version,
        "launched_at": verdict.launched_at.isoformat() if verdict.launched_at else None,
        "outcome": verdict.outcome,
        "why": verdict.why,
        "at": verdict.at.isoformat() if verdict.at else None,
        "reported": sorted(verdict.reports),
    }
