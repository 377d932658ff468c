"""How django-allauth keeps second factors here: encrypted with keys that are not in the database."""

from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings

from tenants.actions.recovery_codes import PLACEHOLDER
from tenants.models import User
from tenants.sealing import SECOND_FACTOR, seal, unseal

# One for all rows: allauth's hooks do not say whose secret it is.


class SecondFactorAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return seal(text, context=SECOND_FACTOR)

    def decrypt(self, encrypted_text: str) -> object:
        if encrypted_text == PLACEHOLDER:
            # Counted by allauth, and compared with what is typed: it equals nothing.
            return object()
        return unseal(encrypted_text, context=SECOND_FACTOR)

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # allauth's
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Bind passkeys to the installation's domain."""
        return {"id": settings.BASE_DOMAIN, "name": "Truepush"}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, object]:
        handle = user_pk_to_url_str(user).encode()
        return {"id": handle, "name": user.email, "display_name": user.name or user.email}
