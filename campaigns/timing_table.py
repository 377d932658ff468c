"""When each time zone gets a send, with how many live there: the table that the composer and the report show."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Min, Sum

from campaigns.models import HELD_OUT, Batch, Send
from campaigns.timing import Timing, slots
from subscribers.models import Site, Subscriber
from subscribers.time_zones import zone_names


class ZoneRow(NamedTuple):
    """One offset: when (None is never), how many people, and some of its zones to know it by."""

    offset: str
    at: datetime | None
    people: int
    zones: str


def zone_rows(wall: datetime, begins: datetime, timing: Timing, site: Site) -> list[ZoneRow]:
    """Foretell it for who is subscribed now, the earliest first; who has no known zone is with the website's."""
    people: dict[str, int] = {}
    counted = Subscriber.objects.filter(site=site, state=Subscriber.State.ACTIVE, is_test=False)
    for zone, number in counted.values_list("time_zone").annotate(number=Count("id")):
        known = zone if zone in zone_names() else timing.zone
        people[known] = people.get(known, 0) + number
    together: dict[tuple[str, datetime | None], list[str]] = {}
    for slot in slots(wall, begins, timing.past, people):
        together.setdefault((slot.offset, slot.at), []).append(slot.zone)
    rows = [
        ZoneRow(offset, at, sum(people[zone] for zone in zones), _named(zones, people))
        for (offset, at), zones in together.items()
    ]
    return sorted(rows, key=lambda row: (row.at is None, row.at or begins))


def _named(zones: list[str], people: dict[str, int]) -> str:
    """Name the two that most people live in."""
    most = sorted(zones, key=lambda zone: (-people[zone], zone))[:2]
    return ", ".join(zone.rpartition("/")[2].replace("_", " ") for zone in most)


def sent_rows(send: Send) -> list[ZoneRow]:
    """What came of it: from the batches of a send that has begun, and who was left out."""
    roots = Batch.objects.filter(send=send, root__isnull=True).exclude(wave=HELD_OUT)
    made = roots.values_list("zone").annotate(at=Min("due_at"), people=Sum("size")).order_by("at", "zone")
    left_out = send.timing.get("left_out", {})
    return [
        *(ZoneRow(zone, at, people, "") for zone, at, people in made),
        *(ZoneRow(zone, None, people, "") for zone, people in sorted(left_out.items())),
    ]
