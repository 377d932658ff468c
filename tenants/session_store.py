"""Sessions in the database, in which nothing lets its reader take one over (Django's SESSION_ENGINE).

The table holds the SHA-256 of a session's key, not what the cookie holds. What a session knows is encrypted: on the way
through forms it is the token of an invitation or a reset, or the secret of an app that is not confirmed yet.
"""

import hashlib
from typing import Any, cast

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from tenants.sealing import SESSION, seal, unseal
from truepush.lib.fieldcrypt import FieldCryptError

# What the table's keys look like; Django's own have 32 characters.
STORED_KEY = "^[0-9a-f]{40}$"


def stored_key(session_key: str) -> str:
    """Write a session's key as the table has it, in the 40 characters of Django's column (160 bits)."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


class SessionStore(DatabaseStore):
    """Django's asynchronous methods are not used here, and find nothing."""

    def _get_session_from_db(self) -> Session | None:
        alive = Session.objects.filter(expire_date__gt=timezone.now())
        found = alive.filter(session_key=stored_key(self.session_key or "")).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(stored_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        made = super().create_model_instance(data)
        made.session_key = stored_key(made.session_key)
        return cast("Session", made)

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            super().delete(stored_key(key))

    def encode(self, session_dict: dict[str, Any]) -> str:
        return seal(super().encode(session_dict), context=SESSION)

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Answer nothing, as Django does, for what is not ours: its person signs in again."""
        try:
            return super().decode(unseal(str(session_data), context=SESSION))
        except FieldCryptError:
            return {}
