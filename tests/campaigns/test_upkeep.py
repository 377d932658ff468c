"""Upkeep: rung once in its period whatever the number of clocks, and one tenant's trouble is not the others'."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from campaigns.models import Engagement, LedgerPage, Send
from campaigns.tasks import engage, tend
from tenants.chores import ring_chores
from tenants.doorway import in_tenant
from tenants.models import Tenant, Throttle
from tests.campaigns.places import NORMAL, Place, add_subscribers, finish, in_threads, launch, open_place
from tests.conftest import Workspace


def test_a_chore_is_rung_for_once_in_its_period(lasting: Place) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenants_chore")
    before, chores = OrmQ.objects.count(), len(settings.CHORES)
    in_threads(4, lambda _: ring_chores())
    assert OrmQ.objects.count() == before + chores
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_chore SET due_at = now() - interval '1 second'")
    assert [ring_chores(), ring_chores()] == [chores, 0]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenants_chore")


def test_each_tenant_is_tended_and_one_that_fails_holds_nobody_up(
    acme: Workspace, globex: Workspace, sandbox: Any, transport: Any
) -> None:
    places = [open_place(acme, sandbox), open_place(globex, sandbox)]
    for place in places:
        add_subscribers(place, [NORMAL] * 2)
        send = finish(place, launch(place), transport)
        with in_tenant(place.schema):
            Send.objects.filter(pk=send.pk).update(finished_at=timezone.now() - timedelta(days=91))
    old = timezone.now() - timedelta(minutes=11)
    for lane, next_at in (("o:old", old), ("o:new", timezone.now())):
        Throttle.objects.create(lane=lane, kind="origin", origin="x", per_second=1, normal=1, next_at=next_at)
    Tenant.objects.filter(pk=acme.tenant.pk).update(state="suspended")
    assert tend() == 2
    for place in places:
        with in_tenant(place.schema):
            assert not LedgerPage.objects.exists()
    assert list(Throttle.objects.values_list("lane", flat=True)) == ["o:new"]


def test_upkeep_makes_room_for_others_and_goes_on_where_it_was(
    lasting: Place, transport: Any, settings: Any
) -> None:
    """A long task would keep whoever waits for a new workspace, or a campaign, from its process."""
    settings.UPKEEP_SECONDS, settings.BATCH_SIZE = 0.0, 1
    add_subscribers(lasting, [NORMAL] * 45)
    finish(lasting, launch(lasting), transport)
    OrmQ.objects.all().delete()
    tenant, after, seen = lasting.workspace.tenant.pk, 0, []
    # 20, 20 and 5 batches; then nothing is left, and the next tenant's turn comes.
    for _ in range(4):
        engage(after)
        [queued] = OrmQ.objects.all()
        assert (queued.key, queued.func()) == ("short", "campaigns.tasks.engage")
        [after] = queued.args()
        seen.append(after)
        OrmQ.objects.all().delete()
    assert seen == [tenant - 1, tenant - 1, tenant - 1, tenant]
    assert engage(after) == 0
    with in_tenant(lasting.schema):
        assert Engagement.objects.count() == 45
    assert not OrmQ.objects.exists()
