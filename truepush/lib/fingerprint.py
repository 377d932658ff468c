"""What a failure has in common with others of its kind, in words that hold nothing of a customer.

For words of ours: what may be of somebody is taken out. For an exception: its type and the statement of our own code
in which it happened, as it stands in the source. Its message is left out: it may say anything of anybody, and two
customers' names would make two of what is one.
"""

import hashlib
import re
import traceback
from pathlib import Path

MOST_TITLE = 200
GONE = "…"
OWN = ("campaigns", "subscribers", "tenants", "truepush")
_ROOT = Path(__file__).resolve().parents[2]

# In this order: an address has a host in it, and a host may have numbers. Each begins where its run of characters does,
# or is short: else every character of a long one would be looked from to its end.
_TAKEN = (
    re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://\S+", re.IGNORECASE),
    re.compile(r"(?<!\S)\S+@\S+"),
    # An apostrophe inside a word is no quotation mark.
    re.compile(r"\u201c[^\u201d]*\u201d|\u2018[^\u2019]*\u2019|\"[^\"]*\"|`[^`]*`|(?<!\w)'[^']*'(?!\w)"),
    re.compile(r"(?<![\w-])(?<![\w-]\.)(?:[\w-]+\.)+[^\W\d_]{2,}\b"),
    re.compile(r"(?<![\w+/=-])[\w+/=-]*\d[\w+/=.:,-]*"),
    re.compile(r"\b[\w+/=-]{32,}"),
)


def fingerprint(kind: str, title: str) -> str:
    """32 characters: the same title of the same kind has the same."""
    return hashlib.sha256(f"{kind}\n{title}".encode()).hexdigest()[:32]


def plain(words: str) -> str:
    """Take addresses, quotations, host names, numbers and ids out; one line of at most MOST_TITLE characters."""
    for pattern in _TAKEN:
        words = pattern.sub(GONE, words)
    return " ".join(words.split())[:MOST_TITLE]


def title_of(error: BaseException) -> str:
    """Say what broke and where: "KeyError in campaigns/report.py, figures: share = parts[name]".

    Of the exception itself, never of its text: a message can look like a traceback.
    """
    name, frames = type(error).__name__, traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if path := _own_path(frame.filename):
            return f"{name} in {path}, {frame.name}: {frame.line}"[:MOST_TITLE]
    where = f" in {'/'.join(Path(frames[-1].filename).parts[-2:])}, {frames[-1].name}" if frames else ""
    return f"{name}{where}, outside of our code"[:MOST_TITLE]


def _own_path(path: str) -> str:
    """The path of a file of ours from the project's folder on; empty for any other."""
    if not Path(path).is_relative_to(_ROOT):
        return ""
    inside = Path(path).relative_to(_ROOT)
    return inside.as_posix() if inside.parts[0] in OWN else ""
