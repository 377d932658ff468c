"""Whose address a request comes from, behind as many proxies as the settings say."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# Whoever has one IPv6 address has a network of this length.
_IPV6_NETWORK = 64
# What is left of an address where it is kept: that of a small network, as Google Analytics keeps it.
_KEPT_BITS = {4: 24, 6: 48}


def client_address(request: HttpRequest) -> str:
    """The caller's address; "" if it is none.

    Each proxy appends the address that it was called from, so the entry that the outermost of ours wrote stands
    PROXIES from the end; what stands before it is the caller's own invention. A shorter list did not come through all
    of them: then the nearest machine's address counts.
    """
    text = str(request.META.get("REMOTE_ADDR", ""))
    if settings.BEHIND_PROXY:
        given = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
        if len(given) >= settings.PROXIES:
            text = given[-settings.PROXIES].strip() or text
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return ""


def client_network(request: HttpRequest) -> str:
    """What limits count a caller by."""
    return network_of(client_address(request))


def network_of(text: str) -> str:
    """Answer an IPv4 address as it is, and of one of IPv6 the network, which its owner has for themselves."""
    if ":" not in text:
        return text
    address = ipaddress.IPv6Address(text)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False).network_address)


def truncated(text: str) -> str:
    """Answer 203.0.113.0 for 203.0.113.77, 2001:db8:1:: for 2001:db8:1:2:3::4, "" for what is no address."""
    if not text:
        return ""
    address = ipaddress.ip_address(text)
    network = ipaddress.ip_network((address, _KEPT_BITS[address.version]), strict=False)
    return str(network.network_address)
