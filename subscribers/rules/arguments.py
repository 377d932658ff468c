"""What an operator takes: each argument reads one key of a condition's JSON, or says what is wrong with it."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

MOST_VALUES = 100
MOST_TEXT = 200
MOST_NUMBER = 10**15
MOST_DAYS = 3650
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class RuleRefused(ValueError):
    """A rule that cannot be used; the text names the place in it, the value and the remedy."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


def shown(value: Any) -> str:
    """Show a value of a refused rule, bounded."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


@dataclass(frozen=True)
class Argument(ABC):
    """`key` is its place in the JSON, `widget` what the builder shows for it; `default` makes it optional."""

    key: str
    widget: str
    label: str = ""
    default: Any = None
    is_optional: bool = False

    def read(self, given: Mapping[str, Any], place: str) -> Any:
        value = given.get(self.key)
        if value is None or value == "":
            if self.is_optional:
                return self.default
            raise RuleRefused(f"{place}.{self.key}", "a value is missing.")
        return self._check(value, f"{place}.{self.key}")

    @abstractmethod
    def _check(self, value: Any, place: str) -> Any:
        """Answer the value in its type; raises RuleRefused."""


def _check_text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise RuleRefused(place, f"{shown(value)} is not text.")
    text = value.strip()
    if not text:
        raise RuleRefused(place, "a value is missing.")
    if len(text) > MOST_TEXT:
        raise RuleRefused(
            place, f"{shown(value)} has {len(text)} characters; at most {MOST_TEXT} are allowed."
        )
    if "\0" in text or not text.isprintable():
        raise RuleRefused(place, f"{shown(value)} has characters that cannot be shown. Type it anew.")
    return text


class Text(Argument):
    def _check(self, value: Any, place: str) -> str:
        return _check_text(value, place)


class Name(Argument):
    """The name of a tag, an attribute or an event: at most 64 characters."""

    def _check(self, value: Any, place: str) -> str:
        text = _check_text(value, place)
        if len(text) > 64:
            raise RuleRefused(place, f"{shown(value)} has {len(text)} characters; names have at most 64.")
        return text


class Texts(Argument):
    """One to a hundred texts, any of which will do."""

    def _check(self, value: Any, place: str) -> list[str]:
        if not isinstance(value, list):
            raise RuleRefused(place, f"{shown(value)} is not a list of texts.")
        if not value:
            raise RuleRefused(place, "the list is empty. Give at least one value.")
        if len(value) > MOST_VALUES:
            raise RuleRefused(place, f"{len(value)} values; at most {MOST_VALUES} are allowed.")
        texts = [_check_text(item, f"{place}[{number}]") for number, item in enumerate(value)]
        return list(dict.fromkeys(texts))


class Number(Argument):
    def _check(self, value: Any, place: str) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RuleRefused(place, f"{shown(value)} is not a number. Give one such as 12 or 12.5.")
        if not math.isfinite(value) or abs(value) > MOST_NUMBER:
            raise RuleRefused(
                place, f"{shown(value)} is out of range; numbers go up to {MOST_NUMBER:,} either way."
            )
        return value


@dataclass(frozen=True)
class Whole(Argument):
    """A whole number between `least` and `most`."""

    least: int = 1
    most: int = MOST_DAYS

    def _check(self, value: Any, place: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise RuleRefused(place, f"{shown(value)} is not a whole number.")
        if not self.least <= value <= self.most:
            raise RuleRefused(place, f"{shown(value)} is not between {self.least:,} and {self.most:,}.")
        return value


class Day(Argument):
    """A date of the calendar in UTC, as 2026-11-27."""

    def _check(self, value: Any, place: str) -> date:
        if isinstance(value, str) and _DAY.fullmatch(value):
            try:
                day = date.fromisoformat(value)
            except ValueError:
                day = date.min
            if 1970 <= day.year <= 2200:
                return day
        raise RuleRefused(place, f"{shown(value)} is not a date. Give one such as 2026-11-27.")
