"""AU-14: an entry of the audit log stays as it was written; only what is old enough goes, by the one verb for that."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from tenants.actions import audit
from tenants.actions.audit_retention import forget_old_entries
from tenants.models import AuditEntry
from tests.conftest import Workspace

RETENTION = "SET LOCAL truepush.audit_retention = 'on'"


def entry_of(place: Workspace, *, days: int = 0) -> AuditEntry:
    return AuditEntry.objects.create(
        action="site.add",
        actor="ann@acme.test",
        tenant_id=place.tenant.pk,
        at=timezone.now() - timedelta(days=days),
    )


def by_sql(text: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RETENTION)
        cursor.execute(text)


TRIED: dict[str, Callable[[AuditEntry], Any]] = {
    "update": lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(actor="nobody"),
    "save": lambda entry: entry.save(),
    "delete": lambda entry: entry.delete(),
    "update all, as retention": lambda entry: by_sql("UPDATE tenants_auditentry SET actor = 'nobody'"),
    "delete a young one, as retention": lambda entry: by_sql("DELETE FROM tenants_auditentry"),
    "truncate, as retention": lambda entry: by_sql("TRUNCATE tenants_auditentry"),
}


@pytest.mark.parametrize("way", TRIED)
def test_the_database_refuses_to_change_or_remove_an_entry(acme: Workspace, way: str) -> None:
    entry = entry_of(acme)
    before = list(AuditEntry.objects.values())
    with pytest.raises(ProgrammingError, match="The audit log is append-only"), transaction.atomic():
        TRIED[way](entry)
    assert list(AuditEntry.objects.values()) == before


def test_an_old_entry_cannot_be_removed_by_anything_but_retention(acme: Workspace) -> None:
    entry = entry_of(acme, days=1000)
    with pytest.raises(ProgrammingError, match="The audit log is append-only"), transaction.atomic():
        entry.delete()
    assert AuditEntry.objects.filter(pk=entry.pk).exists()


def test_retention_removes_what_is_older_than_the_setting_and_says_so(acme: Workspace, settings: Any) -> None:
    settings.AUDIT_DAYS = 100
    old, kept = entry_of(acme, days=101), entry_of(acme, days=99)
    assert forget_old_entries() == 1
    assert list(AuditEntry.objects.filter(pk__in=(old.pk, kept.pk))) == [kept]
    said = AuditEntry.objects.latest("pk")
    assert (said.action, said.actor, said.tenant_id) == ("audit.retention", "system", None)
    assert said.detail == {"removed": 1, "days": 100}
    assert forget_old_entries() == 0


def test_after_retention_the_transaction_may_remove_nothing_more(acme: Workspace, settings: Any) -> None:
    entry_of(acme, days=1000)
    assert forget_old_entries() == 1
    entry = entry_of(acme, days=1000)
    with pytest.raises(ProgrammingError), transaction.atomic():
        entry.delete()


def test_a_worker_s_entry_has_no_address(acme: Workspace) -> None:
    entry = audit.record("workspace.ready", actor=audit.SYSTEM, tenant_id=acme.tenant.pk)
    assert (entry.address, entry.request_id, entry.before, entry.after) == ("", "", None, None)
