"""VAPID private keys and identity secrets at rest: encrypted with FIELD_KEYS, which are not in the database."""

from functools import lru_cache

from django.conf import settings

from tenants.doorway import current_schema
from tenants.sealed_columns import SealedColumn
from truepush.lib.fieldcrypt import FieldCrypt


@lru_cache(maxsize=1)
def _crypt() -> FieldCrypt:
    return FieldCrypt(settings.FIELD_KEYS)


def _context(public: bytes) -> str:
    return f"vapid:{current_schema()}:{public.hex()}"


def _identity_context(site_id: int) -> str:
    return f"identity:{current_schema()}:{site_id}"


# What a rotation of FIELD_KEYS encrypts anew (settings.SEALED).
SEALED = (
    SealedColumn("subscribers.VapidKey", "private_encrypted", lambda key: _context(bytes(key.public))),
    SealedColumn("subscribers.Site", "identity_encrypted", lambda site: _identity_context(site.pk)),
)


def seal(private: bytes, public: bytes) -> str:
    """Encrypt a private scalar (32 octets), bound to its tenant and its public key."""
    return _crypt().encrypt(private, context=_context(public))


def unseal(text: str, public: bytes) -> bytes:
    """Decrypt what `seal` made; raises fieldcrypt's error naming the key id when the key is missing or wrong."""
    return _crypt().decrypt(text, context=_context(public))


def seal_identity(secret: bytes, site_id: int) -> str:
    """Encrypt what a website's server signs external ids with, bound to its tenant and website."""
    return _crypt().encrypt(secret, context=_identity_context(site_id))


def unseal_identity(text: str, site_id: int) -> bytes:
    """Decrypt what `seal_identity` made; raises as `unseal` does."""
    return _crypt().decrypt(text, context=_identity_context(site_id))
