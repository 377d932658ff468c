"""Make a workspace: the row at once, its schema in the background."""

import re
import secrets
import unicodedata

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django_q.tasks import async_task

from tenants.actions import audit
from tenants.actions.sending import hold, stop_of_everything
from tenants.models import OVERDUE, Domain, Membership, Role, Tenant, User
from tenants.schema import NotPlainSql, replay

# Host names that are ours or that people would take for ours.
RESERVED = frozenset(
    [
        "admin", "api", "app", "docs", "help", "mail", "media",
        "public", "push", "sdk", "static", "status", "support", "www",
    ]
)  # fmt: skip
SLUG_PATTERN = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")


class WorkspaceRefused(ValueError):
    """The workspace cannot be made as asked; the text says why."""


def slug_for(name: str) -> str:
    """Turn a workspace's name into a free host label; a number is added when the plain one is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:32].strip("-")
    reserved = RESERVED | {settings.SDK_HOST.partition(".")[0]}
    if not SLUG_PATTERN.fullmatch(base) or base in reserved:
        base = f"w-{base or secrets.token_hex(3)}"[:32].strip("-")
    taken = set(Tenant.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    return next(f"{base}-{n}" for n in range(2, len(taken) + 3) if f"{base}-{n}" not in taken)


@transaction.atomic
def create_workspace(*, actor: User, name: str, slug: str = "", is_demo: bool = False) -> Tenant:
    """Make the tenant with its host and owner, and queue the making of its schema; nothing waits for that."""
    name = name.strip()
    if not name:
        raise WorkspaceRefused("Give the workspace a name.")
    one_at_a_time()
    slug = slug or slug_for(name)
    schema_name = f"t_{slug.replace('-', '_')}_{secrets.token_hex(3)}"
    tenant: Tenant = Tenant.objects.create(name=name, slug=slug, schema_name=schema_name, is_demo=is_demo)
    hold_if_stopped(tenant)
    Domain.objects.create(tenant=tenant, domain=f"{slug}.{settings.BASE_DOMAIN}", is_primary=True)
    Membership.objects.create(tenant=tenant, user=actor, role=Role.OWNER)
    audit.record("workspace.create", actor=actor, tenant_id=tenant.pk, target=slug)
    async_task("tenants.tasks.prepare_workspace", tenant.pk, cluster=settings.SHORT_QUEUE)
    return tenant


def hold_if_stopped(tenant: Tenant) -> None:
    """Have a workspace that has just come take part in a stop of all sending, unless it is paused anyway."""
    stop = stop_of_everything()
    if stop and Tenant.objects.filter(pk=tenant.pk, sending_paused_at=None).exists():
        hold([tenant.pk], stop.text, Tenant.PausedBy.EVERYWHERE)


def one_at_a_time() -> None:
    """Hold other sign-ups, and stops and starts of all sending, until this transaction ends.

    Two of one name get two slugs, and no workspace that is made meanwhile misses a stop.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('tenants.create_workspace'))")


def prepare_workspace(*, actor: User | None, tenant_id: int) -> bool:
    """Make the tenant's schema by replay and open the workspace; False if there was nothing to do.

    Safe to run twice: the row lock makes a second run wait, then see that the work is done. A failure is written
    on the tenant, so that the page that waits for it can say so.
    """
    try:
        return _prepare(actor, tenant_id)
    except (DatabaseError, NotPlainSql) as error:
        detail = f"The database could not be prepared: {str(error).splitlines()[0]}"[:300]
        Tenant.objects.filter(pk=tenant_id, state=Tenant.State.CREATING).update(
            state=Tenant.State.FAILED, state_detail=detail
        )
        return False


@transaction.atomic
def _prepare(actor: User | None, tenant_id: int) -> bool:
    tenant = Tenant.objects.select_for_update().filter(pk=tenant_id, state=Tenant.State.CREATING).first()
    if tenant is None:
        return False
    replay(tenant.schema_name)
    tenant.state = Tenant.State.ACTIVE
    tenant.state_detail = ""
    tenant.save(update_fields=["state", "state_detail"])
    audit.record("workspace.ready", actor=actor, tenant_id=tenant.pk, target=tenant.slug)
    return True


@transaction.atomic
def retry_workspace(*, actor: User, tenant: Tenant) -> bool:
    """Queue a set-up again that failed, or of which nothing was heard for a minute; False for any other."""
    overdue = Q(state=Tenant.State.CREATING, created_at__lt=Now() - OVERDUE)
    changed = Tenant.objects.filter(overdue | Q(state=Tenant.State.FAILED), pk=tenant.pk).update(
        state=Tenant.State.CREATING, state_detail="", created_at=Now()
    )
    if changed:
        audit.record("workspace.retry", actor=actor, tenant_id=tenant.pk, target=tenant.slug)
        async_task("tenants.tasks.prepare_workspace", tenant.pk, cluster=settings.SHORT_QUEUE)
    return bool(changed)
