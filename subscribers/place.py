"""Where an address is: its country by a database that a package ships, region and city by a file of the operator's.

The address is looked up whole, in memory, and kept without its last part (settings.ANONYMISE).
"""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import maxminddb
from django.conf import settings
from django.http import HttpRequest
from geoip2fast import GeoIP2Fast

from tenants.client_address import client_address, truncated


@dataclass(frozen=True)
class Place:
    """Empty where it is not known. `country` is ISO 3166-1; `address` as it may be stored."""

    country: str = ""
    region: str = ""
    city: str = ""
    address: str = ""


def place_of_request(request: HttpRequest) -> Place:
    """Look up where a call comes from."""
    return place_of(client_address(request))


def place_of(text: str) -> Place:
    """Look an address up; what is none, or of a private network, is nowhere."""
    address = read_address(text)
    if address is None:
        return Place()
    if settings.GEO_FILE:
        country, region, city = _by_file(str(address))
    else:
        country, region, city = _by_package(str(address)), "", ""
    return Place(country, region[:80], city[:80], kept(address))


def read_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address, one of IPv4 that is written as IPv6 as what it is; None for anything else."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def kept(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Answer 203.0.113.0 for 203.0.113.77, 2001:db8:1:: for 2001:db8:1:2:3::4; all of it if the operator says so."""
    if not settings.ANONYMISE:
        return str(address)
    return truncated(str(address))


@lru_cache(maxsize=1)
def _package() -> GeoIP2Fast:
    """Load countries of IPv4 and IPv6: 0.1 s, 45 MB, once in a process that is asked."""
    return GeoIP2Fast(geoip2fast_data_file=str(files("geoip2fast").joinpath("geoip2fast-ipv6.dat.gz")))


def _by_package(address: str) -> str:
    code = str(_package().lookup(address).country_code)
    return code if len(code) == 2 and code.isalpha() else ""


@lru_cache(maxsize=1)
def _file() -> maxminddb.Reader:
    return maxminddb.open_database(settings.GEO_FILE)


def _by_file(address: str) -> tuple[str, str, str]:
    """Read MaxMind's form (GeoLite2 City, DB-IP City and others use it)."""
    found: Any = _file().get(address)
    found = found if isinstance(found, dict) else {}
    regions = found.get("subdivisions") or [{}]
    country = found.get("country") or found.get("registered_country") or {}
    return str(country.get("iso_code", ""))[:2], _english(regions[0]), _english(found.get("city") or {})


def _english(part: dict[str, Any]) -> str:
    names = part.get("names") or {}
    return str(names.get("en") or next(iter(names.values()), ""))
