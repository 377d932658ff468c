"""Rates that people set, shared by all workers: exact, even, and never waited for with a grant in hand."""

import time
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction
from django.utils import timezone

from campaigns.actions.campaign import Speed, launch_campaign, send_test
from campaigns.actions.control import set_send_rate
from campaigns.actions.freeze import freeze
from campaigns.delivery.batches import Grant, Later, claim
from campaigns.delivery.pacing import allowance, take
from campaigns.delivery.sender import Sender
from campaigns.delivery.transport import Transport
from campaigns.delivery.work import Work
from campaigns.models import Send
from tenants.actions.sending import RateRefused, set_pace, set_tenant_rate
from tenants.doorway import in_tenant
from tenants.models import DueWork, Pace
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    drain_once,
    fresh,
    in_threads,
    launch,
    new_campaign,
)


def take_for(seconds: float, tenant_id: int) -> list[tuple[float, int]]:
    """Do what workers do with a tenant's pace for a while; answer when each grant began and its size."""
    taken, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        with transaction.atomic():
            allowed = allowance(tenant_id, 0, 0)
            if not allowed.waits:
                take(allowed, allowed.most)
                taken.append((allowed.start, allowed.most))
        time.sleep(max(0.001, min(allowed.waits, 0.05)))
    return taken


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_a_rate_is_exact_with_any_number_of_workers(lasting: Place, workers: int) -> None:
    """RL-06: 1,019 a minute is neither rounded down nor multiplied. Measured between grants, so no clock is assumed."""
    tenant = lasting.workspace.tenant.pk
    with transaction.atomic():
        set_pace(f"tenant:{tenant}", tenant, 1019)
    found: list[tuple[float, int]] = []
    in_threads(workers, lambda _: found.extend(take_for(3.0, tenant)))
    found.sort()
    span = found[-1][0] - found[0][0]
    sent = sum(size for _, size in found[:-1])
    assert sent / span * 60 == pytest.approx(1019, rel=0.02)
    # Evenly: each grant begins where the one before ends.
    for (start, size), (following, _) in pairwise(found):
        assert following - start == pytest.approx(size * 60 / 1019, abs=0.1)


def test_the_slowest_of_all_rates_holds(place: Place) -> None:
    tenant, site = place.workspace.tenant.pk, place.site.pk
    for key, rate in ((f"tenant:{tenant}", 6000), (f"site:{tenant}:{site}", 600), (f"send:{tenant}:9", 1200)):
        set_pace(key, tenant, rate)
    assert allowance(tenant, site, 9).spacing == pytest.approx(0.1)
    assert allowance(tenant, site, 8).spacing == pytest.approx(0.1)
    assert allowance(tenant, site + 1, 8).spacing == pytest.approx(0.01)
    assert allowance(tenant + 1, site, 9).spacing == 0.0


def test_a_grant_is_at_most_what_the_pace_allows_in_a_second(place: Place) -> None:
    add_subscribers(place, [NORMAL] * 50)
    send = launch(place)
    tenant = place.workspace.tenant.pk
    set_pace(f"send:{tenant}:{send.pk}", tenant, 600)
    with in_tenant(place.schema):
        from_now = time.monotonic()
        grant = granted(place, send)
        assert len(grant.ids) == 10
        assert [grant.opens_at(position) for position in (0, 9)] == pytest.approx(
            [from_now, from_now + 0.9], abs=0.95
        )
        later = claim(send.pk, tenant_id=tenant)
    assert isinstance(later, Later)
    assert 0 < later.seconds <= 1.0


def granted(place: Place, send: Send) -> Grant:
    work = Work(place.workspace.tenant.pk, place.schema, send.pk)
    freeze(work)
    grant = claim(send.pk, tenant_id=work.tenant_id)
    assert isinstance(grant, Grant)
    return grant


def test_a_paced_send_goes_out_evenly(place: Place, transport: Transport) -> None:
    """RL-06, through the sender: the push service sees the rate, and no second has twice its share."""
    add_subscribers(place, [NORMAL] * 60)
    send = launch(place)
    tenant = place.workspace.tenant.pk
    set_pace(f"send:{tenant}:{send.pk}", tenant, 1200)
    started = time.monotonic()
    Sender(transport, lambda: False, lingers=True).run()
    seconds = time.monotonic() - started
    assert fresh(place, send).state == "finished"
    # 60 messages at 20 a second; a worker that comes late catches up on less than a second.
    assert seconds == pytest.approx(3.0, abs=1.1)


def test_a_send_may_be_spread_over_minutes(place: Place) -> None:
    add_subscribers(place, [NORMAL] * 50)
    campaign = new_campaign(place)
    with in_tenant(place.schema):
        send = launch_campaign(
            actor=place.workspace.owner, tenant=place.workspace.tenant, campaign=campaign, ttl=600,
            speed=Speed(spread_minutes=10),
        )  # fmt: skip
        freeze(Work(place.workspace.tenant.pk, place.schema, send.pk))
    assert Pace.objects.get(key=f"send:{place.workspace.tenant.pk}:{send.pk}").per_minute == 5.0


def test_a_changed_rate_holds_at_once(place: Place) -> None:
    """The next message of the old rate was due in a minute."""
    add_subscribers(place, [NORMAL] * 50)
    send = launch(place)
    tenant = place.workspace.tenant
    set_pace(f"send:{tenant.pk}:{send.pk}", tenant.pk, 1)
    with in_tenant(place.schema):
        granted(place, send)
        set_send_rate(actor=place.workspace.owner, tenant=tenant, send=send, per_minute=6000)
    assert allowance(tenant.pk, place.site.pk, send.pk).waits == 0.0
    assert DueWork.objects.get(send_id=send.pk).due_at <= timezone.now()
    with in_tenant(place.schema):
        set_send_rate(actor=place.workspace.owner, tenant=tenant, send=send)
    assert not Pace.objects.filter(tenant_id=tenant.pk).exists()


@pytest.mark.parametrize("rate", [0, -1, 10_000_001])
def test_a_rate_outside_the_bounds_is_refused_with_its_value(place: Place, rate: int) -> None:
    with pytest.raises(RateRefused, match=f"{rate:,} messages a minute cannot be set"):
        set_tenant_rate(actor=place.workspace.owner, tenant=place.workspace.tenant, per_minute=rate)
    assert not Pace.objects.exists()


def test_a_test_send_does_not_wait_for_the_pace(place: Place, transport: Transport) -> None:
    tenant = place.workspace.tenant.pk
    set_pace(f"tenant:{tenant}", tenant, 1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_pace SET next_at = now() + interval '1 hour'")
    [device] = add_subscribers(place, [NORMAL], is_test=True)
    with in_tenant(place.schema):
        send = send_test(
            actor=place.workspace.owner, tenant=place.workspace.tenant, campaign=new_campaign(place),
            subscriber_id=device.pk, ttl=60,
        )  # fmt: skip
    drain_once(transport)
    assert fresh(place, send).accepted == 1


def places_ahead(place: Place) -> float:
    """Seconds by which the send's pace is taken ahead of now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM tenants_pace")
        [[seconds]] = cursor.fetchall()
    return float(seconds)


def test_a_worker_that_stops_gives_its_unused_places_back(place: Place, transport: Transport) -> None:
    """FT-17: of the ten that it was granted at ten a second it has sent a few."""
    add_subscribers(place, [NORMAL] * 50)
    send = launch(place)
    tenant = place.workspace.tenant.pk
    set_pace(f"send:{tenant}:{send.pk}", tenant, 600)
    with in_tenant(place.schema):
        freeze(Work(tenant, place.schema, send.pk))
    until = time.monotonic() + 0.3
    Sender(transport, lambda: time.monotonic() > until).run()
    sent = fresh(place, send).accepted
    assert 1 <= sent <= 13
    # The next place is the one behind the last that was used.
    assert places_ahead(place) < 0.15


def test_who_is_put_off_takes_no_place_of_the_pace(place: Place, transport: Transport) -> None:
    """Half of the subscriptions were asked to wait: they cost nothing now, and a place each when they are due."""
    add_subscribers(place, [NORMAL] * 10, wait_until=timezone.now() + timedelta(minutes=5))
    add_subscribers(place, [NORMAL] * 10)
    send = launch(place)
    tenant = place.workspace.tenant.pk
    set_pace(f"send:{tenant}:{send.pk}", tenant, 600)
    started = time.monotonic()
    Sender(transport, lambda: False, lingers=True).run()
    seconds = time.monotonic() - started
    assert fresh(place, send).accepted == 10
    assert places_ahead(place) + seconds == pytest.approx(1.0, abs=0.4)
