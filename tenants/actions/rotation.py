"""Encrypt with the first of FIELD_KEYS what another one of them still encrypts.

How far it came is in the rows themselves, so it may be cut off anywhere and run again, beside everything else: a row
is changed only if it is as it was read, and is readable before and after, since processes know both keys.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils.module_loading import import_string

from tenants.actions import audit
from tenants.doorway import in_tenant
from tenants.models import Tenant, User
from tenants.sealed_columns import SealedColumn
from truepush.lib.fieldcrypt import FieldCrypt, FieldCryptError, key_id_of

ROWS_AT_ONCE = 100


@dataclass
class Rotation:
    """`left` counts what is still under each other key; `unreadable` names the rows that no key opens."""

    changed: int = 0
    left: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)


def rotate_keys(*, actor: User | None) -> Rotation:
    """Go through every sealed column, of the public schema and of each tenant; safe to run twice, also at once."""
    result = Rotation()
    crypt, current = FieldCrypt(settings.FIELD_KEYS), next(iter(settings.FIELD_KEYS))
    for column in columns():
        for row in _rows(column):
            _rotate(row, column, crypt, current, result)
    if result.changed:
        audit.record(
            "installation.rotate_keys", actor=actor, tenant_id=None, target=current, changed=result.changed
        )
    return result


def columns() -> list[SealedColumn]:
    return [column for name in settings.SEALED for column in import_string(name)]


def _rows(column: SealedColumn) -> Iterator[models.Model]:
    """Walk by primary key, page by page; inside each tenant's schema where the table is a tenant's."""
    if not column.is_of_tenant:
        yield from rows_in_order(column.model_class)
        return
    for tenant in Tenant.objects.order_by("pk"):
        if tenant.has_schema:
            with in_tenant(tenant.schema_name):
                yield from rows_in_order(column.model_class)


def rows_in_order(model: type[models.Model]) -> Iterator[models.Model]:
    last: Any = None
    while True:
        rows = model._default_manager.order_by("pk")
        page = list(rows[:ROWS_AT_ONCE] if last is None else rows.filter(pk__gt=last)[:ROWS_AT_ONCE])
        if not page:
            return
        yield from page
        last = page[-1].pk


def _rotate(
    row: models.Model, column: SealedColumn, crypt: FieldCrypt, current: str, result: Rotation
) -> None:
    now: models.Model | None = row
    # Again if somebody else changed it after it was read: it may still be under the old key.
    while now is not None and (old := _old_texts(now, column, current)):
        context = column.context(now)
        try:
            new = {
                key: crypt.encrypt(crypt.decrypt(text, context=context), context=context)
                for key, text in old.items()
            }
        except FieldCryptError:
            # What was never sealed is nobody's to read in the output of a command.
            result.left.update(key_id_of(text) or "no key" for text in old.values())
            result.unreadable.append(f"{column.model} {now.pk} ({context.partition(':')[0]})")
            return
        before, after = getattr(now, column.field), column.replaced(now, new)
        same = type(row)._default_manager.filter(pk=row.pk)
        with transaction.atomic():
            changed = same.filter(**{column.field: before}).update(**{column.field: after})
        result.changed += changed
        now = None if changed else same.first()


def _old_texts(row: models.Model, column: SealedColumn, current: str) -> dict[str, str]:
    """What of the row is under another key."""
    texts = column.texts(row)
    return {key: text for key, text in texts.items() if text.partition(":")[0] != current}
