"""One commit for everything that arrives while another one runs: reports come as fast as messages leave."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Entry(Generic[T]):
    """What one caller brought, and what became of it."""

    def __init__(self, items: list[T]) -> None:
        self.items = items
        self.is_done = False
        self.error: Exception | None = None


class SharedCommit(Generic[T]):
    """Threads that wait for a shared commit: who gets the lock commits what all others have brought meanwhile.

    Nobody waits on purpose: a caller that is alone commits its own at once.
    """

    def __init__(self, commit: Callable[[list[T]], object]) -> None:
        self._commit = commit
        self._waiting: list[_Entry[T]] = []
        self._list_lock, self._commit_lock = Lock(), Lock()

    def submit(self, items: list[T]) -> None:
        """Come back when the items are committed; raises what the commit raised."""
        mine = _Entry(items)
        with self._list_lock:
            self._waiting.append(mine)
        with self._commit_lock:
            if not mine.is_done:
                with self._list_lock:
                    taken, self._waiting = self._waiting, []
                self._commit_all(taken)
        if mine.error:
            raise mine.error

    def _commit_all(self, taken: list[_Entry[T]]) -> None:
        error: Exception | None = None
        try:
            self._commit([item for entry in taken for item in entry.items])
        except Exception as problem:  # noqa: BLE001  # each caller is told and raises it again
            error = problem
        for entry in taken:
            entry.is_done, entry.error = True, error
