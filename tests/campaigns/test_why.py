"""Why somebody got a message or did not: one of each outcome, and one query finds it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.actions.control import cancel
from campaigns.actions.errors import CampaignRefused
from campaigns.actions.fold_receipts import fold_receipts
from campaigns.actions.freeze import freeze
from campaigns.actions.receipts import Report, record_receipts
from campaigns.actions.resend import about, resend
from campaigns.actions.retention import apply_retention
from campaigns.delivery.outcomes import Skip
from campaigns.delivery.transport import Transport
from campaigns.delivery.work import Work
from campaigns.models import Batch, LedgerPage, Receipt, Send
from campaigns.why import history, verdict_of
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    drain_once,
    figures,
    finish,
    fresh,
    launch,
    let_time_pass,
)
from tests.conftest import make_site
from truepush.lib.receipt_token import ReceiptToken
from truepush.local.sandbox.subscriptions import Answer, Behaviour

DISPLAYED, CLICKED = Receipt.Kind.DISPLAYED, Receipt.Kind.CLICKED


def word_of(place: Place, row: Subscriber, send: Send) -> tuple[str, str]:
    with in_tenant(place.schema):
        verdict = verdict_of(Subscriber.objects.get(pk=row.pk), send.pk)
    assert verdict is not None
    return verdict.last_word, verdict.why


def report(place: Place, send: Send, row: Subscriber, kind: Receipt.Kind) -> int:
    with in_tenant(place.schema):
        root = Batch.objects.get(send_id=send.pk, root=None)
        ordinal = root.ids.index(row.pk)
    token = ReceiptToken(place.workspace.tenant.pk, send.pk, root.pk, ordinal, 0)
    return record_receipts([Report(token, kind)])


def test_one_of_each_is_found(place: Place, transport: Transport, django_assert_num_queries: Any) -> None:
    """The closed list of design section 4; PS-04, PS-15."""
    names = [
        "accepted",
        "displayed",
        "clicked",
        "short",
        "failed",
        "unsubscribed",
        "paused",
        "erased",
        "twice",
    ]
    rows = dict(zip(names, add_subscribers(place, [NORMAL] * len(names)), strict=True))
    [rows["gone"]] = add_subscribers(place, [Behaviour(answer=Answer.GONE)])
    for name, script in {
        "short": {"status": 201, "headers": {"TTL": "60"}},
        "failed": {"status": 400, "body": "<b>no</b> " + "x " * 600},
        "twice": {"status": 503, "times_each": 1},
    }.items():
        place.sandbox.script(match={"subscription": rows[name].endpoint}, **script)
    send = launch(place)
    with in_tenant(place.schema):
        from_freeze(place, send)
        now = timezone.now()
        Subscriber.objects.filter(pk=rows["unsubscribed"].pk).update(state="unsubscribed", ended_at=now)
        Subscriber.objects.filter(pk=rows["paused"].pk).update(state="disabled", ended_at=now)
    erased = rows.pop("erased")
    with in_tenant(place.schema):
        Subscriber.objects.filter(pk=erased.pk).delete()
    finish(place, send, transport)
    [later] = add_subscribers(place, [NORMAL])
    report(place, send, rows["displayed"], DISPLAYED)
    report(place, send, rows["clicked"], CLICKED)
    found = {name: word_of(place, row, send) for name, row in rows.items()}
    assert len(found.pop("failed")[1]) <= 512
    assert found.pop("gone")[1].startswith("gone 410: ")
    assert found == {
        "accepted": ("accepted", ""),
        "displayed": ("displayed", ""),
        "clicked": ("clicked", ""),
        "short": ("accepted", ""),
        "unsubscribed": ("skipped", Skip.UNSUBSCRIBED.value),
        "paused": ("skipped", Skip.KEY_PAUSED.value),
        "twice": ("accepted", ""),
    }
    assert word_of(place, later, send) == ("not in the audience", "subscribed later")
    with in_tenant(place.schema):
        short, twice = (Subscriber.objects.get(pk=rows[name].pk) for name in ("short", "twice"))
        with django_assert_num_queries(1):
            verdict = verdict_of(short, send.pk)
        assert verdict is not None
        assert verdict.ttl == 60
        again = verdict_of(twice, send.pk)
        assert again is not None
        assert again.attempts == 2
    assert figures(fresh(place, send))["skipped"] == 3


def from_freeze(place: Place, send: Send) -> None:
    freeze(Work(place.workspace.tenant.pk, place.schema, send.pk))


def test_who_still_waits_was_cancelled_or_expired_is_found(place: Place, transport: Transport) -> None:
    waits, soon = add_subscribers(place, [NORMAL] * 2)
    place.sandbox.script(match={"subscription": waits.endpoint}, status=429, headers={"Retry-After": "600"})
    send = launch(place)
    drain_once(transport)
    assert word_of(place, waits, send)[0] == "waiting"
    with in_tenant(place.schema):
        cancel(actor=place.workspace.owner, tenant=place.workspace.tenant, send=send)
    drain_once(transport)
    assert word_of(place, waits, send) == ("cancelled", "cancelled")
    assert word_of(place, soon, send)[0] == "accepted"
    place.sandbox.script(status=503)
    let_time_pass(place)
    brief = launch(place, ttl=1)
    drain_once(transport)
    assert word_of(place, soon, brief)[0] in {"failed", "waiting"}


def test_who_was_not_meant_is_told_why(place: Place, transport: Transport) -> None:
    [inside] = add_subscribers(place, [NORMAL])
    [device] = add_subscribers(place, [NORMAL], is_test=True)
    [left] = add_subscribers(place, [NORMAL], state="unsubscribed", ended_at=timezone.now())
    other = Place(place.workspace, make_site(place.workspace, origin="https://b.example"), place.sandbox)
    [elsewhere] = add_subscribers(other, [NORMAL])
    send = finish(place, launch(place), transport)
    assert word_of(place, inside, send)[0] == "accepted"
    assert word_of(place, device, send) == ("not in the audience", "a test device")
    assert word_of(place, left, send) == ("not in the audience", "unsubscribed before it started")
    with in_tenant(place.schema):
        assert verdict_of(Subscriber.objects.get(pk=elsewhere.pk), send.pk) is None


def test_the_newest_fifty_take_one_query_and_no_scan_of_all_pages(
    place: Place, transport: Transport, django_assert_num_queries: Any
) -> None:
    rows = add_subscribers(place, [NORMAL] * 3)
    for _ in range(60):
        launch(place)
    drain_once(transport)
    with in_tenant(place.schema):
        row = Subscriber.objects.get(pk=rows[1].pk)
        with django_assert_num_queries(1):
            found = history(row)
    assert [verdict.outcome for verdict in found] == ["accepted"] * 50
    assert [verdict.send_id for verdict in found] == sorted((v.send_id for v in found), reverse=True)


@pytest.fixture
def ended(place: Place, transport: Transport) -> tuple[list[Subscriber], Send]:
    """Ten: two failed, the others were accepted, of whom three saw it and one of these clicked."""
    rows = add_subscribers(place, [NORMAL] * 10)
    for row in rows[:2]:
        place.sandbox.script(match={"subscription": row.endpoint}, status=400, times_each=1)
    send = finish(place, launch(place), transport)
    for row in rows[2:5]:
        report(place, send, row, DISPLAYED)
    report(place, send, rows[2], CLICKED)
    return rows, send


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(
    "case", [("missed", [0, 1]), ("not_displayed", [5, 6, 7, 8, 9]), ("not_clicked", [3, 4, 5, 6, 7, 8, 9])]
)
def test_it_is_sent_again_to_exactly_those(
    place: Place, transport: Transport, ended: Any, case: tuple[str, list[int]], folded: bool
) -> None:
    rows, send = ended
    what, members = case
    if folded:
        fold_all(place)
    with in_tenant(place.schema):
        assert about(fresh(place, send), what) == len(members)
        Subscriber.objects.filter(pk=rows[members[-1]].pk).update(state="gone", ended_at=timezone.now())
        again = resend(
            actor=place.workspace.owner, tenant=place.workspace.tenant, send=send, what=what, hours=0
        )
    finish(place, again, transport)
    with in_tenant(place.schema):
        audience = [
            pk for ids in Batch.objects.filter(send_id=again.pk).values_list("ids", flat=True) for pk in ids
        ]
    # Whoever has left since is not asked again.
    assert audience == [rows[number].pk for number in members[:-1]]


def fold_all(place: Place) -> None:
    with in_tenant(place.schema):
        Receipt.objects.update(at=timezone.now() - timedelta(days=8))
        assert fold_receipts() == 4
        assert fold_receipts() == 0
        assert not Receipt.objects.exists()


def test_what_cannot_be_sent_again_says_why(place: Place, transport: Transport, ended: Any) -> None:
    _, send = ended
    given = {"actor": place.workspace.owner, "tenant": place.workspace.tenant}
    running = launch(place)
    with in_tenant(place.schema):
        with pytest.raises(CampaignRefused, match="has not ended yet"):
            resend(**given, send=running, what="missed")
        with pytest.raises(CampaignRefused, match="less than 24 hours ago"):
            resend(**given, send=send, what="not_clicked", hours=24)
        with pytest.raises(CampaignRefused, match="'everybody' is not something"):
            resend(**given, send=send, what="everybody")
    drain_once(transport)
    with in_tenant(place.schema), pytest.raises(CampaignRefused, match="nobody to send it to"):
        resend(**given, send=running, what="missed")


def test_folded_reports_count_once_and_later_ones_still_count(place: Place, ended: Any) -> None:
    rows, send = ended
    fold_all(place)
    assert word_of(place, rows[2], send)[0] == "clicked"
    assert word_of(place, rows[3], send)[0] == "displayed"
    assert report(place, send, rows[2], CLICKED) == 0
    assert report(place, send, rows[3], CLICKED) == 1
    assert (fresh(place, send).displayed, fresh(place, send).clicked) == (3, 2)


@pytest.mark.parametrize(("days", "kept"), [(None, True), (30, False)])
def test_recipients_are_kept_as_long_as_the_plan_says_and_figures_for_ever(
    place: Place, ended: Any, days: int | None, kept: bool
) -> None:
    rows, send = ended
    tenant = place.workspace.tenant
    tenant.retention_days = days
    with in_tenant(place.schema):
        Send.objects.filter(pk=send.pk).update(finished_at=timezone.now() - timedelta(days=31))
        assert apply_retention(tenant) == int(not kept)
        assert apply_retention(tenant) == 0
        assert LedgerPage.objects.exists() is kept
        assert Receipt.objects.exists() is kept
    assert figures(fresh(place, send)) == {"accepted": 8, "failed": 2}
    assert word_of(place, rows[0], send)[0] == ("failed" if kept else "no longer kept")


def test_the_pages_say_it_and_escape_what_push_services_said(
    place: Place, transport: Transport, console: Any
) -> None:
    """PS-15: host and the last six characters of an endpoint, and no more of it."""
    [row] = add_subscribers(place, [NORMAL], external_id="customer-7")
    place.sandbox.script(status=400, body="<script>alert(1)</script>")
    send = finish(place, launch(place), transport)
    client = console(place.workspace)
    page = client.get(f"/sends/{send.pk}/recipients/").content.decode()
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert f'href="/subscribers/{row.pk}/"' in page
    for wanted in (str(row.pk), "customer-7"):
        assert (
            f"Subscriber {row.pk}" in client.get(f"/sends/{send.pk}/recipients/?q={wanted}").content.decode()
        )
    nobody = client.get(f"/sends/{send.pk}/recipients/?q=nobody&outcome=gone&after=x").content.decode()
    assert "Nobody on this website has the number" in nobody
    own = client.get(f"/subscribers/{row.pk}/").content.decode()
    assert "The push service found the request wrong (HTTP 400)" in own
    assert row.endpoint not in own
    assert row.endpoint.rpartition("/")[2] not in own
    assert f"localhost … {row.endpoint[-6:]}" in own
    answer = client.post(f"/sends/{send.pk}/again/", {"what": "missed"}, follow=True).content.decode()
    assert "The audience is being read from what became of the first send." in answer
