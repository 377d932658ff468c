"""Names of countries and languages in English, from the Unicode Common Locale Data Repository (babel)."""

from functools import lru_cache
from typing import Any

from babel import Locale


@lru_cache(maxsize=1)
def countries() -> dict[str, str]:
    """ISO 3166 code to name, in order of the names."""
    names = _plain(Locale("en").territories)
    return {code: name for code, name in names if code.isalpha() and code not in _NO_COUNTRY}


# What the list has besides countries: unions, unknown and pseudo regions.
_NO_COUNTRY = {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}


@lru_cache(maxsize=1)
def languages() -> dict[str, str]:
    """ISO 639 code of two letters to name, in order of the names."""
    return dict(_plain(Locale("en").languages))


def _plain(names: Any) -> list[tuple[str, str]]:
    """Those with a code of two characters, sorted by name."""
    known = [(str(code), str(names[code])) for code in names if len(str(code)) == 2]
    return sorted(known, key=lambda item: item[1])


def name_of(column: str, value: str) -> str:
    """Say a value of a profile's column: "Germany" for DE, "German" for de-AT."""
    if column == "country":
        return countries().get(value.upper(), value)
    if column == "language":
        return languages().get(value.lower().partition("-")[0], value)
    return value[:1].upper() + value[1:]
