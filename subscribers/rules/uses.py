"""Who uses segments. This app owns the list of those that can; apps above add themselves when they are ready."""

from collections.abc import Callable
from typing import NamedTuple


class Users(NamedTuple):
    """`waiting` names who needs the segment; `forget` lets go of what only remembers it, before it is deleted."""

    waiting: Callable[[int], list[str]]
    forget: Callable[[int], None]


USERS: dict[str, Users] = {}


def register_users(name: str, users: Users) -> None:
    """Add or replace the users of one kind."""
    USERS[name] = users
