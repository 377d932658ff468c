import pytest

from truepush.lib.base64url import decode, encode


@pytest.mark.parametrize("length", range(9))
def test_any_length_goes_there_and_back_without_padding(length: int) -> None:
    data = bytes(range(247, 247 + length))
    assert "=" not in encode(data)
    assert decode(encode(data)) == data
    assert decode(encode(data).encode()) == data


def test_the_two_characters_of_the_url_alphabet_are_used() -> None:
    assert encode(b"\xfb\xff") == "-_8"
    assert decode("-_8=") == b"\xfb\xff"


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AAAAA",
        "AA=",
        "AA===",
        "AAAA=",
        "AAAA====",
        "=",
        "A=A=",
        "+/8",
        "AA A",
        "AA\n",
        "AAA!",
        "\u0391A",
    ],
)
def test_wrong_padding_and_foreign_characters_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64url|ascii|Base64|base64|padded|padding"):
        decode(text)


@pytest.mark.parametrize("text", ["AB", "AAB", "_-_-_x"])
def test_a_second_spelling_of_the_same_octets_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="spare bits"):
        decode(text)
