"""Sends of which a part went first: when they are looked at, and by what rule."""

from datetime import datetime

from campaigns.delivery import ab, canary
from campaigns.delivery.work import Work
from campaigns.models import Send


def look(work: Work, send: Send) -> bool:
    """Decide about the rest if it is time; False if nothing of the send waits for that. Call inside the tenant."""
    if send.canary.get("state") == "out":
        canary.look(work)
    elif send.ab.get("state") == "out":
        ab.look(work)
    else:
        return False
    return True


def next_look(send: Send) -> datetime | None:
    """When the first ones are looked at; None while some of them wait, and where nobody is."""
    if canary.is_out(send.canary):
        return canary.looked_at_time(send.canary)
    if send.ab.get("state") == "out" and "done_at" in send.ab:
        return ab.decided_at(send.ab)
    return None
