"""Files that a passphrase seals: read as they were written, or not at all."""

import io
import os
from typing import BinaryIO

import pytest

from truepush.lib.sealed_file import SealedReader, SealedWriter, WrongPassphrase, derive_key
from truepush.lib.signing_key import is_signed, public_of, sign

KEY = bytes(range(32))


def written(content: bytes, piece: int = 1000) -> bytes:
    target = io.BytesIO()
    writer = SealedWriter(target, KEY, "rows")
    for start in range(0, len(content), piece):
        writer.write(content[start : start + piece])
    writer.close()
    return target.getvalue()


def read(source: BinaryIO, *, size: int = -1, key: bytes = KEY, name: str = "rows") -> bytes:
    reader, found = SealedReader(source, key, name), b""
    while piece := reader.read(size):
        found += piece
    reader.finish()
    return found


@pytest.mark.parametrize("octets", [0, 1, 15, 16, 17, 1000, 4096])
@pytest.mark.parametrize("size", [-1, 1, 16, 1000])
def test_what_is_read_is_what_was_written(octets: int, size: int) -> None:
    content = os.urandom(octets)
    sealed = written(content)
    assert len(sealed) == 12 + octets + 16
    assert content == b"" or octets < 15 or content not in sealed
    assert read(io.BytesIO(sealed), size=size) == content


def test_another_key_another_name_a_change_and_a_missing_end_are_noticed() -> None:
    sealed = written(bytes(100))
    wrong = [
        lambda: read(io.BytesIO(sealed), key=bytes(32)),
        lambda: read(io.BytesIO(sealed), name="pictures"),
        lambda: read(io.BytesIO(sealed[:-1])),
        lambda: read(io.BytesIO(sealed[:20])),
        lambda: read(io.BytesIO(sealed[:5])),
        lambda: read(io.BytesIO(sealed + b"x")),
        *(
            lambda place=place: read(io.BytesIO(sealed[:place] + b"\xff" + sealed[place + 1 :]))
            for place in (0, 12, 60, 127)
            if sealed[place] != 0xFF
        ),
    ]
    for attempt in wrong:
        with pytest.raises(WrongPassphrase):
            attempt()


def test_finish_reads_what_nobody_read() -> None:
    sealed = written(bytes(5000))
    reader = SealedReader(io.BytesIO(sealed), KEY, "rows")
    reader.read(10)
    reader.finish()
    reader = SealedReader(io.BytesIO(sealed[:-1] + bytes([sealed[-1] ^ 1])), KEY, "rows")
    reader.read(10)
    with pytest.raises(WrongPassphrase):
        reader.finish()


def test_a_key_is_of_the_passphrase_and_the_salt() -> None:
    first = derive_key("five words", bytes(16))
    assert (len(first), derive_key("five words", bytes(16))) == (32, first)
    assert first not in (derive_key("five word", bytes(16)), derive_key("five words", bytes(15) + b"1"))


def test_signatures_are_of_rfc_8032() -> None:
    """Section 7.1, test 2."""
    private = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert public_of(private) == public
    signature = sign(private, b"\x72")
    assert signature.hex().startswith("92a009a9f0d4cab8720e820b5f642540")
    assert is_signed(public, signature, b"\x72")
    assert not is_signed(public, signature, b"\x73")
    assert not is_signed(public_of(bytes(32)), signature, b"\x72")
    assert not is_signed("no key", signature, b"\x72")
