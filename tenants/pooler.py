"""Refuse a pooler between Truepush and PostgreSQL: through PgBouncer in transaction mode 1,501 of 1,598 rows landed in
the wrong tenant (design section 3). It drops the start-up option that settings send with each connection."""

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

PROBLEM = (
    "A connection pooler stands between Truepush and PostgreSQL: rows would land in other tenants' schemas."
)
REMEDY = "Point DATABASE_URL at PostgreSQL itself."


def is_direct() -> bool:
    """Ask PostgreSQL whether this thread's connection came with the option."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('truepush.direct', true)")
        return bool(cursor.fetchone()[0] == "on")


def refuse_pooler() -> None:
    """Stop a process that was started behind a pooler; for the entry points that run no system checks."""
    if not is_direct():
        raise ImproperlyConfigured(f"{PROBLEM} {REMEDY}")
