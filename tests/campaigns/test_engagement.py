"""What subscribers made of the newest campaigns: counted once, in any order of send, report and look."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from campaigns.actions.engagement import MOST_SENDS, count_up, summary_of
from campaigns.actions.fold_receipts import fold_receipts
from campaigns.actions.receipts import Report, record_receipts
from campaigns.delivery.transport import Transport
from campaigns.models import Batch, Engagement, Receipt, Send
from campaigns.tasks import engage
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tests.campaigns.places import NORMAL, Place, add_subscribers, drain_once, finish, launch, open_place
from tests.conftest import Workspace
from tests.sandbox.driver import Sandbox
from truepush.lib.receipt_token import ReceiptToken

DISPLAYED, CLICKED = Receipt.Kind.DISPLAYED, Receipt.Kind.CLICKED


def report(place: Place, send: Send, row: Subscriber, kind: Receipt.Kind) -> None:
    with in_tenant(place.schema):
        batch = Batch.objects.get(send_id=send.pk, root=None)
        ordinal = batch.ids.index(row.pk)
    token = ReceiptToken(place.workspace.tenant.pk, send.pk, batch.pk, ordinal, 0)
    assert record_receipts([Report(token, kind)]) >= 1


def look(place: Place) -> None:
    tenant = type(place.workspace.tenant).objects.get(pk=place.workspace.tenant.pk)
    with in_tenant(place.schema):
        list(count_up(tenant))


def known(place: Place, row: Subscriber) -> tuple[int, int, int] | None:
    with in_tenant(place.schema):
        found = Engagement.objects.filter(pk=row.pk).first()
    return tuple(summary_of(found)) if found else None  # type: ignore[return-value]


def test_reports_before_and_after_the_look_count_once(place: Place, transport: Transport) -> None:
    rows = add_subscribers(place, [NORMAL] * 4)
    place.sandbox.script(match={"subscription": rows[3].endpoint}, status=400)
    send = finish(place, launch(place), transport)
    report(place, send, rows[0], DISPLAYED)
    look(place)
    assert [known(place, row) for row in rows] == [(1, 1, 0), (1, 0, 0), (1, 0, 0), None]
    report(place, send, rows[0], CLICKED)
    report(place, send, rows[1], CLICKED)
    for _ in range(2):
        look(place)
        assert [known(place, row) for row in rows] == [(1, 1, 1), (1, 1, 1), (1, 0, 0), None]
    with in_tenant(place.schema):
        first = Engagement.objects.get(pk=rows[0].pk)
        assert first.clicked_at == Receipt.objects.get(kind=CLICKED, ordinal=0).at
        assert first.displayed_at is not None
        assert first.displayed_at <= first.clicked_at


def test_a_report_is_for_its_campaign_also_when_a_later_one_was_sent(
    place: Place, transport: Transport
) -> None:
    [row] = add_subscribers(place, [NORMAL])
    sends = [finish(place, launch(place), transport) for _ in range(3)]
    look(place)
    report(place, sends[0], row, CLICKED)
    report(place, sends[2], row, DISPLAYED)
    look(place)
    with in_tenant(place.schema):
        found = Engagement.objects.get(pk=row.pk)
    assert found.sends == [send.pk for send in reversed(sends)]
    assert (found.displayed, found.clicked) == (0b101, 0b100)


def test_only_the_newest_twenty_count(place: Place, transport: Transport) -> None:
    [row] = add_subscribers(place, [NORMAL])
    first = finish(place, launch(place), transport)
    report(place, first, row, CLICKED)
    look(place)
    assert known(place, row) == (1, 1, 1)
    for _ in range(MOST_SENDS):
        launch(place)
    drain_once(transport)
    look(place)
    report(place, first, row, Receipt.Kind.CLOSED)
    look(place)
    assert known(place, row) == (MOST_SENDS, 0, 0)
    with in_tenant(place.schema):
        assert Engagement.objects.get(pk=row.pk).clicked_at is not None


def test_what_was_folded_before_the_first_look_counts_too(place: Place, transport: Transport) -> None:
    rows = add_subscribers(place, [NORMAL] * 10)
    send = finish(place, launch(place), transport)
    for row in (rows[0], rows[9]):
        report(place, send, row, DISPLAYED)
    with in_tenant(place.schema):
        Receipt.objects.update(at=timezone.now() - timedelta(days=8))
        assert fold_receipts() == 2
    look(place)
    assert [known(place, row) for row in rows] == [(1, 1, 0), *[(1, 0, 0)] * 8, (1, 1, 0)]


def test_reports_of_hours_are_added_after_a_long_silence(place: Place, transport: Transport) -> None:
    """Nobody looked for three hours; what came in each of them is there."""
    rows = add_subscribers(place, [NORMAL] * 3)
    send = finish(place, launch(place), transport)
    look(place)
    for hours, row in enumerate(rows):
        report(place, send, row, DISPLAYED)
        with in_tenant(place.schema):
            newest = Receipt.objects.order_by("pk").last()
            assert newest is not None
            Receipt.objects.filter(pk=newest.pk).update(at=timezone.now() - timedelta(hours=hours, minutes=1))
    tenant = type(place.workspace.tenant).objects.filter(pk=place.workspace.tenant.pk)
    tenant.update(engaged_until=timezone.now() - timedelta(hours=3))
    look(place)
    assert [known(place, row) for row in rows] == [(1, 1, 0)] * 3
    [until] = tenant.values_list("engaged_until", flat=True)
    assert timezone.now() - until < timedelta(seconds=5)


def test_a_test_of_ones_own_browser_and_an_erased_subscriber_have_none(
    place: Place, transport: Transport
) -> None:
    rows = add_subscribers(place, [NORMAL] * 2)
    finish(place, launch(place), transport)
    with in_tenant(place.schema):
        Send.objects.update(kind=Send.Kind.TEST)
    look(place)
    assert known(place, rows[0]) is None
    finish(place, launch(place), transport)
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk=rows[0].pk).delete()
    look(place)
    assert [known(place, row) for row in rows] == [None, (1, 0, 0)]


def test_every_tenant_is_visited_by_the_clock(
    acme: Workspace, globex: Workspace, sandbox: Sandbox, transport: Transport
) -> None:
    places = [open_place(acme, sandbox), open_place(globex, sandbox)]
    rows = [add_subscribers(place, [NORMAL])[0] for place in places]
    for place in places:
        finish(place, launch(place), transport)
    assert engage() == 2
    assert [known(place, row) for place, row in zip(places, rows, strict=True)] == [(1, 0, 0)] * 2


def test_the_subscribers_page_shows_it(place: Place, transport: Transport, console: Any) -> None:
    [row] = add_subscribers(place, [NORMAL])
    send = finish(place, launch(place), transport)
    report(place, send, row, DISPLAYED)
    look(place)
    page = console(place.workspace).get(f"/subscribers/{row.pk}/").content.decode()
    assert "Of the only one received" in page
    assert "1 displayed, 0 clicked" in page
    assert "Last clicked</dt><dd>not yet" in page


def test_a_late_report_of_an_old_campaign_leaves_those_of_newer_ones(
    place: Place, transport: Transport
) -> None:
    """In every order: a bit is set at its place, and no other is moved or lost."""
    [row] = add_subscribers(place, [NORMAL])
    sends = [finish(place, launch(place), transport) for _ in range(4)]
    look(place)
    for number, bits in ((3, 0b0001), (1, 0b0101), (0, 0b1101), (2, 0b1111)):
        report(place, sends[number], row, CLICKED)
        look(place)
        with in_tenant(place.schema):
            found = Engagement.objects.get(pk=row.pk)
        assert (found.displayed, found.clicked) == (bits, bits)
