"""External ids that a website's own server vouches for: HMAC-SHA256 of the id, with a secret of that website."""

import hashlib
import hmac

from django.utils.crypto import constant_time_compare

from subscribers.keyring import unseal_identity
from subscribers.models import Site


def secret_of(site: Site) -> str:
    """Answer the secret as text, as the customer's server uses it; empty if none was made yet."""
    if not site.identity_encrypted:
        return ""
    return unseal_identity(site.identity_encrypted, site.pk).decode()


def signature_of(secret: str, external_id: str) -> str:
    """Sign an external id, in hexadecimal: what the customer's server does."""
    return hmac.new(secret.encode(), external_id.encode(), hashlib.sha256).hexdigest()


def is_signed(site_id: int, external_id: str, signature: str) -> bool:
    """Check a signature; false for a website without a secret."""
    site = Site.objects.only("identity_encrypted").get(pk=site_id)
    secret = secret_of(site)
    expected = signature_of(secret, external_id).encode()
    return constant_time_compare(expected, signature.lower().encode(errors="surrogatepass")) and bool(secret)
