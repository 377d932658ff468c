"""What a backup cannot know is what was sent after it: a person decides what still goes out."""

from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from psycopg import sql

from campaigns.models import Batch, Campaign, Message, Send
from subscribers.actions.job import end_jobs
from subscribers.actions.put_back import Left, keep_left
from subscribers.models import Prompt, Site
from tenants.actions.bundle import PutBack, put_back
from tenants.actions.sending import keep_paused, pause_sending
from tenants.bundle import Bundle
from tenants.doorway import current_schema, in_tenant
from tenants.models import SendIndex, Tenant, User, WorkerProcess

OPEN = ("running", "preparing", "scheduled")
# No worker that had one of its batches has a number above.
_NEW_FENCES = 1_000_000
# Columns that hold addresses of pictures: they begin with the installation's SDK_URL.
_PICTURES = (
    (Site, "icon_url"), (Prompt, "look"), (Message, "icon_url"), (Message, "image_url"), (Message, "badge_url"),
    (Message, "buttons"), (Campaign, "typed"), (Send, "content"),
)  # fmt: skip


@dataclass
class Restored:
    """`held` counts the sends that wait for a person; `left` who was erased or unsubscribed again."""

    done: PutBack
    held: int
    left: Left


def hold_all(*, made_at: str) -> int:
    """Pause each send that was under way, and all sending of its workspace; tell who may resume it. Answer how many.

    Finished ones stay finished. Safe to run twice.
    """
    WorkerProcess.objects.all().delete()
    tenants = SendIndex.objects.filter(state__in=OPEN).values("tenant_id")
    return sum(_hold(tenant, made_at) for tenant in Tenant.objects.filter(pk__in=tenants).order_by("pk"))


@transaction.atomic
def restore_tenant(*, actor: User | None, bundle: Bundle, slug: str, replace: bool) -> Restored:
    """Put a workspace back, hold what was under way, and let who left since stay away; raises BackupFailed."""
    done = put_back(actor=actor, bundle=bundle, slug=slug, replace=replace)
    with in_tenant(done.tenant.schema_name):
        Batch.objects.filter(state=Batch.State.OPEN).update(
            fence=F("fence") + _NEW_FENCES, lease_until=None, holder=""
        )
        end_jobs(done.tenant, "Its file was not in the bundle that the workspace was restored from.")
        left = keep_left(actor=actor, tenant=done.tenant, former=done.former) if done.former else Left()
        if done.is_new:
            _link_askers(done.people)
        _move_pictures(bundle.workspace["sdk_url"], settings.SDK_URL)
    return Restored(done, _hold(done.tenant, bundle.manifest["made_at"]), left)


def _link_askers(people: dict[int, int]) -> None:
    for campaign in Campaign.objects.filter(wish__by__isnull=False):
        wish = {**campaign.wish, "by": people.get(campaign.wish["by"])}
        Campaign.objects.filter(pk=campaign.pk).update(wish=wish)


def _move_pictures(old: str, new: str) -> None:
    """Have messages that are still to be sent show the pictures that lie here now. Call inside the tenant."""
    if old == new:
        return
    forms = {"old": f"{old}/i/", "new": f"{new}/i/"}
    # What was typed lies as a form's query string.
    forms |= {f"{name}_quoted": quote(address, safe="") for name, address in forms.items()}
    for model, column in _PICTURES:
        kind = model._meta.get_field(column).db_type(connection)
        move = sql.SQL(
            "UPDATE {table} SET {column} = replace("
            "replace({column}::text, %(old)s, %(new)s), %(old_quoted)s, %(new_quoted)s)::{kind}"
            " WHERE {column}::text ~ '/i/|%%2Fi%%2F'"
        ).format(
            table=sql.Identifier(current_schema(), model._meta.db_table),
            column=sql.Identifier(column),
            kind=sql.SQL(kind or "text"),
        )
        with connection.cursor() as cursor:
            cursor.execute(move, forms)


@transaction.atomic
def _hold(tenant: Tenant, made_at: str) -> int:
    open_ones = SendIndex.objects.filter(tenant_id=tenant.pk, state__in=OPEN)
    held = open_ones.count()
    if not held:
        return 0
    running = list(open_ones.filter(state="running").values_list("send_id", flat=True))
    detail = (
        f"Restored from a backup of {made_at}. Who got it after that is not known: resume it, or cancel it."
    )
    with in_tenant(tenant.schema_name):
        Send.objects.filter(pk__in=running).update(state=Send.State.PAUSED, state_detail=detail)
    open_ones.filter(send_id__in=running).update(state="paused")
    why = (
        f"Restored from a backup of {made_at}. {held} campaigns were under way or planned; some may have gone out "
        "since. Look at them, cancel what has gone out, then resume sending."
    )
    if not pause_sending(actor=None, tenant_id=tenant.pk, kind="restored", why=why):
        keep_paused(actor=None, tenant_id=tenant.pk, kind="restored", why=why)
    return held
