import pytest

from truepush.lib.hostname import ends_in_number, is_host_name

LONGEST = ".".join(["x" * 63] * 3 + ["x" * 61])


@pytest.mark.parametrize(
    "text", ["a", "localhost", "example.com", "xn--bcher-kva.example", "1.2.3.4", "a-b.c", LONGEST]
)
def test_names_of_letters_digits_and_hyphens_are_host_names(text: str) -> None:
    assert is_host_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a",
        "a-",
        "A",
        "a_b",
        "a b",
        "a\n",
        "b\u00fccher",
        "x" * 64,
        LONGEST + "x",
        "a:1",
        "[::1]",
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert not is_host_name(text)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "a.0x"]
)
def test_hosts_that_a_resolver_reads_as_an_address_end_in_a_number(host: str) -> None:
    assert ends_in_number(host)


@pytest.mark.parametrize("host", ["example.com", "1.example", "a.x1", "a.1x", "a.0xg", "a-1"])
def test_domain_names_do_not(host: str) -> None:
    assert not ends_in_number(host)
