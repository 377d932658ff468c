"""When a campaign goes out, on clocks that were chosen: zones with odd offsets, clocks that change, series."""

from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns.actions.errors import CampaignRefused
from campaigns.plan import plan_of
from campaigns.timing import AT_ONCE, Past, Repeat, Timing, instant, slots

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("wall", "zone", "utc"),
    [
        ("2026-03-01T09:00", "Asia/Kolkata", "2026-03-01T03:30+00:00"),
        ("2026-03-01T09:00", "Asia/Kathmandu", "2026-03-01T03:15+00:00"),
        ("2026-03-01T09:00", "Pacific/Chatham", "2026-02-28T19:15+00:00"),
        ("2026-03-01T09:00", "Pacific/Kiritimati", "2026-02-28T19:00+00:00"),
        # Clocks go forward at 02:00 in New York: 02:30 is 03:30 there.
        ("2026-03-08T01:59", "America/New_York", "2026-03-08T06:59+00:00"),
        ("2026-03-08T02:30", "America/New_York", "2026-03-08T07:30+00:00"),
        ("2026-03-08T03:00", "America/New_York", "2026-03-08T07:00+00:00"),
        # And back at 02:00: 01:30 comes twice, the first counts.
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30+00:00"),
        ("2026-11-01T02:00", "America/New_York", "2026-11-01T07:00+00:00"),
        # Lord Howe's clock changes by half an hour, both ways.
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45+00:00"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45+00:00"),
        # Samoa left a whole day out.
        ("2011-12-30T09:00", "Pacific/Apia", "2011-12-30T19:00+00:00"),
    ],
)
def test_a_wall_clock_time_is_one_instant(wall: str, zone: str, utc: str) -> None:
    assert instant(at(wall), zone) == at(utc)


@pytest.mark.parametrize(
    ("past", "found"),
    [
        ("now", [NOW, "2026-03-01T12:15+00:00", "2026-03-01T17:00+00:00"]),
        ("next_day", ["2026-03-02T03:30+00:00", "2026-03-01T12:15+00:00", "2026-03-01T17:00+00:00"]),
        ("skip", [None, "2026-03-01T12:15+00:00", "2026-03-01T17:00+00:00"]),
    ],
)
def test_where_the_time_has_passed_what_was_chosen_happens(past: Past, found: list[object]) -> None:
    """It is noon in UTC: nine has passed in Kolkata, and not in a zone that is further west."""
    zones = ["Asia/Kolkata", "Etc/GMT+3", "America/Denver"]
    made = slots(at("2026-03-01T09:00"), NOW, past, [zones[0]])
    made += slots(at("2026-03-01T09:15"), NOW, past, [zones[1]])
    made += slots(at("2026-03-01T10:00"), NOW, past, [zones[2]])
    assert [slot.at for slot in made] == [at(one) if isinstance(one, str) else one for one in found]
    assert [slot.offset for slot in made] == ["UTC+05:30", "UTC-03:00", "UTC-07:00"]


def test_a_time_that_has_just_come_has_not_passed() -> None:
    [slot] = slots(at("2026-03-01T12:00"), NOW + timedelta(minutes=4), "skip", ["UTC"])
    assert slot.at == NOW


def series(first: str, repeat: Repeat, now: datetime, most: int, zone: str = "UTC") -> list[str]:
    timing = Timing(at(first), zone, rule=repeat.rule(at(first)))
    return [wall.isoformat(timespec="minutes") for wall in timing.occurrences(now, most)]


@pytest.mark.parametrize(
    ("first", "repeat", "found"),
    [
        ("2026-03-02T09:00", Repeat("daily", 2), ["2026-03-02T09:00", "2026-03-04T09:00", "2026-03-06T09:00"]),
        # The second of March is a Monday.
        ("2026-03-02T09:00", Repeat("weekly", 1, ("TU", "FR")),
         ["2026-03-03T09:00", "2026-03-06T09:00", "2026-03-10T09:00"]),
        ("2026-03-31T09:00", Repeat("monthly"), ["2026-03-31T09:00", "2026-04-30T09:00", "2026-05-31T09:00"]),
        ("2026-03-02T09:00", Repeat("daily", until=date(2026, 3, 3)), ["2026-03-02T09:00", "2026-03-03T09:00"]),
        ("2026-03-02T09:00", Repeat("weekly", count=2), ["2026-03-02T09:00", "2026-03-09T09:00"]),
        # What has passed is not made up for, but counts.
        ("2026-02-27T09:00", Repeat("daily", count=4), ["2026-03-02T09:00"]),
    ],
)  # fmt: skip
def test_series(first: str, repeat: Repeat, found: list[str]) -> None:
    assert series(first, repeat, NOW, 3) == found


def test_a_series_keeps_its_wall_clock_time_when_clocks_change() -> None:
    timing = Timing(at("2026-03-07T02:30"), "America/New_York", rule="FREQ=DAILY;COUNT=3")
    walls = timing.occurrences(NOW, 9)
    assert [timing.starts_at(wall, NOW).isoformat() for wall in walls] == [
        "2026-03-07T07:30:00+00:00",  # standard time
        "2026-03-08T07:30:00+00:00",  # the hour that is left out
        "2026-03-09T06:30:00+00:00",  # summer time
    ]


def test_by_each_own_clock_a_send_begins_where_the_day_does() -> None:
    timing = Timing(at("2026-03-05T09:00"), "Europe/Berlin", is_local=True)
    assert plan_of(timing, NOW).due_at == at("2026-03-04T19:00+00:00")


def test_it_is_stored_and_read_again() -> None:
    timing = Timing(at("2026-03-05T09:00"), "Europe/Berlin", is_local=True, past="skip", rule="FREQ=DAILY")
    assert Timing.from_json(timing.as_json()) == timing
    assert AT_ONCE.as_json() == {}
    assert Timing.from_json({}) == AT_ONCE


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        (Timing(at("2026-03-01T11:00")), "01 March 2026, 11:00 has passed in UTC. Choose a later time, or send now."),
        (Timing(at("2026-02-27T11:00"), is_local=True, past="skip"), "has passed in every time zone"),
        (Timing(at("2026-01-01T09:00"), rule="FREQ=DAILY;COUNT=3"), "The series has ended before today"),
        (Timing(at("2029-01-01T09:00")), "01 January 2029 is more than 730 days ahead"),
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_is_refused_in_words(timing: Timing, said: str) -> None:
    with pytest.raises(CampaignRefused, match=said):
        plan_of(timing, NOW)


def test_where_it_has_passed_for_some_it_begins_at_once() -> None:
    timing = Timing(at("2026-03-01T09:00"), "Europe/Berlin", is_local=True)
    plan = plan_of(timing, NOW, undo_seconds=10)
    assert (plan.due_at, plan.is_ahead, plan.occurrence) == (NOW + timedelta(seconds=10), True, "")
    assert plan.as_timing() == {"zone": "Europe/Berlin", "local": "2026-03-01T09:00", "past": "next_day"}
