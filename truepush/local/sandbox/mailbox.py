"""Messages kept for browsers that are not connected, by TTL and Topic (RFC 8030 sections 5.2 and 5.4)."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

PER_OWNER = 100
IN_TOTAL = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """content is the decrypted payload for a played browser, the whole notification frame for a real one."""

    message_id: str
    content: bytes
    topic: str
    expires: float


class Mailbox:
    """Bounded: what an owner has missed beyond the limits is forgotten, the oldest first."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # The owner without a new message for longest is the first.
        self._boxes: OrderedDict[str, OrderedDict[str, Kept]] = OrderedDict()
        self._total = 0

    def keep(self, owner: str, message_id: str, content: bytes, *, ttl: int, topic: str) -> None:
        """A message of the same topic is replaced, with its TTL; TTL 0 is never kept."""
        for known in list(self._boxes.get(owner, {}).values()):
            if topic and known.topic == topic:
                self.remove(owner, known.message_id)
        if ttl == 0:
            return
        box = self._boxes.setdefault(owner, OrderedDict())
        self._boxes.move_to_end(owner)
        box[message_id] = Kept(message_id, content, topic, self._clock() + ttl)
        self._total += 1
        if len(box) > PER_OWNER:
            self.remove(owner, next(iter(box)))
        while self._total > IN_TOTAL:
            _, forgotten = self._boxes.popitem(last=False)
            self._total -= len(forgotten)

    def waiting(self, owner: str) -> list[Kept]:
        """What has not expired, oldest first; what has is dropped."""
        now = self._clock()
        kept = list(self._boxes.get(owner, {}).values())
        for message in kept:
            if message.expires <= now:
                self.remove(owner, message.message_id)
        return [message for message in kept if message.expires > now]

    def remove(self, owner: str, message_id: str) -> None:
        box = self._boxes.get(owner, OrderedDict())
        if box.pop(message_id, None):
            self._total -= 1
            if not box:
                del self._boxes[owner]
