"""What every web request needs of the public schema, as this process remembers it."""

import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError

T = TypeVar("T")
log = logging.getLogger(__name__)

_NEVER = float("-inf")


class Copied(Generic[T]):
    """What `read` answered at most `lifetime` seconds ago; what it answered last, while the database is away."""

    def __init__(self, what: str, read: Callable[[], T], empty: T, lifetime: float) -> None:
        self._what, self._read, self._lifetime = what, read, lifetime
        # One pair, replaced whole: threads share it.
        self._known = (_NEVER, empty)

    def get(self, at_most_old: float | None = None) -> T:
        now = time.monotonic()
        at, found = self._known
        if now - at < (self._lifetime if at_most_old is None else at_most_old):
            return found
        try:
            found = self._read()
        except (OperationalError, InterfaceError) as error:
            log.warning("The %s could not be read: %s", self._what, error)
        self._known = (now, found)
        return found

    def forget(self) -> None:
        """Have this process read anew after a change; other processes follow when theirs is too old."""
        self._known = (_NEVER, self._known[1])
