import pytest

from truepush.lib import base64url
from truepush.lib.fieldcrypt import FieldCrypt, FieldDamaged, UnknownKey

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
CONTEXT = "site 5 vapid private key"


def test_a_field_goes_there_and_back() -> None:
    fields = FieldCrypt({"k1": OLD})
    text = fields.encrypt(b"secret", context=CONTEXT)
    assert text.startswith("k1:")
    assert fields.decrypt(text, context=CONTEXT) == b"secret"
    assert fields.decrypt(fields.encrypt(b"", context=""), context="") == b""


def test_the_same_field_twice_gives_two_texts_without_the_secret() -> None:
    fields = FieldCrypt({"k1": OLD})
    first, second = (fields.encrypt(b"secret", context=CONTEXT) for _ in range(2))
    assert first != second
    assert b"secret" not in base64url.decode(first.removeprefix("k1:"))


def test_the_first_key_encrypts_and_older_ones_still_decrypt() -> None:
    text = FieldCrypt({"k1": OLD}).encrypt(b"secret", context=CONTEXT)
    rotated = FieldCrypt({"k2": NEW, "k1": OLD})
    assert rotated.decrypt(text, context=CONTEXT) == b"secret"
    assert rotated.encrypt(b"secret", context=CONTEXT).startswith("k2:")


def test_a_key_that_is_not_configured_is_named_as_the_cause() -> None:
    text = FieldCrypt({"k1": OLD}).encrypt(b"secret", context=CONTEXT)
    with pytest.raises(UnknownKey, match=r"site 5 .*: its key is not configured \(configured: k2\)"):
        FieldCrypt({"k2": NEW}).decrypt(text, context=CONTEXT)


def test_another_key_under_the_same_id_is_refused() -> None:
    text = FieldCrypt({"k1": OLD}).encrypt(b"secret", context=CONTEXT)
    with pytest.raises(FieldDamaged, match="not what key k1 encrypted for this field"):
        FieldCrypt({"k1": NEW}).decrypt(text, context=CONTEXT)


def test_text_copied_to_another_row_is_refused() -> None:
    fields = FieldCrypt({"k1": OLD})
    text = fields.encrypt(b"secret", context=CONTEXT)
    with pytest.raises(FieldDamaged, match="site 6 vapid private key: not what key k1 encrypted"):
        fields.decrypt(text, context="site 6 vapid private key")


def test_each_changed_octet_is_refused() -> None:
    fields = FieldCrypt({"k1": OLD})
    raw = base64url.decode(fields.encrypt(b"secret", context=CONTEXT).removeprefix("k1:"))
    for position in range(len(raw)):
        changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        with pytest.raises(FieldDamaged):
            fields.decrypt(f"k1:{base64url.encode(changed)}", context=CONTEXT)


@pytest.mark.parametrize("payload", ["", "A", "AAAA", "not base64!", "\u00e9", base64url.encode(bytes(27))])
def test_garbage_under_a_known_key_is_refused(payload: str) -> None:
    with pytest.raises(FieldDamaged):
        FieldCrypt({"k1": OLD}).decrypt(f"k1:{payload}", context=CONTEXT)


@pytest.mark.parametrize("text", ["", ":", "plain text", "K1:AAAA"])
def test_text_that_names_no_known_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UnknownKey) as refusal:
        FieldCrypt({"k1": OLD}).decrypt(text, context=CONTEXT)
    assert "plain" not in str(refusal.value)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "no field key is configured"),
        ({"k1": bytes(16)}, "field key 'k1' is 16 octets long, must be 32"),
        ({"k:1": OLD}, "field key id 'k:1' is empty or has a colon"),
        ({"": OLD}, "field key id '' is empty or has a colon"),
    ],
)
def test_keys_that_cannot_work_are_refused_at_start(keys: dict[str, bytes], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FieldCrypt(keys)
