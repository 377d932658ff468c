"""Subscribers over 30 days: exact on made days, with the last day ending now and days ending at midnight UTC."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count as numbers
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

import subscribers.actions.site_figures
import subscribers.figures
from subscribers.actions.site_figures import count_site
from subscribers.actions.subscription import digest_of
from subscribers.figures import FRESH, SHOWN, TASK, count_active, count_active_by_site, last_days
from subscribers.models import Site, Subscriber, VapidKey
from tenants.doorway import in_tenant
from tests.conftest import Workspace, make_site
from tests.subscribers.pages import text_of

_number = numbers(1)
NOW = datetime(2026, 3, 15, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the 15th of March 2026, 09:30 UTC: 30 days reach back over the end of February."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def day(number: int, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    """A moment of the day that many days before today; today is 0."""
    return datetime(2026, 3, 15, hour, minute, second, tzinfo=UTC) - timedelta(days=number)


def person(
    place: Workspace,
    site: Site,
    came: datetime,
    left: datetime | None = None,
    *,
    state: str = "",
    test: bool = False,
) -> None:
    endpoint = f"https://web.push.apple.com/{next(_number)}"
    with in_tenant(place.schema):
        Subscriber.objects.create(
            site_id=site.pk,
            vapid_key=VapidKey.objects.get(site_id=site.pk),
            service="apple",
            endpoint=endpoint,
            endpoint_digest=digest_of(endpoint),
            p256dh=b"p",
            auth=b"a",
            subscribed_at=came,
            ended_at=left,
            state=state or ("unsubscribed" if left else "active"),
            is_test=test,
        )


def figures(place: Workspace, site: Site) -> tuple[int, int, int]:
    with in_tenant(place.schema):
        found = last_days()[site.pk]
    return found["total"], found["gained"], found["lost"]


def totals(place: Workspace, site: Site) -> dict[date, int]:
    with in_tenant(place.schema):
        return {date.fromisoformat(bar["day"]): bar["total"] for bar in last_days()[site.pk]["chart"]}


def test_nobody_yet_is_30_days_of_zero(acme: Workspace, shop: Site) -> None:
    assert figures(acme, shop) == (0, 0, 0)
    assert list(totals(acme, shop)) == [date(2026, 2, 14) + timedelta(days=n) for n in range(30)]
    assert set(totals(acme, shop).values()) == {0}


def test_coming_and_going_on_given_days(acme: Workspace, shop: Site) -> None:
    person(acme, shop, day(40))
    person(acme, shop, day(40), day(35))
    person(acme, shop, day(40), day(10))
    person(acme, shop, day(20))
    person(acme, shop, day(20), day(19), state="gone")
    person(acme, shop, day(20), day(20, 18))
    person(acme, shop, day(5), day(0, 8))
    person(acme, shop, day(0, 9))
    assert figures(acme, shop) == (3, 5, 4)
    steps = {29: 2, 21: 2, 20: 4, 19: 3, 18: 3, 11: 3, 10: 2, 6: 2, 5: 3, 1: 3, 0: 3}
    chart = totals(acme, shop)
    assert {number: chart[day(number).date()] for number in steps} == steps


@pytest.mark.parametrize(
    ("came", "gained", "first"),
    [
        (day(29, 0, 0, 0), 1, 1),
        (day(30, 23, 59, 59), 0, 1),
        (day(28, 0, 0, 0), 1, 0),
        (day(29, 23, 59, 59), 1, 1),
    ],
    ids=[
        "first moment of the first day",
        "last moment before",
        "first moment of the second day",
        "last of the first",
    ],
)
def test_the_first_day_begins_at_midnight_utc(
    acme: Workspace, shop: Site, came: datetime, gained: int, first: int
) -> None:
    person(acme, shop, came)
    assert figures(acme, shop) == (1, gained, 0)
    assert totals(acme, shop)[day(29).date()] == first


def test_today_begins_at_midnight_utc(acme: Workspace, shop: Site) -> None:
    person(acme, shop, day(1, 23, 59, 59))
    person(acme, shop, day(0, 0, 0, 0))
    chart = totals(acme, shop)
    assert (chart[day(1).date()], chart[day(0).date()]) == (1, 2)


def test_days_are_utc_days_whatever_the_sessions_zone_is(acme: Workspace, shop: Site) -> None:
    person(acme, shop, datetime.fromisoformat("2026-03-14T23:30:00-05:00"))
    chart = totals(acme, shop)
    assert (chart[date(2026, 3, 14)], chart[date(2026, 3, 15)]) == (0, 1)


def test_test_devices_and_other_websites_are_left_out(acme: Workspace, shop: Site) -> None:
    other = make_site(acme, origin="https://blog.example")
    person(acme, shop, day(3), test=True)
    person(acme, shop, day(3), day(2), test=True)
    person(acme, other, day(3))
    assert (figures(acme, shop), figures(acme, other)) == ((0, 0, 0), (1, 1, 0))


@pytest.mark.parametrize("state", ["unsubscribed", "gone", "disabled"])
def test_whoever_is_not_active_is_lost_once(acme: Workspace, shop: Site, state: str) -> None:
    person(acme, shop, day(3), day(2), state=state)
    assert figures(acme, shop) == (0, 1, 1)


def test_the_total_is_who_would_get_a_message_to_everyone(acme: Workspace, shop: Site) -> None:
    other = make_site(acme, origin="https://blog.example")
    for number in range(5):
        person(acme, shop, day(number))
    person(acme, shop, day(4), day(1))
    person(acme, shop, day(4), test=True)
    person(acme, other, day(1))
    with in_tenant(acme.schema):
        assert count_active(shop.pk) == last_days()[shop.pk]["total"] == 5
        assert count_active_by_site() == {shop.pk: 5, other.pk: 1}


def test_bars_are_shares_of_the_highest_day(acme: Workspace, shop: Site) -> None:
    for _ in range(3):
        person(acme, shop, day(10), day(5))
    person(acme, shop, day(10))
    with in_tenant(acme.schema):
        bars = {
            date.fromisoformat(bar["day"]): (bar["bar"], bar["label"])
            for bar in last_days()[shop.pk]["chart"]
        }
    assert bars[day(11).date()] == (0, "4 March")
    assert bars[day(10).date()] == (100, "5 March")
    assert bars[day(5).date()] == (25, "10 March")


def test_the_first_page_shows_these_figures(
    acme: Workspace, shop: Site, console: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    today: Any = timezone.now()
    person(acme, shop, today - timedelta(days=40))
    person(acme, shop, today - timedelta(days=3))
    person(acme, shop, today - timedelta(days=3), today - timedelta(days=1))
    words = text_of(console(acme).get("/"))
    assert "Shop https://shop.example 2 +2 gained · \u22121 lost" in words


# --- Large audiences: what was counted is kept


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A website of three counts as a large one that takes long."""
    monkeypatch.setattr(subscribers.figures, "LARGE", 2)
    monkeypatch.setattr(subscribers.figures, "SLOW_MS", -1)


def asked() -> int:
    """How often a worker was asked to count since the last time."""
    found = sum(row.func() == TASK for row in OrmQ.objects.all())
    OrmQ.objects.all().delete()
    return found


def test_a_slow_count_is_kept_by_a_worker_and_shown_for_a_while(
    acme: Workspace, shop: Site, large: None
) -> None:
    for _ in range(3):
        person(acme, shop, day(1))
    asked()
    with in_tenant(acme.schema):
        assert (count_active(shop.pk), last_days()[shop.pk]["total"]) == (3, 3)
        assert asked() == 2
        assert Site.objects.get().figures == {}
        assert count_site(shop.pk)
        assert not count_site(shop.pk)  # just done
    person(acme, shop, day(1))
    with in_tenant(acme.schema):
        assert (count_active(shop.pk), last_days()[shop.pk]["total"]) == (3, 3)
        assert count_active_by_site() == {shop.pk: 3}
        assert asked() == 0
        # After a minute it is still shown, and counted anew meanwhile.
        Site.objects.update(figures={**Site.objects.get().figures, "at": (NOW - FRESH * 2).isoformat()})
        assert last_days()[shop.pk]["total"] == 3
        assert asked() == 1
        assert count_site(shop.pk)
        assert (count_active(shop.pk), last_days()[shop.pk]["total"]) == (4, 4)
        # After an hour nobody believes it.
        Site.objects.update(
            figures={**Site.objects.get().figures, "total": 9, "at": (NOW - SHOWN).isoformat()}
        )
        assert last_days()[shop.pk]["total"] == 4


def test_one_that_has_become_small_is_counted_for_each_page(acme: Workspace, shop: Site, large: None) -> None:
    person(acme, shop, day(1))
    with in_tenant(acme.schema):
        Site.objects.update(figures={"at": (NOW - FRESH * 2).isoformat(), "total": 7})
        assert count_site(shop.pk)
        assert Site.objects.get().figures == {}
        assert count_active(shop.pk) == 1
