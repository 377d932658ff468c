"""A/B tests of times: versions that go out one after the other, and are compared over the same length each."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from campaigns.actions.fold_receipts import fold_receipts
from campaigns.delivery.ab import AbTest, standings
from campaigns.models import Batch, Receipt, Send
from campaigns.timing import Timing
from tenants.doorway import in_tenant
from tenants.models import DueWork
from tests.campaigns.places import TTL, Place, add_subscribers, drain_once, finish, fresh, minutes_pass
from tests.campaigns.versions import HALVES, launch, report, versions
from truepush.local.sandbox.subscriptions import Behaviour


def test_times_are_tried_one_after_the_other(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 60)
    ab = AbTest(shares=HALVES, delays=(90,))
    send = launch(place, versions(place), ab)
    drain_once(transport)
    now = fresh(place, send)
    with in_tenant(place.schema):
        rows = list(
            Batch.objects.filter(send=send).order_by("variant").values_list("variant", "due_at", "expires_at")
        )
    assert [row[0] for row in rows] == [0, 1]
    assert rows[1][1] == now.due_at + timedelta(minutes=90)
    assert rows[1][2] - rows[1][1] == timedelta(seconds=TTL)
    assert now.expires_at == rows[1][2]
    assert [content["title"] for content in now.content] == ["Version A", "Version A"]
    done = finish(place, send, transport)
    assert done.accepted == 60


def test_times_are_judged_by_the_same_length_each_and_reported_in_full(place: Place, transport: Any) -> None:
    """Receipts of a test that is open stay as they came; once it is decided they are folded like any others."""
    add_subscribers(place, [Behaviour()] * 100)
    send = launch(place, versions(place), AbTest(shares=HALVES, delays=(90,), first=80, then="ask"))
    drain_once(transport)
    with in_tenant(place.schema):
        Batch.objects.filter(send=send, variant=1).update(due_at=timezone.now())
    DueWork.objects.filter(send_id=send.pk).update(due_at=timezone.now())
    drain_once(transport)
    report(place, send, 0, 12, 12)
    with in_tenant(place.schema):
        # The first one's came after 2 days, when the second one had been out for less.
        Receipt.objects.update(at=timezone.now() - timedelta(days=20))
        Batch.objects.filter(send=send, wave=0, variant=0).update(due_at=timezone.now() - timedelta(days=22))
    report(place, send, 1, 2, 4)
    with in_tenant(place.schema):
        assert fold_receipts() == 0
        counted = [(one.displayed, one.clicked) for one in standings(fresh(place, send))]
    assert counted == [(0, 0), (4, 2)]
    minutes_pass(place, send, "ab")
    drain_once(transport)
    held = fresh(place, send)
    assert (held.state, held.ab["state"]) == ("paused", "ask")
    assert "B is the best by clicks" in held.ab["said"]
    with in_tenant(place.schema):
        assert fold_receipts() > 0
        found = standings(held)
    assert [(one.displayed, one.clicked) for one in found] == [(12, 12), (4, 2)]
    assert [one.chance for one in found] == held.ab["chances"]
    assert found[1].chance > 0.5 > found[0].chance


def test_by_each_subscribers_own_clock_versions_and_times_are_tried_too(place: Place, transport: Any) -> None:
    zones = ("Asia/Kolkata", "Europe/Berlin")
    for zone in zones:
        add_subscribers(place, [Behaviour()] * 20, time_zone=zone)
    wall = (datetime.now(UTC) + timedelta(days=2)).replace(
        hour=9, minute=0, second=0, microsecond=0, tzinfo=None
    )
    timing = Timing(wall, "UTC", is_local=True)
    send = launch(place, versions(place), AbTest(shares=HALVES, delays=(600,)), timing=timing)
    with in_tenant(place.schema):
        Send.objects.filter(pk=send.pk).update(due_at=timezone.now())
    DueWork.objects.filter(send_id=send.pk).update(due_at=timezone.now())
    drain_once(transport)
    with in_tenant(place.schema):
        rows = list(Batch.objects.filter(send=send).values_list("variant", "zone", "due_at"))
    assert len(rows) == 4
    at = {(variant, zone): due for variant, zone, due in rows}
    for zone in ("UTC+05:30", "UTC+01:00"):
        assert at[1, zone] - at[0, zone] == timedelta(hours=10)
