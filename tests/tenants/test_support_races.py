"""Support stops and starts all sending in the moment in which one workspace is paused, suspended or opened again."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import transaction

from tenants.actions.sending import pause_sending, stop_of_everything
from tenants.actions.support import (
    reopen_workspace,
    start_everything,
    stop_everything,
    suspend_workspace,
)
from tenants.models import Tenant
from tests.campaigns.places import in_threads, somebody_waits_for_us
from tests.conftest import Workspace, forget_audit
from tests.sandbox.driver import until

Act = Callable[[Workspace], object]
WHY = "They ask us to"


def stop(place: Workspace) -> None:
    stop_everything(actor=place.owner, why=WHY)


def start(place: Workspace) -> None:
    start_everything(actor=place.owner, why=WHY)


def suspend(place: Workspace) -> None:
    suspend_workspace(actor=place.owner, tenant=place.tenant, why=WHY)


def reopen(place: Workspace) -> None:
    reopen_workspace(actor=place.owner, tenant=place.tenant, why=WHY)


def guard(place: Workspace) -> None:
    pause_sending(actor=None, tenant_id=place.tenant.pk, kind="runaway", why="Too many")


@pytest.fixture
def stoppable(alone: Workspace) -> Iterator[Workspace]:
    """A workspace whose rows are committed; what it shares with others goes on afterwards."""
    yield alone
    if stop_of_everything():
        start(alone)
    forget_audit(*Tenant.objects.values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("before", "meanwhile", "last", "paused_by"),
    [
        ((), guard, stop, ""),
        ((stop,), suspend, start, "suspension"),
        ((suspend,), reopen, stop, "everywhere"),
        ((suspend, stop), reopen, start, None),
    ],
)
def test_each_finds_what_the_other_did(
    stoppable: Workspace, before: tuple[Act, ...], meanwhile: Act, last: Act, paused_by: str | None
) -> None:
    for act in before:
        act(stoppable)
    acting = threading.Thread(target=in_threads, args=[1, lambda _: last(stoppable)])
    with transaction.atomic():
        meanwhile(stoppable)
        acting.start()
        until(lambda: somebody_waits_for_us() or not acting.is_alive())
    acting.join()
    row = Tenant.objects.get(pk=stoppable.tenant.pk)
    assert (row.sending_paused_by if row.sending_paused_at else None) == paused_by
