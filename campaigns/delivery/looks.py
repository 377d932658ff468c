"""Sends of which a part went first: once all of them have it, and some minutes later, the rest is decided about."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from campaigns.delivery import ab, canary
from campaigns.delivery.work import Work
from campaigns.models import Batch, Send

# The column that says how a part goes first, and the rule by which the rest is decided about.
_DECIDE = {"canary": canary.decide, "ab": ab.decide}


def look(work: Work, send: Send) -> bool:
    """Decide about the rest if it is time; False if nothing of the send waits for that. Call inside the tenant."""
    name = next((name for name in _DECIDE if getattr(send, name).get("state") == "out"), None)
    if name is not None:
        _look(work, name)
    return name is not None


@transaction.atomic
def _look(work: Work, name: str) -> None:
    waiting = {"pk": work.send_id, "state": Send.State.RUNNING, f"{name}__state": "out"}
    send = (
        Send.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(**waiting)
        .annotate(now=Now())
        .first()
    )
    if send is None or Batch.objects.filter(send=send, wave=0, root=None, state=Batch.State.OPEN).exists():
        return
    at = looked_at(getattr(send, name))
    if at is None:
        setattr(send, name, {**getattr(send, name), "done_at": send.now.isoformat()})
        send.save(update_fields=[name])
    elif send.now >= at:
        _DECIDE[name](work, send, send.now)


def looked_at(first: Mapping[str, Any]) -> datetime | None:
    """When those of `first` (a send's canary or ab) are looked at; None while some of them wait, and afterwards."""
    if first.get("state") != "out" or "done_at" not in first:
        return None
    return datetime.fromisoformat(first["done_at"]) + timedelta(minutes=first["minutes"])


def next_look(send: Send) -> datetime | None:
    """When the first ones of a send are looked at; None while some of them wait, and where nobody is."""
    return looked_at(send.canary) or looked_at(send.ab)
