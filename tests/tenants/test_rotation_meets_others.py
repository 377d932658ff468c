"""A rotation of keys beside people who work: a row that changes meanwhile is not left under the old key."""

import secrets
from typing import Any

import pytest

from tenants.actions.audit import SYSTEM
from tenants.actions.rotation import rotate_keys
from tenants.models import KeptMail
from tenants.sealed_columns import SealedColumn
from truepush.lib.fieldcrypt import FieldCrypt

OLD, NEW = {"k1": secrets.token_bytes(32)}, {"k2": secrets.token_bytes(32)}
CONTEXT = "mail"


def somebody_writes(mail: Any) -> str:
    """What the column is bound to is asked between reading and writing: here another process comes in between, once."""
    if mail.subject == "first":
        text = FieldCrypt(OLD).encrypt(b"second", context=CONTEXT)
        KeptMail.objects.filter(pk=mail.pk).update(subject="second", sealed=text)
    return CONTEXT


def somebody_removes(mail: Any) -> str:
    KeptMail.objects.all().delete()
    return CONTEXT


COLUMN = (SealedColumn("tenants.KeptMail", "sealed", somebody_writes),)
GONE = (SealedColumn("tenants.KeptMail", "sealed", somebody_removes),)


@pytest.fixture
def mail(db: None, settings: Any) -> KeptMail:
    settings.FIELD_KEYS = {**NEW, **OLD}
    sealed = FieldCrypt(OLD).encrypt(b"first", context=CONTEXT)
    return KeptMail.objects.create(recipient="a@b.test", subject="first", sealed=sealed)


def test_what_was_written_meanwhile_is_encrypted_anew_too(mail: KeptMail, settings: Any) -> None:
    settings.SEALED = [f"{__name__}.COLUMN"]
    result = rotate_keys(actor=SYSTEM)
    assert (result.changed, result.left, result.unreadable) == (1, {}, [])
    mail.refresh_from_db()
    assert FieldCrypt(NEW).decrypt(mail.sealed, context=CONTEXT) == b"second"


def test_what_was_removed_meanwhile_is_no_trouble(mail: KeptMail, settings: Any) -> None:
    settings.SEALED = [f"{__name__}.GONE"]
    result = rotate_keys(actor=SYSTEM)
    assert (result.changed, result.left, result.unreadable) == (0, {}, [])
