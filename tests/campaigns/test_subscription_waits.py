"""A 429 makes one subscription wait, whichever send comes next (RFC 8030 section 8.4)."""

from datetime import timedelta

from django.utils import timezone

from campaigns.delivery.transport import Transport
from campaigns.models import Batch
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tests.campaigns.places import (
    NORMAL,
    Place,
    add_subscribers,
    check_conservation,
    drain_once,
    figures,
    finish,
    fresh,
    launch,
)


def wait_for(place: Place, row: Subscriber, seconds: int) -> None:
    with in_tenant(place.schema):
        until = timezone.now() + timedelta(seconds=seconds)
        Subscriber.objects.filter(pk=row.pk).update(wait_until=until)


def test_a_later_send_does_not_call_a_subscription_that_was_asked_to_wait(
    place: Place, transport: Transport
) -> None:
    waiting, _ = add_subscribers(place, [NORMAL] * 2)
    wait_for(place, waiting, 3600)
    send = launch(place)
    drain_once(transport)
    assert (place.sandbox.counts()["accepted"], figures(fresh(place, send))) == (1, {"accepted": 1})
    with in_tenant(place.schema):
        child = Batch.objects.get(send_id=send.pk, root__isnull=False)
    # Waiting costs no attempt.
    assert (child.ids, child.attempt) == ([waiting.pk], 1)
    assert timedelta(seconds=3590) < child.due_at - timezone.now() < timedelta(seconds=3605)
    done = finish(place, send, transport)
    assert (figures(done), place.sandbox.counts()["accepted"]) == ({"accepted": 2}, 2)
    check_conservation(place, done)


def test_who_would_wait_longer_than_the_message_lives_is_expired(place: Place, transport: Transport) -> None:
    (waiting,) = add_subscribers(place, [NORMAL])
    wait_for(place, waiting, 120)
    send = launch(place, ttl=60)
    drain_once(transport)
    done = fresh(place, send)
    assert (figures(done), done.state, place.sandbox.counts()["requests"]) == ({"expired": 1}, "finished", 0)
