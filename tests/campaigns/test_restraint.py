"""Caps, gaps and quiet hours: exact under parallel workers, never against a send's own second claim, given back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from campaigns.actions.campaign import send_test
from campaigns.actions.upkeep import forget_caps
from campaigns.delivery.outcomes import Skip
from campaigns.delivery.restraint import reserve
from campaigns.models import CapUse, Send
from subscribers.actions.site import set_restraint
from subscribers.models import Site, Subscriber
from subscribers.restraint import Restraint
from tenants.doorway import in_tenant
from tests.campaigns.places import (
    Place,
    add_subscribers,
    check_conservation,
    drain_once,
    finish,
    fresh,
    in_threads,
    launch,
    new_campaign,
    new_transport,
)
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import field_errors, page_text
from truepush.local.sandbox.subscriptions import Answer, Behaviour

IDS = list(range(1, 41))


def limit(place: Place, **rule: Any) -> None:
    with in_tenant(place.schema):
        set_restraint(
            actor=place.workspace.owner,
            tenant=place.workspace.tenant,
            site=place.site,
            restraint=Restraint(**rule),
        )


def counts(send: Send) -> dict[str, int]:
    return {
        name: getattr(send, name) for name in ("accepted", "skipped", "failed", "gone") if getattr(send, name)
    }


def test_who_has_had_as_many_is_left_out_with_the_reason(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()] * 3)
    limit(place, per_day=2)
    ends = [finish(place, launch(place), transport) for _ in range(3)]
    assert [counts(end) for end in ends] == [{"accepted": 3}, {"accepted": 3}, {"skipped": 3}]
    assert ends[2].reasons == {"skipped capped": 3}
    for end in ends:
        check_conservation(place, end)


def test_too_soon_after_another_is_a_gap(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour()])
    limit(place, gap_minutes=30)
    assert counts(finish(place, launch(place), transport)) == {"accepted": 1}
    second = finish(place, launch(place), transport)
    assert (counts(second), second.reasons) == ({"skipped": 1}, {"skipped gap": 1})
    with in_tenant(place.schema):
        CapUse.objects.update(times=[timezone.now() - timedelta(minutes=31)])
    assert counts(finish(place, launch(place), transport)) == {"accepted": 1}


def test_who_was_not_reached_has_not_had_one(place: Place, transport: Any) -> None:
    add_subscribers(place, [Behaviour(), Behaviour(Answer.GONE), Behaviour(Answer.UNAVAILABLE)])
    limit(place, per_week=1)
    send = finish(place, launch(place), transport)
    assert counts(send) == {"accepted": 1, "gone": 1, "failed": 1}
    with in_tenant(place.schema):
        used = dict(CapUse.objects.order_by("pk").values_list("pk", "sends"))
    assert list(used.values()) == [[send.pk], [], []]


def test_a_second_claim_neither_counts_twice_nor_refuses_itself(place: Place) -> None:
    rule = Restraint(per_hour=1, gap_minutes=60)
    with in_tenant(place.schema):
        assert reserve(7, IDS, rule) == {}
        assert reserve(7, IDS, rule) == {}
        assert {tuple(sends) for sends in CapUse.objects.values_list("sends", flat=True)} == {(7,)}
        assert reserve(8, [1, 2], rule) == {1: Skip.GAP, 2: Skip.GAP}
        assert reserve(8, [1, 99], Restraint(per_hour=1)) == {1: Skip.CAPPED}


@pytest.mark.parametrize(("rule", "age", "is_free"), [
    (Restraint(per_hour=1), timedelta(minutes=59), False), (Restraint(per_hour=1), timedelta(minutes=61), True),
    (Restraint(per_day=1), timedelta(hours=23), False), (Restraint(per_day=1), timedelta(hours=25), True),
    (Restraint(per_week=1), timedelta(days=6), False), (Restraint(per_week=1), timedelta(days=8), True),
    (Restraint(per_hour=1, per_week=2), timedelta(hours=2), True),
])  # fmt: skip
def test_only_what_is_within_the_span_counts(
    place: Place, rule: Restraint, age: timedelta, is_free: bool
) -> None:
    with in_tenant(place.schema):
        CapUse.objects.create(subscriber_id=5, sends=[1], times=[timezone.now() - age])
        assert (reserve(2, [5], rule) == {}) is is_free


def test_what_nothing_counts_any_more_is_forgotten(place: Place) -> None:
    with in_tenant(place.schema):
        old, new = timezone.now() - timedelta(days=9), timezone.now()
        CapUse.objects.create(subscriber_id=1, sends=[1, 2], times=[old, old])
        CapUse.objects.create(subscriber_id=2, sends=[1, 2], times=[old, new])
        CapUse.objects.create(subscriber_id=3, sends=[], times=[])
        # A write drops what is older than the longest span.
        reserve(3, [2], Restraint(per_day=5))
        assert CapUse.objects.get(pk=2).sends == [2, 3]
        forget_caps()
        assert list(CapUse.objects.values_list("pk", flat=True)) == [2]


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_it_is_exact_under_parallel_workers(lasting: Place, workers: int) -> None:
    """Each worker reserves for a send of its own over the same people, in another order, again and again."""
    rule, taken = Restraint(per_day=3), []

    def work(number: int) -> None:
        for turn in range(4):
            send = 100 * turn + number
            ids = IDS if number % 2 else IDS[::-1]
            with in_tenant(lasting.schema):
                refused = reserve(send, ids, rule)
            taken.extend((pk, send) for pk in IDS if pk not in refused)

    in_threads(workers, work)
    with in_tenant(lasting.schema):
        held = {(use.pk, send) for use in CapUse.objects.all() for send in use.sends}
    assert held == set(taken)
    assert [sum(pk == one for pk, _ in taken) for one in IDS] == [3] * len(IDS)


def test_two_sends_at_once_share_one_place(lasting: Place, settings: Any) -> None:
    settings.GRANT_SIZE = 5
    add_subscribers(lasting, [Behaviour()] * 60)
    limit(lasting, per_hour=1)
    sends = [launch(lasting) for _ in range(2)]

    def deliver(number: int) -> None:
        transport = new_transport(lasting.sandbox)
        try:
            for _ in range(4):
                drain_once(transport)
        finally:
            transport.close()

    in_threads(2, deliver)
    ends = [fresh(lasting, send) for send in sends]
    assert [end.state for end in ends] == ["finished", "finished"]
    assert sum(end.accepted for end in ends) == sum(end.skipped for end in ends) == 60


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


@pytest.mark.parametrize(
    ("start", "end", "now", "seconds"),
    [
        ("22:00", "08:00", "21:59:59", 0), ("22:00", "08:00", "22:00:00", 36000), ("22:00", "08:00", "03:30:30", 16170),
        ("22:00", "08:00", "07:59:59", 1), ("22:00", "08:00", "08:00:00", 0), ("13:00", "14:00", "13:15:00", 2700),
        ("13:00", "14:00", "14:00:00", 0),
    ],
)  # fmt: skip
def test_how_long_it_is_still_quiet(start: str, end: str, now: str, seconds: float) -> None:
    rule = Restraint(quiet_from=minutes(start), quiet_to=minutes(end))
    assert rule.quiet_for(datetime.fromisoformat(f"2026-06-01T{now}")) == seconds


def night_around(moment: datetime) -> dict[str, int]:
    """Quiet hours of three hours, in the middle of which this moment is."""
    now = moment.hour * 60 + moment.minute
    return {"quiet_from": (now - 90) % 1440, "quiet_to": (now + 90) % 1440}


@pytest.mark.parametrize("quiet", ["hold", "drop"])
def test_nobody_is_woken_by_their_own_clock(place: Place, transport: Any, quiet: Any) -> None:
    """It is night in UTC; in Kolkata, five and a half hours later, it is not. Who has no zone is with the website."""
    people = add_subscribers(place, [Behaviour()] * 3)
    with in_tenant(place.schema):
        for one, zone in zip(people, ("UTC", "Asia/Kolkata", ""), strict=True):
            Subscriber.objects.filter(pk=one.pk).update(time_zone=zone)
    limit(place, quiet=quiet, **night_around(datetime.now(UTC)))
    send = launch(place)
    drain_once(transport)
    now = fresh(place, send)
    if quiet == "drop":
        assert (counts(now), now.reasons) == ({"accepted": 1, "skipped": 2}, {"skipped quiet": 2})
        return
    assert counts(now) == {"accepted": 1}
    with in_tenant(place.schema):
        due = list(send.batches.filter(state="open").values_list("size", "attempt", "due_at"))
    assert [(size, attempt) for size, attempt, _ in due] == [(2, 1)]
    assert 85 < (due[0][2] - timezone.now()).total_seconds() / 60 < 91
    limit(place)
    assert counts(finish(place, send, transport)) == {"accepted": 3}


def test_tests_of_ones_own_browser_are_not_restrained(place: Place, transport: Any) -> None:
    [device] = add_subscribers(place, [Behaviour()], is_test=True)
    limit(place, per_hour=1, quiet="drop", **night_around(datetime.now(UTC)))
    campaign = new_campaign(place)
    for _ in range(2):
        with in_tenant(place.schema):
            test = send_test(
                actor=place.workspace.owner, tenant=place.workspace.tenant, campaign=campaign,
                subscriber_id=device.pk, ttl=60,
            )  # fmt: skip
        assert counts(finish(place, test, transport)) == {"accepted": 1}
    with in_tenant(place.schema):
        assert CapUse.objects.count() == 0


def test_it_is_set_on_a_page_and_said_before_sending(acme: Workspace, console: Callable[..., Client]) -> None:
    site = make_site(acme)
    client = console(acme)
    path = f"/sites/{site.pk}/restraint/"
    form = {"per_day": "2", "gap_minutes": "90", "quiet_from": "22:00", "quiet_to": "07:30", "quiet": "drop"}
    assert client.post(path, form).status_code == 302
    with in_tenant(acme.schema):
        stored = Site.objects.get().restraint
    assert stored == {"per_day": 2, "gap_minutes": 90, "quiet_from": 1320, "quiet_to": 450, "quiet": "drop"}
    page = client.get(path).content.decode()
    assert 'value="22:00"' in page
    assert Restraint.from_json(stored).in_words() == [
        "At most 2 campaigns a day for each subscriber.",
        "At least 90 minutes between two for each subscriber.",
        "Quiet from 22:00 to 07:30 by each own clock: what is due is left out.",
    ]
    assert "Limit how much subscribers get" in page_text(client.get(f"/sites/{site.pk}/"))
    for wrong, field in (
        ({"per_hour": "0"}, "per_hour"), ({"per_day": "1001"}, "per_day"), ({"quiet_from": "22:00"}, "quiet_to"),
        ({"quiet_from": "22:00", "quiet_to": "22:00"}, "quiet_to"), ({"quiet_to": "25:00"}, "quiet_to"),
    ):  # fmt: skip
        assert field in field_errors(client.post(path, wrong))
    client.post(path, {})
    with in_tenant(acme.schema):
        assert Site.objects.get().restraint == {}


def test_the_table_is_narrow(place: Place) -> None:
    """No index but its key: every grant writes to it."""
    with in_tenant(place.schema), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_indexes WHERE schemaname = %s AND tablename = 'campaigns_capuse'",
            [place.schema],
        )
        assert cursor.fetchone() == (1,)


def test_the_composer_says_who_would_be_left_out_now(place: Place, console: Callable[..., Client]) -> None:
    people = add_subscribers(place, [Behaviour()] * 4)
    with in_tenant(place.schema):
        for one, zone in zip(people, ("UTC", "UTC", "Asia/Kolkata", ""), strict=True):
            Subscriber.objects.filter(pk=one.pk).update(time_zone=zone)
        assert reserve(1, [people[0].pk, people[2].pk], Restraint(per_day=1)) == {}
    client, query = console(place.workspace), {"site": place.site.pk}
    said = "4 of 4 subscribers right now"
    assert page_text(client.get("/campaigns/reach/", query)).startswith(f"{said}. It is counted")
    limit(place, per_day=1, **night_around(datetime.now(UTC)))
    assert page_text(client.get("/campaigns/reach/", query)).startswith(
        f"{said}; 2 have had as many as one may get; for 3 it is quiet time. It is counted"
    )
