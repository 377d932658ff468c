"""The rest of a send of which a part went first: it waits, is let go, or a person is asked about it."""

from datetime import datetime, timedelta

from django.db.models.functions import Now
from django_q.tasks import async_task

from campaigns.delivery.personal import title_of
from campaigns.delivery.work import Work
from campaigns.models import WAVE_REST, Batch, Send
from campaigns.paths import report_path
from tenants.actions.notices import tell
from tenants.actions.sending import lock_pause
from tenants.control import announce
from tenants.models import DueWork, SendIndex

# When batches are due that wait for a decision.
FAR = timedelta(days=400)


def release(tenant_id: int, send: Send, at: datetime) -> None:
    """Let the rest go from `at` on, from when its time runs. Lock the send's row first."""
    Batch.objects.filter(send=send, wave=WAVE_REST, state=Batch.State.OPEN, root=None).update(
        due_at=at, expires_at=at + timedelta(seconds=send.ttl)
    )
    DueWork.objects.filter(tenant_id=tenant_id, send_id=send.pk).update(due_at=at)
    async_task("campaigns.tasks.deliver")


def hold_rest(work: Work, send: Send, said: str) -> None:
    """Pause the send until somebody has answered, and tell who launched it."""
    _end_first(work, send, Send.State.PAUSED, said)
    DueWork.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).update(is_held=True, due_at=Now())


def stop_rest(work: Work, send: Send, said: str) -> None:
    """Cancel the send before the rest gets it, and tell who launched it."""
    _end_first(work, send, Send.State.CANCELLED, said)
    lock_pause(work.tenant_id)  # a pause that is under way would hold it for ever
    DueWork.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).update(is_held=False, due_at=Now())
    all_due(send)
    async_task("campaigns.tasks.deliver")


def all_due(send: Send) -> None:
    """Make what waits for later due now: of a send that was cancelled there is only to write down who was left."""
    Batch.objects.filter(send=send, state=Batch.State.OPEN, due_at__gt=Now()).update(due_at=Now())


def _end_first(work: Work, send: Send, state: str, said: str) -> None:
    send.state, send.state_detail = state, said[:300]
    send.save(update_fields=["state", "state_detail"])
    SendIndex.objects.filter(tenant_id=work.tenant_id, send_id=send.pk).update(state=send.state)
    text = f"“{title_of(send.content)[:60]}”: {said}"
    tell(
        work.tenant_id,
        [send.created_by],
        site_id=send.site_id,
        kind="canary",
        text=text,
        path=report_path(send.pk),
    )
    announce()
