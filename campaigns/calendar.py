"""What goes out when: a month of sends that were or will be, with what comes again, and what is too close together."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from campaigns.delivery.personal import title_of
from campaigns.models import Campaign, Send
from campaigns.timing import Timing, zone_of
from subscribers.models import Site

# Two of a website within this are said to be close.
CLOSE = timedelta(hours=1)
MOST_SENDS = 500
MOST_SERIES = 100
MOST_OF_DAY = 5


@dataclass
class Entry:
    """One send, or an occurrence of a series that has none yet (`send_id` is None); `at` is by its website's clock."""

    title: str
    site: Site
    at: datetime
    state: str
    send_id: int | None
    campaign_id: int
    is_local: bool = False
    close_to: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Day:
    date: date
    is_in_month: bool
    is_today: bool
    entries: list[Entry]
    # How many more there are, that the day alone shows.
    more: int = 0


@dataclass(frozen=True)
class Month:
    """Whole weeks from Monday to Sunday."""

    first: date
    weeks: list[list[Day]]
    has_more: bool

    @property
    def previous(self) -> date:
        return (self.first - timedelta(days=1)).replace(day=1)

    @property
    def following(self) -> date:
        return (self.first + timedelta(days=32)).replace(day=1)


def month_of(first: date, now: datetime, whole: date | None = None) -> Month:
    """Lay out the month that begins on `first`; of each day but `whole` the first MOST_OF_DAY entries."""
    days = calendar.Calendar().monthdatescalendar(first.year, first.month)
    begin, end = days[0][0], days[-1][-1]
    sends = list(_sends(begin, end))
    entries = sorted([*sends[:MOST_SENDS], *_to_come(begin, end, now)], key=lambda entry: entry.at)
    _note_close(entries)
    by_day: dict[date, list[Entry]] = {}
    for entry in entries:
        by_day.setdefault(entry.at.date(), []).append(entry)

    def day_of(day: date) -> Day:
        found = by_day.get(day, [])
        shown = found if day == whole or len(found) <= MOST_OF_DAY + 1 else found[:MOST_OF_DAY]
        return Day(day, day.month == first.month, day == now.date(), shown, len(found) - len(shown))

    weeks = [[day_of(day) for day in week] for week in days]
    return Month(first, weeks, len(sends) > MOST_SENDS)


def _sends(begin: date, end: date) -> Iterator[Entry]:
    """Sends of campaigns, by when they were due; a day more on both sides for the zones."""
    edge = timedelta(days=1)
    found = Send.objects.filter(
        kind=Send.Kind.CAMPAIGN,
        due_at__gte=datetime.combine(begin - edge, datetime.min.time(), UTC),
        due_at__lt=datetime.combine(end + 2 * edge, datetime.min.time(), UTC),
    )
    shown = ("content", "state", "due_at", "timing", "campaign_id", "site__name", "site__time_zone")
    for send in found.select_related("site").only(*shown)[: MOST_SENDS + 1]:
        at = send.due_at.astimezone(zone_of(send.site.time_zone))
        if "local" in send.timing:
            at = datetime.fromisoformat(send.timing["local"]).replace(tzinfo=at.tzinfo)
        yield Entry(
            title_of(send.content),
            send.site,
            at,
            send.state,
            send.pk,
            send.campaign_id,
            is_local="local" in send.timing,
        )


def _to_come(begin: date, end: date, now: datetime) -> Iterator[Entry]:
    """Occurrences of series behind the one that is scheduled already."""
    series = (
        Campaign.objects.filter(state=Campaign.State.SCHEDULED).exclude(schedule={}).select_related("site")
    )
    for campaign in series[:MOST_SERIES]:
        timing = Timing.from_json(campaign.schedule)
        zone = zone_of(campaign.site.time_zone)
        following = timing.walls(now, until=end)
        for wall in list(following)[1:]:
            if wall.date() >= begin:
                yield Entry(
                    campaign.name,
                    campaign.site,
                    wall.replace(tzinfo=zone),
                    "series",
                    None,
                    campaign.pk,
                    timing.is_local,
                )


def _note_close(entries: list[Entry]) -> None:
    """Say of each which others of its website are within CLOSE, where one of the two can still be moved."""
    for number, entry in enumerate(entries):
        for other in entries[number + 1 :]:
            if other.at - entry.at >= CLOSE:
                break
            if other.site == entry.site and not {"scheduled", "series"}.isdisjoint(
                (entry.state, other.state)
            ):
                entry.close_to.append(other.title)
                other.close_to.append(entry.title)
