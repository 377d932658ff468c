"""What a report says of the versions of a send."""

from dataclasses import dataclass
from typing import Any

from campaigns.delivery.ab import LETTERS, AbTest, Standing, standings
from campaigns.delivery.personal import with_defaults
from campaigns.models import WAVE_REST, Send, SendStat
from campaigns.report import rate

# What is said of a version: the first of these in which it differs from A.
_DIFFERS = ("title", "body", "image_url", "url")


@dataclass(frozen=True)
class VersionRow:
    """Rates in percent or None: accepted of the audience, displayed and clicked of the accepted, as the test counts."""

    letter: str
    says: str
    standing: Standing
    accepted_rate: float | None
    displayed_rate: float | None
    clicked_rate: float | None
    chance: float | None
    is_winner: bool


def versions_of(send: Send) -> dict[str, Any]:
    """Answer `versions`, `rest` (the figures of who got the winner afterwards) and whether one can be chosen."""
    ab = AbTest.from_json(send.ab)
    if ab is None or not ab.shares or not send.launched_at:
        return {"versions": []}
    rest = SendStat.objects.filter(send=send, wave=WAVE_REST).first() if ab.first else None
    is_open = send.state in (Send.State.RUNNING, Send.State.PAUSED) and send.ab.get("state") in ("out", "ask")
    return {
        "versions": [_row(send, ab, one) for one in standings(send)],
        "metric": ab.metric,
        "rest": rest,
        "rest_letter": LETTERS[rest.variant] if rest else "",
        "can_choose": is_open,
        "is_judged": "chances" in send.ab,
    }


def _row(send: Send, ab: AbTest, one: Standing) -> VersionRow:
    return VersionRow(
        letter=LETTERS[one.variant],
        says=_says(send, ab, one.variant),
        standing=one,
        accepted_rate=rate(one.accepted, one.audience),
        displayed_rate=rate(one.displayed, one.accepted),
        clicked_rate=rate(one.clicked, one.accepted),
        chance=None if one.chance is None else min(max(100 * one.chance, 0.0), 99.9),
        is_winner=send.ab.get("winner") == one.variant,
    )


def _says(send: Send, ab: AbTest, variant: int) -> str:
    if ab.delays:
        if "local" in send.timing:
            return "its own time" if not variant else f"{_later(ab.delays[variant - 1])} later"
        return f"{ab.times(send.due_at)[variant]:%-d %b, %H:%M} UTC"
    first, mine = send.content[0], send.content[variant]
    differs = next((name for name in _DIFFERS if mine[name] != first[name]), "title")
    return with_defaults(mine[differs if variant else "title"])


def _later(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
