"""Language tags (BCP 47) in one spelling, so that comparing them is comparing text."""

import re
from functools import lru_cache

_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


@lru_cache(maxsize=1024)
def read_language(text: str) -> str:
    """Spell a language tag that a browser or a file gave; what is none is empty."""
    return canonical(text) if _TAG.fullmatch(text) else ""


def canonical(tag: str) -> str:
    """Spell a tag as RFC 5646 section 2.1.1 recommends: de-AT, zh-Hant-TW. What is no tag stays what it is."""
    first, *rest = tag.split("-")
    parts = [first.lower()]
    for part in rest:
        if len(part) == 2:
            parts.append(part.upper())
        else:
            parts.append(part.title() if len(part) == 4 and part.isalpha() else part.lower())
    return "-".join(parts)
