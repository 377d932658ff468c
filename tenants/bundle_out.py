"""Write a workspace into a bundle (tenants.bundle), as it is at one moment, while everything else goes on."""

import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import storages
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from tenants.actions.rotation import columns, rows_in_order
from tenants.backup import BackupFailed, describe, sync
from tenants.bundle import FORMAT, PICTURES, WORKSPACE, check_passphrase, sealed, write_signed
from tenants.bundle_rows import SHARED, columns_of, counters_of, table_of, tenant_models, write_rows
from tenants.doorway import PUBLIC, in_tenant
from tenants.models import Membership, SiteIndex, Tenant, User
from tenants.schema import all_migrations, public_migrations, schemas_behind
from truepush.lib import base64url
from truepush.lib.fieldcrypt import FieldCrypt, FieldCryptError
from truepush.lib.sealed_file import SALT_LENGTH, TooLarge, derive_key
from truepush.lib.version import VERSION

# What of the workspace's own row goes along; its host, its state and why it is suspended are the target's.
KEPT = (
    "name", "is_demo", "created_at", "rate_per_minute", "retention_days", "event_days", "needs_approval",
    "owners_need_mfa", "engaged_until", "told_at", "sending_paused_at", "sending_paused_why", "sending_paused_by",
)  # fmt: skip


def make_bundle(tenant: Tenant, into: Path, *, passphrase: str) -> Path:
    """Make it in a folder of its own below `into`, and answer that; raises BackupFailed. `check_bundling` comes first.

    A folder that ends in .new is of a run that was cut off, and the next goes over it.
    """
    started, salt = datetime.now(UTC), os.urandom(SALT_LENGTH)
    whole = into / f"truepush-{tenant.slug}-{started:%Y%m%dT%H%M%S}Z"
    unfinished = into / f"truepush-{tenant.slug}.new"
    into.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    key = derive_key(passphrase, salt)
    try:
        with _one_moment():
            _write_rows(unfinished, key, tenant)
        _write_pictures(unfinished, key, tenant)
    except TooLarge as error:
        raise BackupFailed(str(error)) from error
    write_signed(
        unfinished,
        {
            "format": FORMAT,
            "version": VERSION,
            "made_at": started.isoformat(timespec="seconds"),
            "workspace": tenant.slug,
            "migrations": sorted(".".join(key) for key in (*public_migrations(), *all_migrations())),
            "salt": base64url.encode(salt),
            "files": {path.name: describe(path) for path in sorted(unfinished.iterdir())},
        },
    )
    for path in (*unfinished.iterdir(), unfinished):
        sync(path)
    unfinished.rename(whole)
    return whole


def check_bundling(tenant: Tenant, passphrase: str) -> None:
    """Say what keeps a bundle from being made; raises BackupFailed."""
    if not settings.BUNDLE_KEY:
        raise BackupFailed(
            "BUNDLE_KEY is not set, with which bundles are signed. Make one as .env.example says, and keep it with the "
            "other secrets."
        )
    check_passphrase(passphrase)
    if not tenant.has_schema:
        raise BackupFailed(f"{tenant.slug} has no tables yet: {tenant.get_state_display().lower()}.")
    if schemas_behind([tenant.schema_name]):
        raise BackupFailed(f"The tables of {tenant.slug} are behind. Run manage.py migrate_tenants first.")


@contextmanager
def _one_moment() -> Iterator[None]:
    """Everything that is read belongs together, whatever is written meanwhile; nobody waits for it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _write_rows(folder: Path, key: bytes, tenant: Tenant) -> None:
    own, shared = columns_of(tenant.schema_name), columns_of(PUBLIC)
    shared = {
        table: [column for column in shared[table] if column != "id"] for table in map(table_of, SHARED)
    }
    with in_tenant(tenant.schema_name):
        people, secrets = _people(tenant), list(_secrets())
    described = {
        "slug": tenant.slug,
        "schema": tenant.schema_name,
        "sdk_url": settings.SDK_URL,
        "tenant": {name: getattr(tenant, name) for name in KEPT},
        "people": people,
        "secrets": secrets,
        "site_keys": list(SiteIndex.objects.filter(tenant_id=tenant.pk).values_list("site_key", flat=True)),
        "tables": own,
        "shared": shared,
        "counters": counters_of(tenant.schema_name),
    }
    with sealed(folder / WORKSPACE, key) as file:
        file.write(json.dumps(described, cls=DjangoJSONEncoder).encode())
    for table, names in own.items():
        with sealed(folder / f"{table}.rows", key) as file:
            write_rows(file, tenant.schema_name, table, names, None)
    for table, names in shared.items():
        with sealed(folder / f"{table}.rows", key) as file:
            write_rows(file, PUBLIC, table, names, tenant.pk)


def _people(tenant: Tenant) -> list[dict[str, Any]]:
    """Members, and who is none any more but has made something: without a role."""
    members = {row.user_id: row for row in Membership.objects.filter(tenant=tenant)}
    makers = {
        pk
        for model in tenant_models()
        if any(field.name == "created_by" for field in model._meta.fields)
        for pk in model._default_manager.order_by().values_list("created_by", flat=True).distinct()
    }
    found = User.objects.filter(pk__in={*members, *makers} - {None}).order_by("pk")
    return [
        {"id": user.pk, "email": user.email, "name": user.name, "role": None}
        | (_as_member(members[user.pk]) if user.pk in members else {})
        for user in found
    ]


def _as_member(row: Membership) -> dict[str, Any]:
    return {"role": row.role, "by_mail": row.by_mail, "site_ids": row.site_ids}


def _secrets() -> Iterator[list[Any]]:
    """Open what is sealed with FIELD_KEYS, which the target has not: model, primary key, name in its JSON, secret."""
    crypt = FieldCrypt(settings.FIELD_KEYS)
    for column in (column for column in columns() if column.is_of_tenant):
        for row in rows_in_order(column.model_class):
            for name, text in column.texts(row).items():
                try:
                    secret = crypt.decrypt(text, context=column.context(row))
                except FieldCryptError as error:
                    said = f"{column.model} {row.pk} cannot be read: its key is not in FIELD_KEYS."
                    raise BackupFailed(f"{said} Put that key's own backup there.") from error
                yield [column.model, row.pk, name, base64url.encode(secret)]


def _write_pictures(folder: Path, key: bytes, tenant: Tenant) -> None:
    """After the rows: a picture that is not in them does no harm."""
    storage = storages["images"]
    with sealed(folder / PICTURES, key) as file, tarfile.open(fileobj=file, mode="w|") as archive:
        for name in sorted(_names(tenant.schema_name)):
            with storage.open(f"{tenant.schema_name}/{name}") as picture:
                _add(archive, name, picture)


def _names(folder: str) -> list[str]:
    try:
        return list(storages["images"].listdir(folder)[1])
    except FileNotFoundError:
        return []  # no picture was ever brought


def _add(archive: tarfile.TarFile, name: str, picture: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = picture.size
    source: IO[bytes] = picture
    archive.addfile(member, source)
