"""Numbers that addresses and forms name rows by."""


def read_id(text: str | None) -> int:
    """Read an id of an address or a form; 0, which nothing has, for what is none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 18 else 0
