"""Numbered work that goes on at once and ends in order: a number's turn comes when all before have had theirs."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Turns:
    """Shared by the threads that work. Numbers begin with 0."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._had = 0
        self._end: float = math.inf
        self._error: BaseException | None = None

    def come(self, number: int, patience: float | None = None) -> bool:
        """Wait for the turn of a number; False if `patience` (seconds) ends before, or there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: number == self._had or number >= self._end, patience)
            return number == self._had and number < self._end

    def pass_on(self) -> None:
        """End the turn of the number that has it."""
        with self._changed:
            self._had += 1
            self._changed.notify_all()

    def stop(self, number: int, error: BaseException | None = None) -> None:
        """No turn comes from this number on, because of this error; those before still have theirs."""
        with self._changed:
            if number < self._end:
                self._end, self._error = number, error
                self._changed.notify_all()

    @contextmanager
    def failing_from(self, number: int) -> Iterator[None]:
        """Stop from this number on if the block raises."""
        try:
            yield
        except BaseException as error:
            self.stop(number, error)
            raise

    @property
    def is_stopped(self) -> bool:
        return self._end < math.inf

    def raise_error(self) -> None:
        """Raise what stopped them: of several errors that of the lowest number."""
        if self._error is not None:
            raise self._error
