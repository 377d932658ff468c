import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, field

from truepush.local.sandbox.rules import Delivery

PER_SUBSCRIPTION = 20
SUBSCRIPTIONS = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """payload is what the message decrypted to."""

    id: str
    payload: str
    ttl: int
    urgency: str
    topic: str
    request_id: str
    at: float = field(default_factory=time.time)


class Journal:
    """The last accepted messages of the last subscriptions, readable, for tests."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, list[Entry]] = OrderedDict()

    def add(self, subscription: str, message_id: str, payload: bytes, delivery: Delivery) -> None:
        text = payload.decode("utf-8", "replace")
        entry = Entry(message_id, text, delivery.ttl, delivery.urgency, delivery.topic, delivery.request_id)
        entries = self._entries.setdefault(subscription, [])
        entries.append(entry)
        del entries[:-PER_SUBSCRIPTION]
        self._entries.move_to_end(subscription)
        if len(self._entries) > SUBSCRIPTIONS:
            self._entries.popitem(last=False)

    def documents(self, subscription: str) -> list[dict[str, object]]:
        return [asdict(entry) for entry in self._entries.get(subscription, [])]
