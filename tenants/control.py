"""Notices to delivery processes, which listen on a connection of their own."""

from django.db import connection

CHANNEL = "truepush_control"


def announce() -> None:
    """Have every delivery process look at what it has in hand; told when the transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")
