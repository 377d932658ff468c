"""Recovery codes after they were shown: salted hashes, sealed, so that nothing can show them again (AU-05).

django-allauth makes codes anew from a seed whenever it compares one. That is kept until the next page shows the codes;
then hashes take its place. Its own list of codes goes on as one placeholder each, since it counts them.
"""

import hashlib
import hmac
import json
import secrets
from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from django.db import transaction

from tenants.models import User
from tenants.sealing import SECOND_FACTOR, seal, unseal

# What stands in allauth's list for a code that only its hash is left of.
PLACEHOLDER = "hashed"


@transaction.atomic
def keep_hashed(*, actor: User) -> None:
    """Replace what the codes are made from by their hashes. No audit row: they stay the codes that they are."""
    row = _row(actor)
    if row is None or "seed" not in row.data:
        return
    salt = secrets.token_bytes(16)
    _keep(row, salt, [_hash(code, salt) for code in row.wrap().get_unused_codes()])


@transaction.atomic
def use_code(*, user: User, given: str) -> Authenticator | None:
    """Use a code up; answer its row, or None for what is no hashed code of this person, or was used before."""
    digits = "".join(character for character in given if character.isalnum())
    if len(digits) != app_settings.RECOVERY_CODE_DIGITS:
        return None
    row = _row(user)
    if row is None or "hashes" not in row.data:
        return None
    known = json.loads(unseal(row.data["hashes"], context=SECOND_FACTOR))
    salt = bytes.fromhex(known["salt"])
    mine = _hash(digits, salt)
    left = [one for one in known["codes"] if not hmac.compare_digest(one, mine)]
    if len(left) == len(known["codes"]):
        return None
    _keep(row, salt, left)
    return row


def _row(user: User) -> Authenticator | None:
    rows = Authenticator.objects.select_for_update().filter(user_id=user.pk)
    return rows.filter(type=Authenticator.Type.RECOVERY_CODES).first()


def _keep(row: Authenticator, salt: bytes, hashes: list[str]) -> None:
    text = json.dumps({"salt": salt.hex(), "codes": hashes})
    data: dict[str, Any] = {name: row.data[name] for name in ("viewed_at",) if name in row.data}
    data |= {"hashes": seal(text, context=SECOND_FACTOR), "migrated_codes": [PLACEHOLDER] * len(hashes)}
    row.data = data
    row.save(update_fields=["data"])


def _hash(code: str, salt: bytes) -> str:
    """Eight digits are few, so guessing one is made dear: 16 MB and some 40 ms."""
    return hashlib.scrypt(code.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32).hex()
