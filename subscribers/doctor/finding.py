"""What a check says of one thing: how it stands, what was found, what to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

MOST_TEXT = 600
MOST_COPY = 4_000
MOST_FINDINGS = 40


class State(StrEnum):
    PROBLEM = "problem"
    WARNING = "warning"
    UNKNOWN = "unknown"
    GOOD = "good"


@dataclass(frozen=True)
class Finding:
    """`found` has the value that was seen, `remedy` what to do, `copy` text that goes somewhere as it is."""

    state: State
    title: str
    found: str = ""
    remedy: str = ""
    copy: str = ""

    def as_json(self) -> dict[str, Any]:
        most = {"copy": MOST_COPY}
        return {name: _fit(value, most.get(name, MOST_TEXT)) for name, value in asdict(self).items()}


def _fit(text: str, most: int) -> str:
    """Cut what a website said, and take out what PostgreSQL's JSON cannot hold."""
    text = text.encode(errors="replace").decode().replace("\x00", "")
    return text if len(text) <= most else text[: most - 1] + "…"


def sorted_for_reading(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Write the findings as JSON, the worst first."""
    order = list(State)
    return [one.as_json() for one in sorted(findings, key=lambda one: order.index(one.state))[:MOST_FINDINGS]]


def good(title: str, found: str = "") -> Finding:
    return Finding(State.GOOD, title, found)


def problem(title: str, found: str, remedy: str, copy: str = "") -> Finding:
    return Finding(State.PROBLEM, title, found, remedy, copy)


def warning(title: str, found: str, remedy: str, copy: str = "") -> Finding:
    return Finding(State.WARNING, title, found, remedy, copy)


def unknown(title: str, found: str, remedy: str = "") -> Finding:
    return Finding(State.UNKNOWN, title, found, remedy)
