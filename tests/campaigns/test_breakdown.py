"""The report by kind of people and over time, what is typical, and every recipient as a file."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.actions import breakdown as kept
from campaigns.actions.receipts import Report, record_receipts
from campaigns.breakdown import MOST_VALUES, break_down, typical
from campaigns.models import Batch, Receipt, Send
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tests.campaigns.places import CONTENT, Place, add_subscribers, finish, fresh, launch, new_campaign
from tests.subscribers.pages import page_text
from truepush.lib.receipt_token import ReceiptToken
from truepush.local.sandbox.subscriptions import Answer, Behaviour

GONE = Behaviour(Answer.GONE)
PEOPLE = [
    {"country": "DE", "browser": "Chrome", "language": "de-AT"},
    {"country": "DE", "browser": "Firefox", "language": "de"},
    {"country": "FR", "browser": "Chrome", "language": "fr"},
    {"country": "", "browser": "Chrome"},
]  # fmt: skip


@pytest.fixture
def send(place: Place, transport: Any) -> Send:
    """Sent to four: the last is gone; the first two displayed it and the first clicked."""
    people = add_subscribers(place, [Behaviour(), Behaviour(), Behaviour(), GONE])
    with in_tenant(place.schema):
        for one, profile in zip(people, PEOPLE, strict=True):
            Subscriber.objects.filter(pk=one.pk).update(**profile, external_id=f"=id-{one.pk}")
    made = finish(place, launch(place), transport)
    with in_tenant(place.schema):
        batch = Batch.objects.get(send=made, root=None)
        for ordinal, kind in ((0, 1), (0, 2), (1, 1)):
            token = ReceiptToken(place.workspace.tenant.pk, made.pk, batch.pk, ordinal, 0)
            record_receipts([Report(token, Receipt.Kind(kind))])
    return fresh(place, made)


def test_it_is_counted_by_every_dimension(place: Place, send: Send) -> None:
    with in_tenant(place.schema):
        by = break_down(send, timezone.now())["by"]
    assert by["country"] == [["DE", 2, 2, 2, 1], ["", 1, 0, 0, 0], ["FR", 1, 1, 0, 0]]
    assert by["browser"] == [["Chrome", 3, 2, 1, 1], ["Firefox", 1, 1, 1, 0]]
    assert by["language"] == [["de", 2, 2, 2, 1], ["", 1, 0, 0, 0], ["fr", 1, 1, 0, 0]]
    assert by["service"] == [["sandbox", 4, 3, 2, 1]]
    for rows in by.values():
        assert [sum(row[number] for row in rows) for number in range(1, 5)] == [4, 3, 2, 1]


def test_who_was_erased_since_still_counts(place: Place, send: Send) -> None:
    with in_tenant(place.schema):
        Subscriber.objects.filter(country="FR").delete()
        by = break_down(send, timezone.now())["by"]
    assert by["country"] == [["", 2, 1, 0, 0], ["DE", 2, 2, 2, 1]]


def test_many_values_are_cut_and_the_rest_is_one_row(place: Place, transport: Any) -> None:
    number = MOST_VALUES + 4
    people = add_subscribers(place, [Behaviour()] * number)
    with in_tenant(place.schema):
        for place_of, one in enumerate(people):
            Subscriber.objects.filter(pk=one.pk).update(browser=f"B{place_of:02}")
    made = finish(place, launch(place), transport)
    with in_tenant(place.schema):
        rows = break_down(made, timezone.now())["by"]["browser"]
    assert (len(rows), rows[-1]) == (MOST_VALUES + 1, ["*", 4, 4, 0, 0])


def test_over_time_outlives_the_raw_receipts(place: Place, send: Send) -> None:
    with in_tenant(place.schema):
        Receipt.objects.filter(kind=2).update(at=send.launched_at + timedelta(minutes=11))
        send.breakdown = break_down(send, timezone.now())
        assert send.breakdown["over_time"] == {
            "seconds": 60,
            "displayed": [2, *[0] * 11],
            "clicked": [*[0] * 11, 1],
        }
        Receipt.objects.all().delete()
        later = break_down(send, timezone.now() + timedelta(days=2))
        assert later["over_time"] == send.breakdown["over_time"]


def test_it_is_kept_and_counted_anew_only_while_it_may_change(
    place: Place, send: Send, monkeypatch: Any
) -> None:
    with in_tenant(place.schema):
        assert kept.refresh(send)
        first = fresh(place, send).breakdown["at"]
        assert kept.refresh(send)
        assert fresh(place, send).breakdown["at"] == first
        old = (timezone.now() - timedelta(days=9)).isoformat()
        Send.objects.filter(pk=send.pk).update(breakdown={**send.breakdown, "at": old})
        assert kept.refresh(fresh(place, send))
        assert fresh(place, send).breakdown["at"] > old
        ended = timezone.now() - timedelta(days=9)
        Send.objects.filter(pk=send.pk).update(
            breakdown={"at": (ended + timedelta(days=8, hours=1)).isoformat()}, finished_at=ended
        )
        assert kept.refresh(fresh(place, send))
        assert "by" not in fresh(place, send).breakdown


def test_a_large_one_is_counted_by_a_worker(place: Place, send: Send) -> None:
    with in_tenant(place.schema):
        send.audience = kept.MOST_AT_ONCE + 1
        assert not kept.refresh(send)
        assert not kept.refresh(send)  # asked for already
        assert "by" not in fresh(place, send).breakdown
    kept.count_breakdown(place.schema, send.pk)
    assert "by" in fresh(place, send).breakdown
    kept.count_breakdown(place.schema, 999)


def test_what_is_typical_is_the_median_of_the_last_ones(place: Place, send: Send) -> None:
    with in_tenant(place.schema):
        assert typical(send) is None
        for number, (accepted, displayed, clicked) in enumerate(((50, 25, 5), (100, 20, 1), (80, 80, 8)), 1):
            campaign = new_campaign(place)
            Send.objects.create(
                campaign=campaign, site=place.site, kind="campaign", state="finished", content=[CONTENT],
                rule={}, seed=number, ttl=60, audience=100, accepted=accepted, failed=100 - accepted,
                displayed=displayed, clicked=clicked, due_at=timezone.now(),
            )  # fmt: skip
        found = typical(send)
    assert found is not None
    assert tuple(found) == (3, 80.0, 50.0, 10.0, 0.0)


def test_the_page_shows_it(place: Place, send: Send, console: Callable[..., Client]) -> None:
    client = console(place.workspace)
    text = page_text(client.post(f"/sends/{send.pk}/breakdown/"))
    assert "Germany 2 100.0 % 100.0 % 50.0 %" in text
    assert "Not known 1 0.0 %" in text
    assert client.get(f"/sends/{send.pk}/breakdown/").status_code == 405
    assert f"/sends/{send.pk}/breakdown/" in client.get(f"/sends/{send.pk}/").content.decode()


def test_every_recipient_as_a_file_that_a_spreadsheet_can_open(
    place: Place, send: Send, console: Callable[..., Client]
) -> None:
    answer: Any = console(place.workspace).post(f"/sends/{send.pk}/recipients.csv")
    assert answer["Content-Disposition"] == f'attachment; filename="send-{send.pk}-recipients.csv"'
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[0] == [
        "subscriber",
        "external_id",
        "outcome",
        "reason",
        "attempts",
        "displayed",
        "clicked",
        "version",
    ]
    assert [row[2:3] + row[4:7] for row in rows[1:]] == [
        ["accepted", "1", "yes", "yes"], ["accepted", "1", "yes", ""], ["accepted", "1", "", ""], ["gone", "1", "", ""],
    ]  # fmt: skip
    assert all(row[1] == f"'=id-{row[0]}" for row in rows[1:])


@pytest.mark.parametrize(
    ("counted", "ended", "is_stale"),
    [
        (0.5, None, False), (1.5, None, True),  # minutes ago; while it runs
        (0.5, 0.2, True),  # before its end
        (0.5, 5, False), (1.5, 5, True),  # shortly after
        (5, 100, False), (11, 100, True),  # later
        (11, 60 * 24 * 9, False),  # when nothing comes any more
    ],
)  # fmt: skip
def test_how_old_a_count_may_be(
    place: Place, send: Send, counted: float, ended: float | None, is_stale: bool
) -> None:
    now = timezone.now()
    at = (now - timedelta(minutes=counted)).isoformat()
    with in_tenant(place.schema):
        send.breakdown = {"at": at}
        send.finished_at = None if ended is None else now - timedelta(minutes=ended)
        assert kept.refresh(send)
        assert (send.breakdown["at"] != at) is is_stale
