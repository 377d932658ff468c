"""What a backup cannot know is what was sent after it: a person decides what still goes out."""

from django.db import transaction

from campaigns.models import Send
from tenants.actions.sending import pause_sending
from tenants.doorway import in_tenant
from tenants.models import SendIndex, Tenant, WorkerProcess

OPEN = ("running", "preparing", "scheduled")


def hold_all(*, made_at: str) -> int:
    """Pause each send that was under way, and all sending of its workspace; tell who may resume it. Answer how many.

    Finished ones stay finished. Safe to run twice.
    """
    WorkerProcess.objects.all().delete()
    tenants = SendIndex.objects.filter(state__in=OPEN).values("tenant_id")
    return sum(_hold(tenant, made_at) for tenant in Tenant.objects.filter(pk__in=tenants).order_by("pk"))


@transaction.atomic
def _hold(tenant: Tenant, made_at: str) -> int:
    open_ones = SendIndex.objects.filter(tenant_id=tenant.pk, state__in=OPEN)
    held = open_ones.count()
    running = list(open_ones.filter(state="running").values_list("send_id", flat=True))
    detail = (
        f"Restored from a backup of {made_at}. Who got it after that is not known: resume it, or cancel it."
    )
    with in_tenant(tenant.schema_name):
        Send.objects.filter(pk__in=running).update(state=Send.State.PAUSED, state_detail=detail)
    open_ones.filter(send_id__in=running).update(state="paused")
    pause_sending(
        actor=None,
        tenant_id=tenant.pk,
        kind="restored",
        why=(
            f"Restored from a backup of {made_at}. {held} campaigns were under way or planned; some may have gone out "
            "since. Look at them, cancel what has gone out, then resume sending."
        ),
    )
    return held
