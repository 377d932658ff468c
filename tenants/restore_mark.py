"""The mark of a database into which a backup is being restored: nothing may work on it before all of that is done."""

from tenants.own_connection import Ask, ask_here

# A schema. No backup holds it: none is made meanwhile.
MARK = "truepush_restoring"
REMEDY = "Run manage.py restore again; it begins anew."


def is_marked(ask: Ask = ask_here) -> bool:
    return bool(ask("SELECT FROM pg_namespace WHERE nspname = %s", [MARK]))
