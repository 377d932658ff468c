"""PostgreSQL asked beside Django: on a connection of one's own, with plain psycopg, in the public schema."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

# Runs a statement in the public schema and answers its rows.
Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def connection_parameters() -> dict[str, Any]:
    """Give Django's own connection parameters, as plain psycopg takes them."""
    known = connection.get_connection_params()
    dropped = {"cursor_factory", "context", "prepare_threshold"}
    return {name: value for name, value in known.items() if name not in dropped}


def ask_here(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Ask on this thread's own connection."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())


@contextmanager
def asking_within(seconds: int) -> Iterator[Ask]:
    """Ask a database that may be away or hang: connecting and each statement end after so many seconds (2 or more).

    Raises psycopg.Error. Django's own connections may wait for as long as the system's TCP does.
    """
    given = connection_parameters()
    given["options"] = f"{given.get('options', '')} -c statement_timeout={seconds}s"
    limits = {"connect_timeout": seconds, "tcp_user_timeout": 1000 * seconds}
    with psycopg.connect(**{**given, **limits}, autocommit=True) as database:
        yield lambda statement, values: database.execute(statement.encode(), values or None).fetchall()
