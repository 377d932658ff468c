"""Secrets of people at rest: encrypted with FIELD_KEYS, which are not in the database."""

from functools import lru_cache

from django.conf import settings

from tenants.sealed_columns import SealedColumn
from truepush.lib.fieldcrypt import FieldCrypt

SECOND_FACTOR = "second factor"
SIGN_UP = "sign-up"
SESSION = "session"

# What a rotation of FIELD_KEYS encrypts anew (settings.SEALED).
SEALED = (
    SealedColumn("tenants.KeptMail", "sealed", lambda mail: mail_context(mail.pk)),
    SealedColumn("mfa.Authenticator", "data", lambda _: SECOND_FACTOR, keys=("secret", "seed", "hashes")),
    SealedColumn("sessions.Session", "session_data", lambda _: SESSION),
)


def mail_context(key: object) -> str:
    return f"mail:{key}"


@lru_cache(maxsize=1)
def _crypt() -> FieldCrypt:
    return FieldCrypt(settings.FIELD_KEYS)


def seal(text: str, *, context: str) -> str:
    """Encrypt; `context` names the place for which alone it can be decrypted."""
    return _crypt().encrypt(text.encode(), context=context)


def unseal(sealed: str, *, context: str) -> str:
    """Decrypt what `seal` made; raises fieldcrypt's error naming the key id when the key is missing or wrong."""
    return _crypt().decrypt(sealed, context=context).decode()
