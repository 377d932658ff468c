"""Make a workspace: the row at once, its schema in the background."""

import re
import secrets

from django.conf import settings
from django.db import DatabaseError, transaction
from django_q.tasks import async_task

from tenants.actions import audit
from tenants.models import Domain, Membership, Role, Tenant, User
from tenants.schema import replay

# Host names that are ours or that people would take for ours.
RESERVED = frozenset(
    [
        "www",
        "sdk",
        "api",
        "admin",
        "app",
        "push",
        "mail",
        "static",
        "media",
        "status",
        "docs",
        "help",
        "support",
        "public",
    ]
)
SLUG_PATTERN = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")


class WorkspaceRefused(ValueError):
    """The workspace cannot be made as asked; the text says why."""


def slug_for(name: str) -> str:
    """Turn a workspace's name into a free host label; a number is added when the plain one is taken."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32].strip("-")
    if not SLUG_PATTERN.fullmatch(base) or base in RESERVED:
        base = f"w-{base}".strip("-")[:32] if base else f"w-{secrets.token_hex(3)}"
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
    slug = slug or slug_for(name)
    schema_name = f"t_{slug.replace('-', '_')}_{secrets.token_hex(3)}"
    tenant: Tenant = Tenant.objects.create(name=name, slug=slug, schema_name=schema_name, is_demo=is_demo)
    Domain.objects.create(tenant=tenant, domain=f"{slug}.{settings.BASE_DOMAIN}", is_primary=True)
    Membership.objects.create(tenant=tenant, user=actor, role=Role.OWNER)
    audit.record("workspace.create", actor=actor, tenant_id=tenant.pk, target=slug)
    async_task("tenants.tasks.prepare_workspace", tenant.pk)
    return tenant


def prepare_workspace(*, actor: User | None, tenant_id: int) -> bool:
    """Make the tenant's schema by replay and open the workspace; False if there was nothing to do.

    Safe to run twice: the row lock makes a second run wait, then see that the work is done. A failure is written
    on the tenant, so that the page that waits for it can say so.
    """
    try:
        return _prepare(actor, tenant_id)
    except DatabaseError as error:
        detail = f"The database refused: {str(error).splitlines()[0]}"[:300]
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
    """Queue a failed set-up again; False if it had not failed."""
    changed = Tenant.objects.filter(pk=tenant.pk, state=Tenant.State.FAILED).update(
        state=Tenant.State.CREATING, state_detail=""
    )
    if changed:
        audit.record("workspace.retry", actor=actor, tenant_id=tenant.pk, target=tenant.slug)
        async_task("tenants.tasks.prepare_workspace", tenant.pk)
    return bool(changed)
