"""After a restore what was planned waits for a person, also where sending was paused already (OP-01)."""

from typing import Any

import pytest
from django.utils import timezone

from campaigns.actions.after_restore import hold_all
from tenants.actions.sending import pause_sending, resume_sending
from tenants.actions.support import (
    hold_sending,
    release_sending,
    reopen_workspace,
    start_everything,
    stop_everything,
    suspend_workspace,
)
from tenants.models import Alert, DueWork, Notice, SendIndex, Tenant, User
from tests.conftest import Workspace

WHY = "A test of it"


@pytest.fixture
def planned(acme: Workspace) -> None:
    given: dict[str, Any] = {"tenant_id": acme.tenant.pk, "schema_name": acme.schema, "send_id": 1}
    now = timezone.now()
    SendIndex.objects.create(**given, site_id=1, kind="campaign", state="scheduled", due_at=now)
    DueWork.objects.create(**given, priority=DueWork.Priority.BULK, due_at=now)


def is_waiting(place: Workspace) -> bool:
    return DueWork.objects.get(tenant_id=place.tenant.pk).is_held


def told(owner: User) -> int:
    return Notice.objects.filter(user=owner, text__startswith="All sending is paused. Restored from").count()


@pytest.mark.parametrize("by", ["everywhere", "suspension"])
def test_the_end_of_another_pause_does_not_let_it_go(acme: Workspace, planned: None, by: str) -> None:
    given: dict[str, Any] = {"actor": acme.owner, "why": WHY}
    if by == "everywhere":
        stop_everything(**given)
    else:
        suspend_workspace(**given, tenant=acme.tenant)
    assert Tenant.objects.get(pk=acme.tenant.pk).sending_paused_by == by
    assert hold_all(made_at="2026-01-01") == 1
    assert told(acme.owner) == 1
    assert Alert.objects.filter(kind="restored", tenant_id=acme.tenant.pk, closed_at=None).count() == 1
    if by == "everywhere":
        start_everything(**given)
    else:
        reopen_workspace(**given, tenant=acme.tenant)
    assert is_waiting(acme)
    assert resume_sending(actor=acme.owner, tenant=acme.tenant)
    assert not is_waiting(acme)


@pytest.mark.parametrize("by", ["support", ""])
def test_who_lets_go_of_a_person_s_pause_is_told_what_waits(acme: Workspace, planned: None, by: str) -> None:
    if by:
        hold_sending(actor=acme.owner, tenant=acme.tenant, why=WHY)
    else:
        pause_sending(actor=None, tenant_id=acme.tenant.pk, kind="runaway", why=WHY)
    assert hold_all(made_at="2026-01-01") == 1
    assert (told(acme.owner), is_waiting(acme)) == (1, True)
    row = Tenant.objects.get(pk=acme.tenant.pk)
    assert (row.sending_paused_by, row.sending_paused_why) == (by, WHY)
    if by:
        release_sending(actor=acme.owner, tenant=acme.tenant, why=WHY)
        assert not is_waiting(acme)
