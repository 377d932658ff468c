"""Which addresses may be dialled (findings L9 and L10)."""

import ipaddress

import pytest

from truepush.lib.outbound import AddressRefused, check_address, is_public_address

L9 = [
    "100.64.0.1",
    "100.100.100.200",
    "224.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fec0::1",
    "::127.0.0.1",
    "192.0.0.192",
]
L10 = ["0177.0.0.1", "0x7f.1", "2130706433", "127.1", "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021"]


@pytest.mark.parametrize("ip", L9)
def test_l9_addresses_that_ipaddress_does_not_call_private_are_refused(ip: str) -> None:
    assert not is_public_address(ip)


@pytest.mark.parametrize("ip", L10)
@pytest.mark.parametrize("allow_loopback", [False, True])
def test_l10_other_spellings_of_loopback_are_refused_even_where_loopback_is_allowed(
    ip: str, allow_loopback: bool
) -> None:
    with pytest.raises(AddressRefused):
        check_address(ip, allow_loopback=allow_loopback)


@pytest.mark.parametrize(
    "network",
    [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "::1/128",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ],
)
def test_both_ends_of_each_special_range_are_refused(network: str) -> None:
    addresses = ipaddress.ip_network(network)
    assert not is_public_address(str(addresses[0]))
    assert not is_public_address(str(addresses[-1]))


@pytest.mark.parametrize(
    "ip",
    [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "223.255.255.255",
        "17.57.144.1",
        "2001:4860:4860::8888",
        "2001:200::1",
        "2a00:1450:4001:80b::200a",
        "2600:1901::1",
        "2003::1",
    ],
)
def test_public_addresses_up_to_the_edge_of_each_range_are_taken(ip: str) -> None:
    assert is_public_address(ip)
    check_address(ip, allow_loopback=False)


@pytest.mark.parametrize(
    "ip",
    ["169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"],
)
def test_metadata_services_of_clouds_are_refused(ip: str) -> None:
    with pytest.raises(AddressRefused, match="is not a public IP address"):
        check_address(ip, allow_loopback=True)


@pytest.mark.parametrize(
    "ip",
    [
        "",
        " 8.8.8.8",
        "8.8.8.8 ",
        "8.8.8",
        "8.8.8.8.8",
        "008.8.8.8",
        "8.8.8.8/32",
        "8.8.8.256",
        "localhost",
        "fcm.googleapis.com",
        "[2001:4860:4860::8888]",
        "2001:4860:4860::8888%eth0",
        "2001:4860:4860::8888%",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "64:ff9b::808:808",
        "\u0668.8.8.8",
    ],
)
def test_text_that_is_not_one_plain_public_address_is_refused(ip: str) -> None:
    assert not is_public_address(ip)


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.255.255.255", "::1"])
def test_loopback_is_taken_only_where_it_is_allowed(ip: str) -> None:
    check_address(ip, allow_loopback=True)
    with pytest.raises(AddressRefused):
        check_address(ip, allow_loopback=False)


@pytest.mark.parametrize(
    "ip", ["::ffff:127.0.0.1", "::127.0.0.1", "::1%lo", "10.0.0.1", "0.0.0.1", "::", "fe80::1"]
)
def test_allowing_loopback_allows_nothing_else(ip: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(ip, allow_loopback=True)
