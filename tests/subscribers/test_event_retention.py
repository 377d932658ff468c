"""Moments and properties of old events go, how often and when first and last stays (PR-05)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from subscribers.actions import retention
from subscribers.actions.retention import RetentionRefused, forget, forget_all, set_retention
from subscribers.models import EventFact, Site
from tenants.doorway import in_tenant
from tenants.models import Tenant
from tests.conftest import Workspace
from tests.subscribers.people import add_people

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def fact(person: Any, name: str, *days: int) -> EventFact:
    moments = [NOW - timedelta(days=each) for each in days]
    return EventFact.objects.create(
        subscriber=person, name=name, count=40, first_at=moments[-1], last_at=moments[0], recent=moments,
        last_properties={"total": 1},
    )  # fmt: skip


@pytest.mark.parametrize("rows", [1, 2, 5000])
def test_what_is_older_is_removed_in_pieces(
    acme: Workspace, shop: Site, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS", rows)
    with in_tenant(acme.schema):
        [person] = add_people(shop, [{}])
        new, mixed, old = fact(person, "new", 1, 2), fact(person, "mixed", 1, 31), fact(person, "old", 31, 40)
        assert sum(number for number, _ in forget(NOW - timedelta(days=30))) == 2
        for one in (new, mixed, old):
            one.refresh_from_db()
        assert [len(one.recent) for one in (new, mixed, old)] == [2, 1, 0]
        assert [one.last_properties for one in (new, mixed, old)] == [{"total": 1}, {"total": 1}, {}]
        assert [(one.count, one.last_at) for one in (mixed, old)] == [
            (40, NOW - timedelta(days=1)), (40, NOW - timedelta(days=31)),
        ]  # fmt: skip
        assert mixed.recent == [NOW - timedelta(days=1)]
        assert sum(number for number, _ in forget(NOW - timedelta(days=30))) == 0


def test_each_workspace_keeps_as_long_as_it_said(
    acme: Workspace, globex: Workspace, shop: Site, settings: Any
) -> None:
    settings.EVENT_DAYS = 400
    set_retention(actor=acme.owner, tenant=acme.tenant, recipients=None, events=10)
    # What is promised to people holds in a suspended workspace too.
    Tenant.objects.filter(pk=acme.tenant.pk).update(state="suspended")
    with in_tenant(acme.schema):
        [person] = add_people(shop, [{}])
        EventFact.objects.create(
            subscriber=person, name="x", count=1, first_at=NOW, last_at=timezone.now() - timedelta(days=11),
            recent=[timezone.now() - timedelta(days=11)],
        )  # fmt: skip
    assert forget_all() == 1
    assert forget_all() == 0
    set_retention(actor=acme.owner, tenant=acme.tenant, recipients=None, events=None)


def test_days_out_of_reach_are_refused(acme: Workspace) -> None:
    with pytest.raises(RetentionRefused, match="0 days cannot be kept: give 1 to 3,650"):
        set_retention(actor=acme.owner, tenant=acme.tenant, recipients=0, events=None)


def test_it_makes_room_for_others_and_goes_on_where_it_was(
    acme: Workspace, globex: Workspace, shop: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS", 1)
    settings.UPKEEP_SECONDS, settings.EVENT_DAYS = 0, 30
    with in_tenant(acme.schema):
        [person] = add_people(shop, [{}])
        for name in ("a", "b", "c"):
            fact(person, name, 400, 401)
    OrmQ.objects.all().delete()
    rounds, where, changed = 0, (0, 0), 0
    while rounds == 0 or OrmQ.objects.exists():
        for queued in OrmQ.objects.all():
            where = queued.task["args"]
            queued.delete()
        changed += forget_all(*where)
        rounds += 1
    assert changed == 3
    assert rounds >= 3
    with in_tenant(acme.schema):
        assert not EventFact.objects.exclude(recent=[]).exists()
