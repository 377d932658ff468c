"""Whose address a request comes from, behind as many proxies as the settings say."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# Whoever has one IPv6 address has a network of this length.
_IPV6_NETWORK = 64


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
    """What limits count by: an IPv4 address, or the network that a caller with IPv6 has for themselves."""
    text = client_address(request)
    if ":" not in text:
        return text
    address = ipaddress.IPv6Address(text)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False).network_address)
