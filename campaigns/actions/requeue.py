"""Take a batch from whoever holds it, so that another worker goes on where the ledger ends."""

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django_q.tasks import async_task

from campaigns.actions.errors import CampaignRefused
from campaigns.models import Batch, Send
from tenants.actions import audit
from tenants.actions.sending import lock_pause
from tenants.actions.support import check_reason
from tenants.control import announce
from tenants.models import DueWork, Tenant, User


@transaction.atomic
def requeue_batch(*, actor: User, tenant: Tenant, send_id: int, batch_id: int, why: str) -> None:
    """End the lease of an open batch of a running send that is due. Call inside the tenant. Raises SupportRefused.

    The fencing token moves, so what the old holder records later is refused; what it had in flight may go out twice,
    and browsers show that once. How often it was claimed stays: a batch that kills workers is still given up. Raises
    CampaignRefused if the send does not run, or the batch is done or waits for its time: the rest of a canary or of a
    test, another time zone, a push service that asked for patience.
    """
    why = check_reason(why)
    send = Send.objects.select_for_update().filter(pk=send_id).first()
    if send is None or send.state != Send.State.RUNNING:
        raise CampaignRefused("Only batches of a send that is running can be queued again.")
    due = Batch.objects.filter(pk=batch_id, send=send, state=Batch.State.OPEN, due_at__lte=Now())
    if not due.update(lease_until=None, fence=F("fence") + 1, holder=""):
        raise CampaignRefused("This batch is done meanwhile, or not due yet, so nothing was changed.")
    is_held = lock_pause(tenant.pk)
    DueWork.objects.update_or_create(
        tenant_id=tenant.pk,
        send_id=send.pk,
        defaults={"due_at": Now(), "is_held": is_held},
        create_defaults={
            "schema_name": tenant.schema_name,
            "priority": DueWork.Priority.BULK,
            "due_at": Now(),
            "is_held": is_held,
        },
    )
    audit.record(
        "send.requeue", actor=actor, tenant_id=tenant.pk, target=f"send {send.pk}", batch=batch_id, why=why
    )
    async_task("campaigns.tasks.deliver")
    announce()
