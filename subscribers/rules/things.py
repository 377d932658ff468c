"""What conditions name by number besides segments: apps above say how to list and to call it."""

from collections.abc import Callable
from typing import NamedTuple


class Thing(NamedTuple):
    """`choices` lists (id, name) of a website's, the newest first; `name_of` calls one, also one no longer listed."""

    choices: Callable[[int], list[tuple[int, str]]]
    name_of: Callable[[int], str]


THINGS: dict[str, Thing] = {}


def register_thing(key: str, thing: Thing) -> None:
    """Add or replace; `key` is the argument of conditions that holds the number."""
    THINGS[key] = thing
