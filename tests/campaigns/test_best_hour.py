"""The hour in which each subscriber is most active: how it becomes known, and that a send goes out in it."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.actions.campaign import launch_campaign
from campaigns.actions.engagement import count_up
from campaigns.actions.receipts import Report, record_receipts
from campaigns.models import Batch, Receipt, Send
from campaigns.timing import Timing
from subscribers.actions.profile import fold, tell
from subscribers.hours import HOURS, MOST, add_hours, best_hour, best_hour_sql
from subscribers.models import Subscriber
from subscribers.profiles import Event, Told
from tenants.doorway import in_tenant
from tenants.models import DueWork, Tenant
from tests.campaigns.places import (
    NORMAL,
    TTL,
    Place,
    add_subscribers,
    check_conservation,
    drain_once,
    finish,
    new_campaign,
)
from tests.campaigns.places import launch as launch_now
from truepush.lib.receipt_token import ReceiptToken

DAY = datetime(2026, 3, 28, tzinfo=UTC)


def at(*hours: int) -> list[datetime]:
    return [DAY + timedelta(days=number, hours=hour) for number, hour in enumerate(hours)]


def counts(**by_hour: int) -> bytes:
    made = bytearray(HOURS)
    for hour, number in by_hour.items():
        made[int(hour[1:])] = number
    return bytes(made)


@pytest.mark.parametrize(
    ("known", "best"),
    [
        (None, None),
        (bytes(HOURS), None),
        (counts(h9=1), None),  # once says nothing
        (counts(h9=1, h10=1, h11=1), 10),  # around ten
        (counts(h9=2), 9),
        (counts(h23=2, h0=2), 0),  # over midnight; the first of equals
        (counts(h8=5, h20=6), 20),
        (counts(h8=5, h9=4, h20=6), 8),
    ],
)
def test_the_best_hour_of_what_is_known(db: None, known: bytes | None, best: int | None) -> None:
    assert best_hour(known) == best
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {best_hour_sql('hours')} FROM (SELECT %s::bytea AS hours) given", [known])
        assert cursor.fetchone()[0] == best


def test_sql_and_python_agree_on_anything(db: None) -> None:
    draw = random.Random(3)
    given = [bytes(draw.choice((0, 0, 1, draw.randrange(256))) for _ in range(HOURS)) for _ in range(300)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {best_hour_sql('hours')} FROM unnest(%s::bytea[]) WITH ORDINALITY AS g (hours, n) ORDER BY n",
            [given],
        )
        assert [row[0] for row in cursor.fetchall()] == [best_hour(one) for one in given]


def test_hours_are_counted_and_old_ones_fade() -> None:
    assert add_hours(None, at(7, 7, 23)) == counts(h7=2, h23=1)
    often = add_hours(counts(h7=8, h20=MOST - 1), at(20))
    assert often == counts(h7=4, h20=MOST // 2)


def test_visits_events_and_clicks_say_when_somebody_is_there(place: Place, transport: Any) -> None:
    visitor, buyer, clicker, silent = add_subscribers(place, [NORMAL] * 4)
    tenant = place.workspace.tenant.pk
    now = timezone.now()
    with in_tenant(place.schema):
        tell(tenant_id=tenant, subscriber_id=visitor.pk, told=Told(sessions=1, pages=3))
        tell(tenant_id=tenant, subscriber_id=buyer.pk, told=Told(events=[Event("purchase", {}, ago=7200)]))
        tell(tenant_id=tenant, subscriber_id=silent.pk, told=Told(add_tags=["vip"]))
        fold()
    Tenant.objects.filter(pk=tenant).update(engaged_until=now)
    send = finish(place, launch_now(place), transport)
    with in_tenant(place.schema):
        batch = Batch.objects.get(send=send)
    token = ReceiptToken(tenant, send.pk, batch.pk, batch.ids.index(clicker.pk), 0)
    record_receipts([Report(token, Receipt.Kind.CLICKED)])
    for _ in range(2):  # the second look counts nothing twice
        with in_tenant(place.schema):
            list(count_up(Tenant.objects.get(pk=tenant)))
    with in_tenant(place.schema):
        hours = dict(Subscriber.objects.values_list("pk", "hours"))
    assert hours[silent.pk] is None
    found = {
        pk: sum(hour * count for hour, count in enumerate(bytes(hours[pk])))
        for pk in (visitor.pk, buyer.pk, clicker.pk)
    }
    assert {sum(bytes(hours[pk])) for pk in found} == {1}
    assert found[buyer.pk] in {(now.hour - 2) % 24, (now.hour - 1) % 24}
    assert {found[visitor.pk], found[clicker.pk]} <= {now.hour, (now.hour + 1) % 24}


def best_send(place: Place, start: datetime) -> Send:
    """Launch for each one's best hour, as if `start` were its time."""
    campaign = new_campaign(place)
    timing = Timing((start + timedelta(hours=1)).replace(tzinfo=None, second=0), "UTC", is_best=True)
    with in_tenant(place.schema):
        send = launch_campaign(
            actor=place.workspace.owner, tenant=place.workspace.tenant, campaign=campaign, ttl=TTL,
            timing=timing,
        )  # fmt: skip
        Send.objects.filter(pk=send.pk).update(due_at=start)
    DueWork.objects.filter(send_id=send.pk).update(due_at=start)
    return send


def due(place: Place, send: Send) -> dict[int, datetime]:
    with in_tenant(place.schema):
        rows = Batch.objects.filter(send=send, root=None).values_list("ids", "due_at")
        return {pk: at for ids, at in rows for pk in ids}


def test_each_gets_it_within_an_hour_of_when_they_are_there(place: Place, transport: Any) -> None:
    """Synthetic activity: of each a favourite hour, with noise around it and over the day."""
    draw = random.Random(11)
    people = add_subscribers(place, [NORMAL] * 120)
    favourite = {}
    for person in people:
        favourite[person.pk] = hour = draw.randrange(24)
        visits = [
            DAY + timedelta(days=day, hours=hour, minutes=draw.gauss(30, 40)) for day in range(12)
        ]  # most within an hour of it
        noise = [DAY + timedelta(minutes=draw.randrange(1440)) for _ in range(5)]
        person.hours = add_hours(None, [*visits, *noise])
    with in_tenant(place.schema):
        Subscriber.objects.bulk_update(people, ["hours"])
    send = best_send(place, timezone.now())
    drain_once(transport)
    now = timezone.now()
    times = due(place, send)
    assert set(times) == set(favourite)
    for pk, moment in times.items():
        assert now - timedelta(seconds=60) <= moment < now + timedelta(hours=24)
        away = abs((moment.hour - favourite[pk] + 12) % 24 - 12)
        assert away <= 1, (pk, moment, favourite[pk])
    done = finish(place, send, transport, rounds=30)
    assert done.accepted == 120
    check_conservation(place, done)


def test_who_says_nothing_goes_with_the_time_zone_then_with_the_website(place: Place, transport: Any) -> None:
    now = timezone.now()
    there, here = (now.hour + 7) % 24, (now.hour + 13) % 24
    add_subscribers(place, [NORMAL] * 3, time_zone="Asia/Kolkata", hours=add_hours(None, at(*[there] * 9)))
    add_subscribers(place, [NORMAL] * 6, time_zone="Europe/Berlin", hours=add_hours(None, at(*[here] * 9)))
    [of_zone] = add_subscribers(place, [NORMAL], time_zone="Asia/Kolkata")
    [of_site] = add_subscribers(place, [NORMAL], time_zone="America/Lima")
    send = best_send(place, now)
    drain_once(transport)
    times = due(place, send)
    assert times[of_zone.pk].hour == there
    assert times[of_site.pk].hour == here


def test_where_nothing_is_known_it_goes_out_at_once(place: Place, transport: Any) -> None:
    add_subscribers(place, [NORMAL] * 3)
    send = best_send(place, timezone.now())
    assert finish(place, send, transport, rounds=2).accepted == 3
