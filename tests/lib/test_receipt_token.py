import hmac
import random
import struct

import pytest

from truepush.lib import base64url
from truepush.lib.receipt_token import ReceiptToken, TokenMaker, pack, unpack

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
TOKEN = ReceiptToken(tenant_id=7, send_id=2**40, batch_id=2**33 + 5, ordinal=4999, variant=3)
LARGEST = ReceiptToken(2**32 - 1, 2**64 - 1, 2**64 - 1, 2**32 - 1, 255)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.mark.parametrize("token", [TOKEN, LARGEST, ReceiptToken(0, 0, 0, 0, 0)])
def test_a_token_goes_there_and_back_in_58_characters(token: ReceiptToken) -> None:
    text = pack({1: OLD}, token)
    assert len(text) == 58
    assert set(text) <= set(ALPHABET)
    assert unpack({1: OLD}, text) == token


def test_the_layout_is_the_documented_one() -> None:
    """Tokens outlive releases inside shown notifications: this text must be read for ever."""
    text = pack({9: OLD}, TOKEN)
    assert base64url.decode(text)[:27] == struct.pack(">BBIQQIB", 1, 9, 7, 2**40, 2**33 + 5, 4999, 3)
    assert text == "AQkAAAAHAAABAAAAAAAAAAACAAAABQAAE4cDr0OQ8aBIvDY10PQIG3U9gw"


def test_the_first_key_signs_and_older_ones_are_still_read() -> None:
    text = pack({1: OLD}, TOKEN)
    assert unpack({2: NEW, 1: OLD}, text) == TOKEN
    assert base64url.decode(pack({2: NEW, 1: OLD}, TOKEN))[1] == 2


def test_each_flipped_bit_is_refused() -> None:
    """All 43 octets, so also version, key id and every number."""
    raw = base64url.decode(pack({1: OLD, 0: NEW}, TOKEN))
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert unpack({1: OLD, 0: NEW}, base64url.encode(bytes(changed))) is None


def test_each_changed_character_is_refused() -> None:
    """The last character too: its four spare bits must not make sixteen spellings of one token."""
    text = pack({1: OLD}, TOKEN)
    for position, character in enumerate(text):
        for other in ALPHABET.replace(character, ""):
            assert unpack({1: OLD}, text[:position] + other + text[position + 1 :]) is None


def test_another_version_is_refused_even_when_signed() -> None:
    fields = struct.pack(">BBIQQIB", 2, 1, *TOKEN)
    mac = hmac.digest(OLD, b"truepush receipt" + fields, "sha256")[:16]
    assert unpack({1: OLD}, base64url.encode(fields + mac)) is None


def test_an_unknown_key_id_is_refused() -> None:
    assert unpack({2: OLD}, pack({1: OLD}, TOKEN)) is None
    assert unpack({}, pack({1: OLD}, TOKEN)) is None


def test_another_secret_under_the_same_id_is_refused() -> None:
    assert unpack({1: NEW}, pack({1: OLD}, TOKEN)) is None


@pytest.mark.parametrize(
    "text",
    ["", "A", "A" * 57, "A" * 58, "A" * 59, "A" * 100_000, "=" * 58, "\u00e9" * 58, "\x00" * 58, "!" * 58],
)
def test_garbage_is_refused(text: str) -> None:
    assert unpack({1: OLD}, text) is None


@pytest.mark.parametrize("spelling", ["{}==", "{} ", " {}", "{}\n", "{}A"])
def test_a_token_with_anything_around_it_is_refused(spelling: str) -> None:
    assert unpack({1: OLD}, spelling.format(pack({1: OLD}, TOKEN))) is None


@pytest.mark.parametrize(
    "token",
    [
        TOKEN._replace(tenant_id=2**32),
        TOKEN._replace(send_id=-1),
        TOKEN._replace(batch_id=2**64),
        TOKEN._replace(ordinal=2**32),
        TOKEN._replace(variant=256),
    ],
)
def test_a_number_that_does_not_fit_is_an_error_not_a_wrong_token(token: ReceiptToken) -> None:
    with pytest.raises(ValueError, match="does not fit a receipt token"):
        pack({1: OLD}, token)


def test_a_key_id_above_255_is_an_error() -> None:
    with pytest.raises(ValueError, match="key id 256 does not fit"):
        pack({256: OLD}, TOKEN)


def test_a_maker_makes_the_tokens_that_pack_makes() -> None:
    draw = random.Random(20261126)
    keys = {7: draw.randbytes(32), 3: draw.randbytes(32)}
    for _ in range(200):
        tenant, send, batch = draw.randrange(2**32), draw.randrange(2**63), draw.randrange(2**63)
        maker = TokenMaker(keys, tenant, send, batch)
        for _ in range(3):
            ordinal, variant = draw.randrange(2**32), draw.randrange(256)
            assert maker.token(ordinal, variant) == pack(
                keys, ReceiptToken(tenant, send, batch, ordinal, variant)
            )
