"""Names of time zones that are taken from browsers and files."""

import zoneinfo
from functools import lru_cache


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every time zone name; the library reads the file system anew each time it is asked (3 to 26 ms)."""
    return frozenset(zoneinfo.available_timezones())


@lru_cache(maxsize=1)
def time_zone_choices() -> list[tuple[str, str]]:
    """Name the zones that people choose from: of places, and UTC."""
    return [
        (name, name.replace("_", " ")) for name in sorted(zone_names()) if "/" in name and not _is_odd(name)
    ] + [("UTC", "UTC")]


def _is_odd(name: str) -> bool:
    """Tell names that are no places, or old spellings by country."""
    return name.split("/", maxsplit=1)[0] in {
        "Etc",
        "SystemV",
        "US",
        "Brazil",
        "Canada",
        "Chile",
        "Mexico",
        "posix",
        "right",
    }
