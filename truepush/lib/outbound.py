"""Which IP addresses a request of ours may go to: public unicast, nothing else.

Own tables, since `ipaddress` of Python 3.11 does not call these private: 100.64.0.0/10, multicast, NAT64,
6to4, site-local, IPv4-compatible. Source: IANA special-purpose address registries for IPv4 and IPv6.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata service is 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent, on an address that looks public
        "169.254.0.0/16",  # link-local; most clouds' metadata service is 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments; one cloud's metadata service is 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunnelling
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# All unicast handed out so far. Outside it: loopback, ULA, link- and site-local, multicast, IPv4-mapped and
# -compatible, and NAT64 (64:ff9b::/96), which reaches the private IPv4 networks behind the translator.
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_LOOPBACK_V4 = IPv4Network("127.0.0.0/8")
_LOOPBACK_V6 = IPv6Address("::1")


class AddressRefused(ValueError):
    """The request must not be sent to this address."""


def is_public_address(ip: str) -> bool:
    """False also for text that is not one address as written by a machine: 127.1, 0x7f.1, fe80::1%eth0."""
    address = _parse(ip)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)
    return False


def check_address(ip: str, *, allow_loopback: bool) -> None:
    """Raise AddressRefused unless `ip` is public, or 127.0.0.0/8 or ::1 where that is allowed."""
    if not (is_public_address(ip) or (allow_loopback and _is_loopback(ip))):
        raise AddressRefused(f"{ip} is not a public IP address")


def _is_loopback(ip: str) -> bool:
    address = _parse(ip)
    return address == _LOOPBACK_V6 or (isinstance(address, IPv4Address) and address in _LOOPBACK_V4)


def _parse(ip: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    return None if "%" in ip else address
