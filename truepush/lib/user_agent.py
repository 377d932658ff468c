"""What a User-Agent header says of the browser, by the ua-parser library."""

from functools import lru_cache

from ua_parser import parse

MOST_CHARACTERS = 512
_PHONES = ("iPhone", "Windows Phone")
_TABLETS = ("iPad", "Tablet")


def read_user_agent(header: str) -> tuple[str, str, str]:
    """Answer (browser, os, device kind), each empty when unknown; kind is desktop, mobile or tablet."""
    return _read(header[:MOST_CHARACTERS])


@lru_cache(maxsize=2048)
def _read(text: str) -> tuple[str, str, str]:
    result = parse(text)
    browser = result.user_agent.family if result.user_agent else ""
    system = result.os.family if result.os else ""
    if any(word in text for word in _TABLETS) or (system == "Android" and "Mobile" not in text):
        device = "tablet"
    elif "Mobile" in text or any(word in text for word in _PHONES):
        device = "mobile"
    else:
        device = "desktop" if system else ""
    return browser[:40], system[:40], device
