"""Keep what campaigns.breakdown counts, so that pages only read it."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q.tasks import async_task

from campaigns.breakdown import break_down
from campaigns.models import Send
from tenants.doorway import current_schema, in_tenant

# So many recipients are counted while the report's part waits: 120 ms; more by a worker.
MOST_AT_ONCE = 20_000
# How old it may be while a send runs and shortly after, and later, for as long as reports still come in.
FRESH_WHILE_SENDING, FRESH_AFTERWARDS = timedelta(minutes=1), timedelta(minutes=10)
STILL_LIVELY = timedelta(minutes=30)
REPORTS_COME_FOR = timedelta(days=8)
# A worker that was asked this long ago is asked again.
ASKED_FOR = timedelta(minutes=2)


def refresh(send: Send) -> bool:
    """Count it anew if that may differ; False while a worker is still at it. No audit row: nothing is decided."""
    now = timezone.now()
    if not _is_stale(send, now):
        return True
    if send.audience <= MOST_AT_ONCE:
        _store(send, now)
        return True
    asked = send.breakdown.get("asked_at")
    if not asked or now - datetime.fromisoformat(asked) > ASKED_FOR:
        send.breakdown = {**send.breakdown, "asked_at": now.isoformat()}
        send.save(update_fields=["breakdown"])
        async_task("campaigns.tasks.break_down", current_schema(), send.pk, cluster=settings.SHORT_QUEUE)
    return False


def count_breakdown(schema_name: str, pk: int) -> None:
    """The worker's part."""
    with in_tenant(schema_name):
        send = Send.objects.filter(pk=pk).first()
        if send is not None:
            _store(send, timezone.now())


def _store(send: Send, now: datetime) -> None:
    send.breakdown = break_down(send, now)
    Send.objects.filter(pk=send.pk).update(breakdown=send.breakdown)


def _is_stale(send: Send, now: datetime) -> bool:
    known: dict[str, Any] = send.breakdown
    if "at" not in known:
        return True
    at = datetime.fromisoformat(known["at"])
    ended = send.finished_at
    if ended and at >= ended + REPORTS_COME_FOR:
        return False
    is_lively = ended is None or at < ended + STILL_LIVELY
    return now - at > (FRESH_WHILE_SENDING if is_lively else FRESH_AFTERWARDS) or bool(ended and at < ended)
