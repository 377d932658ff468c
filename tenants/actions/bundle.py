"""Write a workspace into a bundle, and put one back: as a new workspace, or in the place of a suspended one.

Putting back is one transaction. Cut off anywhere, nothing of it is there, and the next run begins anew.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from tenants.actions import audit
from tenants.actions.bundle_parts import add_people, link_makers, proven_people, put_pictures, seal_again
from tenants.actions.sending import set_pace
from tenants.actions.workspace import RESERVED, SLUG_PATTERN, hold_if_stopped, one_at_a_time
from tenants.backup import BackupFailed
from tenants.bundle import Bundle
from tenants.bundle_out import KEPT, check_bundling, make_bundle
from tenants.bundle_rows import (
    SHARED,
    NewSchema,
    counters_of,
    read_shared,
    rename_schema,
    schema_exists,
    table_of,
)
from tenants.doorway import in_tenant
from tenants.models import Domain, DueWork, Pace, SendIndex, SiteIndex, Tenant, User
from tenants.schema import TEMPLATE_SCHEMA, MigrationKey, all_migrations, steps

_SCHEMA = re.compile(r"t_[a-z0-9_]{1,50}")
# Describes what is in the schema: of the bundle in any case. All else of a workspace that is there stays as it is.
_OF_ROWS = ("engaged_until", "told_at")


@dataclass
class PutBack:
    """`people` maps who somebody was to who it is here, in a new workspace; in one that was there they stay themselves.

    `former` is the schema with what was there before, if there was any.
    """

    tenant: Tenant
    is_new: bool
    people: dict[int, int]
    former: str = ""


def back_up_tenant(*, actor: User | None, tenant: Tenant, into: Path, passphrase: str) -> Path:
    """Note in the workspace's audit log that all it has is written out, and make a bundle; raises BackupFailed.

    The note comes first: what a run that is cut off has written can be kept all the same.
    """
    check_bundling(tenant, passphrase)
    audit.record("workspace.back_up", actor=actor, tenant_id=tenant.pk, target=tenant.slug)
    return make_bundle(tenant, into, passphrase=passphrase)


def prepare(bundle: Bundle, *, slug: str, replace: bool) -> None:
    """Say what cannot be done before minutes of work; raises BackupFailed. Call it outside of a transaction.

    It collects the SQL of the tables, for which a schema is made that other processes may be waiting for.
    """
    slug = slug or bundle.workspace["slug"]
    _check_free(bundle.workspace, slug, _replaceable(bundle, slug) if replace else None)
    if not replace:
        proven_people(bundle.workspace["people"], is_ours=bundle.is_ours)
    made_at, today = set(_migrations_of(bundle)), frozenset(all_migrations())
    steps(frozenset())
    if not made_at >= today:
        steps(today & made_at)


@transaction.atomic
def put_back(*, actor: User | None, bundle: Bundle, slug: str, replace: bool) -> PutBack:
    """Fill a schema beside everything else, then make it the workspace's; raises BackupFailed. `prepare` comes first.

    `slug` is another host than it had. What is sent from it is for the caller to hold.
    """
    with connection.cursor() as cursor:
        # The server still ends the transaction of a run that was killed: it is waited for.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('tenants.put_back'))")
    workspace = bundle.workspace
    slug = slug or workspace["slug"]
    # 1. Rows, under a name that nobody knows.
    old = _replaceable(bundle, slug) if replace else None
    filled = f"t_restoring_{secrets.token_hex(6)}"
    schema = old.schema_name if old else _free_schema(workspace["schema"], slug)
    _fill(bundle, filled, schema)
    put_pictures(bundle, schema)
    # 2. Names, under locks that others wait for; what is free may be so no more.
    one_at_a_time()
    _check_free(workspace, slug, old)
    former = _put_aside(schema) if old else ""
    rename_schema(filled, schema)
    if old:
        done = PutBack(_refreshed(_replaceable(bundle, slug, lock=True), workspace), False, {}, former)
    else:
        tenant = _make_tenant(workspace, slug, schema)
        people = add_people(tenant, workspace["people"], is_ours=bundle.is_ours)
        done = PutBack(tenant, True, people)
    # 3. What is bound to the installation, and what others look up.
    with in_tenant(schema):
        seal_again(workspace["secrets"])
        if done.is_new:
            link_makers(done.people)
    _put_shared(bundle, done)
    # Of the bundle's rows one says how fast it was then.
    set_pace(f"tenant:{done.tenant.pk}", done.tenant.pk, done.tenant.rate_per_minute)
    audit.record(
        "workspace.put_back", actor=actor, tenant_id=done.tenant.pk, target=slug,
        made_at=bundle.manifest["made_at"], version=bundle.manifest["version"], signer=bundle.manifest["signer"],
    )  # fmt: skip
    return done


def _replaceable(bundle: Bundle, slug: str, *, lock: bool = False) -> Tenant:
    rows = Tenant.objects.select_for_update() if lock else Tenant.objects
    tenant: Tenant | None = rows.filter(slug=slug).first()
    if tenant is None:
        raise BackupFailed(f"There is no workspace {slug} that could be replaced. Leave --replace out.")
    if not bundle.is_ours or tenant.schema_name != bundle.workspace["schema"]:
        raise BackupFailed(f"The bundle is not of this workspace {slug}. Restore it beside it, with --slug.")
    if tenant.state != Tenant.State.SUSPENDED:
        raise BackupFailed(
            f"{slug} is in use. Suspend it first, in support's pages: what came after the bundle is lost."
        )
    return tenant


def _check_free(workspace: dict[str, Any], slug: str, old: Tenant | None) -> None:
    keys = SiteIndex.objects.filter(site_key__in=workspace["site_keys"])
    if old:
        keys = keys.exclude(tenant_id=old.pk)
    else:
        _check_host(slug)
    if there := keys.first():
        taken = Tenant.objects.filter(pk=there.tenant_id).values_list("slug", flat=True).first()
        raise BackupFailed(
            f"The website {there.name} is in use by the workspace {taken}: one key cannot lead to two. "
            "Suspend that workspace and give --replace, or restore into another installation."
        )


def _check_host(slug: str) -> None:
    reserved = RESERVED | {settings.SDK_HOST.partition(".")[0]}
    if not SLUG_PATTERN.fullmatch(slug) or slug in reserved:
        raise BackupFailed(f"{slug!r} cannot be a workspace's host. Give another one: --slug NAME")
    host = f"{slug}.{settings.BASE_DOMAIN}"
    if Tenant.objects.filter(slug=slug).exists() or Domain.objects.filter(domain=host).exists():
        raise BackupFailed(
            f"{host} is taken. Give another one, --slug NAME, or --replace if it is the same workspace."
        )


def _put_aside(schema: str) -> str:
    """Rename a schema, if it is there at all; what was in it can be looked at, and is for a person to drop."""
    if not schema_exists(schema):
        return ""
    former = f"{schema[:50]}_old_{secrets.token_hex(3)}"
    rename_schema(schema, former)
    return former


def _fill(bundle: Bundle, schema: str, meant: str) -> None:
    made = NewSchema(schema, _migrations_of(bundle))
    tables = bundle.workspace["tables"]
    made.check(tables)
    for table, columns in tables.items():
        with bundle.opened(f"{table}.rows") as file:
            made.fill(table, columns, file)
    # What was given out after the bundle, in messages that browsers still show, is not given out again.
    given, here = bundle.workspace["counters"], counters_of(meant)
    made.finish({name: max(given.get(name, 0), here.get(name, 0)) for name in given.keys() | here.keys()})


def _migrations_of(bundle: Bundle) -> list[MigrationKey]:
    return [(app, name) for app, _, name in (key.partition(".") for key in bundle.manifest["migrations"])]


def _free_schema(wanted: str, slug: str) -> str:
    """The name it had, if it is free: capabilities that browsers hold name it, and hashes of who was erased."""
    if _SCHEMA.fullmatch(wanted) and wanted != TEMPLATE_SCHEMA and not schema_exists(wanted):
        return wanted
    return f"t_{slug.replace('-', '_')}_{secrets.token_hex(3)}"


def _make_tenant(workspace: dict[str, Any], slug: str, schema: str) -> Tenant:
    kept = _known(workspace, KEPT)
    if kept.get("sending_paused_by") in (Tenant.PausedBy.SUSPENSION, Tenant.PausedBy.EVERYWHERE):
        kept = {**kept, "sending_paused_at": None, "sending_paused_why": "", "sending_paused_by": ""}
    tenant: Tenant = Tenant.objects.create(slug=slug, schema_name=schema, state=Tenant.State.ACTIVE, **kept)
    hold_if_stopped(tenant)
    Domain.objects.create(tenant=tenant, domain=f"{slug}.{settings.BASE_DOMAIN}", is_primary=True)
    return tenant


def _known(workspace: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What the bundle says of these columns; an older version may not have had each."""
    return {name: workspace["tenant"][name] for name in names if name in workspace["tenant"]}


def _refreshed(tenant: Tenant, workspace: dict[str, Any]) -> Tenant:
    """Open the workspace again with other rows; who paused its sending for another reason still has."""
    changed = _known(workspace, _OF_ROWS)
    changed |= {"state": Tenant.State.ACTIVE, "state_detail": "", "migration_error": ""}
    if tenant.sending_paused_by == Tenant.PausedBy.SUSPENSION:
        changed |= {"sending_paused_at": None, "sending_paused_why": "", "sending_paused_by": ""}
    Tenant.objects.filter(pk=tenant.pk).update(**changed)
    for model in (SiteIndex, SendIndex, DueWork, Pace):
        model.objects.filter(tenant_id=tenant.pk).delete()
    tenant.refresh_from_db()
    hold_if_stopped(tenant)
    return tenant


_CANCELLED = "SELECT send_id FROM public.tenants_sendindex WHERE state = 'cancelled' AND tenant_id = {}"


def _put_shared(bundle: Bundle, done: PutBack) -> None:
    tenant_id = sql.Literal(done.tenant.pk)
    old, new = sql.Literal(list(done.people)), sql.Literal(list(done.people.values()))
    changed: dict[str, sql.Composable] = {
        "tenant_id": tenant_id,
        "schema_name": sql.Literal(done.tenant.schema_name),
        # Of Pace: "send:<tenant>:<send>".
        "key": sql.SQL("regexp_replace(key, '^([a-z]+):[0-9]+', '\\1:' || {})").format(tenant_id),
        # Held until whoever calls, or a person, lets go; of a cancelled one the rest is still to be written down.
        "is_held": sql.SQL("is_held OR send_id NOT IN ({})").format(sql.SQL(_CANCELLED).format(tenant_id)),
        "actor_id": sql.SQL(
            "(SELECT here FROM unnest({}::bigint[], {}::bigint[]) AS known (there, here) WHERE there = actor_id)"
        ).format(old, new),
    }
    for table in map(table_of, SHARED):
        # The log of a workspace that is there knows more than the bundle.
        if table == table_of("AuditEntry") and not done.is_new:
            continue
        columns = bundle.workspace["shared"][table]
        # What is another workspace's, or of the installation, is not a bundle's to write.
        if "tenant_id" not in columns or "id" in columns:
            raise BackupFailed(f"The columns of {table} in the bundle are not a workspace's own.")
        states = {"state": sql.SQL("CASE WHEN state = 'suspended' THEN 'active' ELSE state END")}
        more = states if table == table_of("SiteIndex") else {}
        with bundle.opened(f"{table}.rows") as file:
            read_shared(file, table, columns, changed | more)
