"""A few first: a share of the audience gets a send, and what comes of it decides about the rest.

The share is drawn by hash, so ids do not decide. The rest waits in batches of wave 1 that are due in the far future.
Until they are released a send's own figures are those of the few, and nothing else has to be counted for the verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from campaigns.actions.errors import CampaignRefused
from campaigns.breakdown import Typical, typical
from campaigns.delivery.rest import hold_rest, release, stop_rest
from campaigns.delivery.work import Work
from campaigns.models import Send
from tenants.actions import audit

LEAST_SHARE, MOST_SHARE, LONGEST_LOOK = 0.1, 50, 1440
MOST_PEOPLE = 100_000
Verdict = Literal["go", "ask", "stop"]
# It is stopped where so many more are gone than usual, in points of a hundred, or so small a part of the usual share
# is accepted; somebody is asked where displays or clicks are less than such a part of the usual. Rates of fewer than
# LEAST say nothing.
GONE_POINTS, ACCEPTED_PART, DISPLAYED_PART, CLICKED_PART = 10.0, 0.8, 0.5, 1 / 3
LEAST_ACCEPTED, LEAST_DISPLAYED = 50, 200
USUAL = Typical(0, accepted=95.0, displayed=0.0, clicked=0.0, gone=2.0)


@dataclass(frozen=True)
class Canary:
    """Which share goes first, in percent, or how many people do; after how many minutes they are looked at; what
    happens if all is as usual."""  # fmt: skip

    percent: float
    minutes: int
    then: Literal["go", "ask"] = "go"
    number: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "state": "out"}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self | None:
        """Read what as_json() wrote; nothing of it is None."""
        known = {name: value for name, value in stored.items() if name in cls.__dataclass_fields__}
        return cls(**known) if stored else None


def check_canary(canary: Canary | None) -> None:
    """Raise CampaignRefused for what is no share, number or time."""
    if canary and canary.number is not None and not 1 <= canary.number <= MOST_PEOPLE:
        raise CampaignRefused(f"A few first: give 1 to {MOST_PEOPLE:,} people, not {canary.number:,}.")
    if canary and not (MOST_SHARE >= canary.percent >= LEAST_SHARE and 1 <= canary.minutes <= LONGEST_LOOK):
        raise CampaignRefused(
            f"A few first: give {LEAST_SHARE} to {MOST_SHARE} % and 1 to {LONGEST_LOOK:,} minutes, "
            f"not {canary.percent:g} % and {canary.minutes:,} minutes."
        )


def judge(send: Send, usual: Typical | None) -> tuple[Verdict, str]:
    """Compare the few with the website's last sends; answer what follows, and why."""
    known = usual or USUAL
    if not send.accepted + send.gone + send.failed + send.expired:
        return "ask", "Nobody was among the first."
    sent = max(send.accepted + send.gone + send.failed + send.expired, 1)
    gone, accepted = 100 * send.gone / sent, 100 * send.accepted / sent
    if gone > known.gone + GONE_POINTS:
        return "stop", f"{gone:.0f} % of the first {sent:,} are gone; {known.gone:.0f} % are usual."
    if accepted < known.accepted * ACCEPTED_PART:
        return (
            "stop",
            f"{accepted:.0f} % of the first {sent:,} were accepted; {known.accepted:.0f} % are usual.",
        )
    if send.accepted >= LEAST_ACCEPTED:
        displayed = 100 * send.displayed / send.accepted
        if displayed < known.displayed * DISPLAYED_PART:
            return "ask", f"{displayed:.0f} % displayed it; {known.displayed:.0f} % are usual."
    if send.displayed >= LEAST_DISPLAYED:
        clicked = 100 * send.clicked / send.displayed
        if clicked < known.clicked * CLICKED_PART:
            return "ask", f"{clicked:.1f} % clicked it; {known.clicked:.1f} % are usual."
    return "go", f"All as usual among the first {sent:,}."


def decide(work: Work, send: Send, now: datetime) -> None:
    """Let the rest go, stop it, or ask somebody; call with the send locked, inside the tenant."""
    verdict, said = judge(send, typical(send))
    if verdict == "go" and send.canary["then"] == "ask":
        verdict = "ask"
    send.canary = {**send.canary, "state": verdict, "said": said}
    send.save(update_fields=["canary"])
    if verdict == "go":
        release(work.tenant_id, send, now)
    elif verdict == "ask":
        hold_rest(work, send, f"The rest waits for you: {said}")
    else:
        stop_rest(work, send, f"Stopped before the rest got it: {said}")
    audit.record(
        "send.canary", actor=None, tenant_id=work.tenant_id, target=f"send {send.pk}", verdict=verdict
    )
