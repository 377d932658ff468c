"""Language tags (BCP 47) in one spelling, so that comparing them is comparing text."""


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
