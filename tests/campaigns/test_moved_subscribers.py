"""An answer is about the endpoint that was posted to, not about the row it was read from."""

from campaigns.actions.freeze import freeze
from campaigns.delivery.batches import Grant, claim, next_work
from campaigns.delivery.transport import Transport
from subscribers.actions.subscription import digest_of
from subscribers.models import Subscriber
from tenants.doorway import in_tenant
from tests.campaigns.places import Place, add_subscribers, figures, fresh, launch, sender_of
from truepush.local.sandbox.subscriptions import Answer, Behaviour

NEW = "https://fcm.googleapis.com/fcm/send/moved"


def test_a_subscriber_that_moved_while_its_old_endpoint_was_answered_410_stays(
    place: Place, transport: Transport
) -> None:
    moved, gone = add_subscribers(place, [Behaviour(answer=Answer.GONE)] * 2)
    send = launch(place)
    work = next_work()
    assert work is not None
    with in_tenant(place.schema):
        freeze(work)
        grant = claim(work.send_id)
        assert isinstance(grant, Grant)
        sender = sender_of(work, grant, transport)  # has read the endpoints
        Subscriber.objects.filter(pk=moved.pk).update(endpoint=NEW, endpoint_digest=digest_of(NEW))
    sender.run()
    with in_tenant(place.schema):
        states = dict(Subscriber.objects.values_list("pk", "state"))
    assert states == {moved.pk: "active", gone.pk: "gone"}
    assert figures(fresh(place, send)) == {"gone": 2}
