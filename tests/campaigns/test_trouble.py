"""A worker that meets an error: said on the send, nothing lost, nothing repeated, nobody else held up."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone
from django_q.models import OrmQ

from campaigns.delivery import compose_push
from campaigns.delivery.transport import Transport
from campaigns.models import Batch, Send
from subscribers.models import Subscriber, VapidKey
from tenants.doorway import in_tenant
from tenants.models import Affected, DueWork
from tenants.own_connection import ask_here
from tenants.problem_notes import notes
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    counts_of,
    drain_once,
    figures,
    finish,
    fresh,
    launch,
    let_time_pass,
    new_transport,
)
from tests.campaigns.raw_server import Serve, answering
from truepush.lib.fieldcrypt import FieldCryptError

TROUBLE = "A worker met an error and tries again by itself. If this stays, tell support."


@pytest.fixture
def poisoned(lasting: Place) -> VapidKey:
    """An old key of the website that cannot be read: it was encrypted with a field key that is no longer there."""
    with in_tenant(lasting.schema):
        good = VapidKey.objects.get(site=lasting.site)
        return VapidKey.objects.create(
            site=lasting.site, public=good.public, private_encrypted="lost:AAAA", state="old"
        )


def mend(place: Place, key: VapidKey) -> None:
    with in_tenant(place.schema):
        good = VapidKey.objects.get(site=place.site, state="current")
        VapidKey.objects.filter(pk=key.pk).update(private_encrypted=good.private_encrypted)


def let_lease_end(place: Place) -> None:
    with in_tenant(place.schema):
        Batch.objects.filter(state="open").update(lease_until=timezone.now() - timedelta(seconds=1))
    let_time_pass(place)


@pytest.fixture
def met(lasting: Place, poisoned: VapidKey, transport: Transport) -> Send:
    """A send of twenty, of whom the fourteenth is signed for with the poisoned key; a worker has met it."""
    rows = add_subscribers(lasting, [NORMAL] * 20)
    with in_tenant(lasting.schema):
        Subscriber.objects.filter(pk=rows[13].pk).update(vapid_key=poisoned)
    send = launch(lasting)
    with pytest.raises(FieldCryptError, match="its key is not configured"):
        drain_once(transport)
    return send


def test_the_send_says_so_and_what_was_sent_is_written_down(lasting: Place, met: Send) -> None:
    send = fresh(lasting, met)
    assert (send.state, send.state_detail) == ("running", TROUBLE)
    assert figures(send) == {"accepted": 13}
    assert counts_of(lasting, met) == {"accepted": 13, "distinct": 13, "repeated": 0}


def test_it_is_a_problem_of_the_workspace_with_the_send(lasting: Place, met: Send) -> None:
    """Once, though it ended the task too; and never one for each message."""
    notes.write(ask_here)
    row = Affected.objects.select_related("problem").get()
    assert (row.tenant_id, row.send_id, row.times) == (lasting.workspace.tenant.pk, met.pk, 1)
    assert row.problem.title.startswith("UnknownKey in truepush/lib/fieldcrypt.py, ")


def test_every_further_try_repeats_nobody(lasting: Place, met: Send, transport: Transport) -> None:
    """The listmonk lesson, the other way round: an error for one recipient is not a repeat for all before it."""
    for _ in range(3):
        let_lease_end(lasting)
        with pytest.raises(FieldCryptError):
            drain_once(transport)
    assert counts_of(lasting, met) == {"accepted": 13, "distinct": 13, "repeated": 0}
    assert fresh(lasting, met).state_detail == TROUBLE


def test_once_mended_it_goes_on_by_itself_and_the_words_go(
    lasting: Place, met: Send, poisoned: VapidKey, transport: Transport
) -> None:
    mend(lasting, poisoned)
    let_lease_end(lasting)
    send = finish(lasting, met, transport)
    check_conservation(lasting, send)
    assert (send.state_detail, figures(send)) == ("", {"accepted": 20})
    assert counts_of(lasting, send) == {"accepted": 20, "distinct": 20, "repeated": 0}


def test_the_send_is_put_aside_for_a_lease_and_others_are_served_at_once(
    lasting: Place, met: Send, transport: Transport
) -> None:
    let_lease_end(lasting)
    bells = OrmQ.objects.count()
    with pytest.raises(FieldCryptError):
        drain_once(transport)
    due = DueWork.objects.get(send_id=met.pk)
    assert timedelta(seconds=15) < due.due_at - timezone.now() <= timedelta(seconds=20)
    assert OrmQ.objects.count() == bells + 1
    assert OrmQ.objects.order_by("pk").reverse()[0].func() == "campaigns.tasks.deliver"
    with in_tenant(lasting.schema):
        bad = Subscriber.objects.get(vapid_key__state="old")
        Subscriber.objects.filter(pk=bad.pk).update(state="unsubscribed", ended_at=timezone.now())
    other = launch(lasting)
    drain_once(transport)
    assert figures(fresh(lasting, other)) == {"accepted": 19}


def test_the_report_shows_it(lasting: Place, met: Send, console: Any) -> None:
    page = console(lasting.workspace).get(f"/sends/{met.pk}/").content.decode()
    assert TROUBLE in page
    assert "7 still to send" in page


def test_a_database_that_takes_no_page_stops_the_sending_and_leaves_nothing_in_flight(lasting: Place) -> None:
    """FT-22: what cannot be recorded is not sent; afterwards at most what was in flight is repeated."""
    add_subscribers(lasting, [NORMAL] * 60)
    lasting.sandbox.script(status=201, delay_ms=60)
    narrow = new_transport(lasting.sandbox, concurrency=5)
    send = launch(lasting)
    with in_tenant(lasting.schema), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE campaigns_ledgerpage ADD CONSTRAINT refuse CHECK (false) NOT VALID")
    with pytest.raises(IntegrityError, match="refuse"):
        drain_once(narrow)
    assert (narrow.in_flight, narrow.free) == (0, 5)
    assert fresh(lasting, send).state_detail == TROUBLE
    with in_tenant(lasting.schema), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE campaigns_ledgerpage DROP CONSTRAINT refuse")
    let_lease_end(lasting)
    send = finish(lasting, send, narrow)
    narrow.close()
    check_conservation(lasting, send)
    counts = counts_of(lasting, send)
    assert (counts["distinct"], figures(send)) == (60, {"accepted": 60})
    assert 0 < counts["repeated"] <= 5 * 3  # what was in flight, and the page of 100 ms before it


@pytest.mark.parametrize(
    "case",
    [
        (b"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\0\0\0", "failed"),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: \xb2\r\nTTL: \xb9\r\nContent-Length: 0\r\n\r\n", "throttled"),
        (b"HTTP/1.1 201 Made\r\nTTL: \xb2\r\nContent-Length: 0\r\n\r\n", "accepted"),
    ],
    ids=["compressed", "no number", "no TTL"],
)
def test_no_answer_of_a_push_service_is_an_error_of_ours(
    place: Place, serve: Serve, quick: Transport, settings: Any, case: tuple[bytes, str]
) -> None:
    """Else the whole grant would be sent again, for ever."""
    answer, outcome = case
    server = serve(answering(answer))
    settings.SANDBOX_ORIGIN = server.url.partition("/push")[0]
    rows = add_subscribers(place, [NORMAL] * 3)
    with in_tenant(place.schema):
        for row in rows:
            Subscriber.objects.filter(pk=row.pk).update(endpoint=f"{server.url}-{row.pk}")
    send = launch(place)
    drain_once(quick)
    assert len(server.requests) == 3
    if outcome == "throttled":
        with in_tenant(place.schema):
            waiting = Batch.objects.filter(send_id=send.pk, state="open").values_list("size", flat=True)
            assert sum(waiting) == 3
    else:
        assert figures(fresh(place, send)) == {outcome: 3}


def test_no_key_and_no_endpoint_is_in_the_error_or_the_log(
    lasting: Place, met: Send, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    """PR-07"""
    let_lease_end(lasting)
    with caplog.at_level(logging.DEBUG), pytest.raises(FieldCryptError) as caught:
        drain_once(transport)
    with in_tenant(lasting.schema):
        secrets = list(Subscriber.objects.values_list("endpoint", flat=True))
    told = str(caught.value) + caplog.text
    assert not any(secret.rpartition("/")[2] in told for secret in secrets)


def test_a_key_is_read_once_and_kept_in_memory(place: Place, transport: Transport) -> None:
    compose_push._key_pair.cache_clear()
    add_subscribers(place, [NORMAL] * 30)
    finish(place, launch(place), transport)
    assert compose_push._key_pair.cache_info().misses == 1
