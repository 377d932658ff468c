"""The figures of a send as pages show them, with rates whose denominators are named."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from campaigns.delivery.personal import with_defaults
from campaigns.models import Campaign, Send
from campaigns.reasons import Reason, in_words
from campaigns.timing import Timing, in_english
from subscribers.models import Site

LIVE_STATES = (Send.State.PREPARING, Send.State.RUNNING)
# Receipts go on coming after the last push; for this long the page keeps looking.
STILL_COMING = timedelta(minutes=30)
# Seconds before its time from which on the page of a scheduled send looks each second.
SOON = 60


@dataclass(frozen=True)
class SendReport:
    """Rates are percentages or None: displayed of accepted, clicked of displayed, the others of the audience."""

    send: Send
    campaign: Campaign
    site: Site
    content: dict[str, Any]
    audience: int
    accepted: int
    gone: int
    failed: int
    expired: int
    skipped: int
    cancelled: int
    displayed: int
    clicked: int
    pending: int
    reasons: list[Reason]
    accepted_rate: float | None
    gone_rate: float | None
    failed_rate: float | None
    displayed_rate: float | None
    clicked_rate: float | None
    is_live: bool

    @property
    def is_moving(self) -> bool:
        return self.send.state in LIVE_STATES or self.is_about_to_begin

    @property
    def is_about_to_begin(self) -> bool:
        """Whether it is scheduled for the next minute."""
        return self.send.state == Send.State.SCHEDULED and self.begins_in <= SOON

    @property
    def begins_in(self) -> int:
        """Whole seconds until a send that is scheduled begins, 0 if it is about to."""
        return max(0, math.ceil((self.send.due_at - timezone.now()).total_seconds()))

    @property
    def wall(self) -> datetime | None:
        """The wall clock time that this send is for."""
        of_series = bool(self.timing.rule and self.send.occurrence and "T" in self.send.occurrence)
        return datetime.fromisoformat(self.send.occurrence) if of_series else self.timing.at

    @property
    def repeats(self) -> str:
        return in_english(self.timing.rule)

    @property
    def timing(self) -> Timing:
        """When its campaign goes out."""
        return Timing.from_json(self.campaign.schedule)


COUNTED = (
    "audience",
    "accepted",
    "gone",
    "failed",
    "expired",
    "skipped",
    "cancelled",
    "displayed",
    "clicked",
)


def report_of(send: Send) -> SendReport:
    counts = {name: getattr(send, name) for name in COUNTED}
    resolved = send.accepted + send.gone + send.failed + send.expired + send.skipped + send.cancelled
    return SendReport(
        send=send,
        campaign=send.campaign,
        site=send.site,
        content=_read(send.content[0]),
        **counts,
        pending=send.audience - resolved,
        reasons=in_words(send.reasons),
        accepted_rate=rate(send.accepted, send.audience),
        gone_rate=rate(send.gone, send.audience),
        failed_rate=rate(send.failed, send.audience),
        displayed_rate=rate(send.displayed, send.accepted),
        clicked_rate=rate(send.clicked, send.displayed),
        is_live=send.state in LIVE_STATES or _ended_lately(send) or _begins_soon(send),
    )


def _read(content: dict[str, Any]) -> dict[str, Any]:
    """The message as somebody reads it of whom nothing is known."""
    return {**content, **{name: with_defaults(content[name]) for name in ("title", "body", "url")}}


def _begins_soon(send: Send) -> bool:
    return send.state == Send.State.SCHEDULED and send.due_at - timezone.now() < timedelta(seconds=SOON)


def _ended_lately(send: Send) -> bool:
    return send.finished_at is not None and timezone.now() - send.finished_at < STILL_COMING


def reports_of(sends: Iterable[Send]) -> list[SendReport]:
    return [report_of(send) for send in sends]


def rate(part: int, whole: int) -> float | None:
    """In percent; never above 100: receipts may come before their page of the ledger, or where an answer was lost."""
    return min(100 * part / whole, 100.0) if whole else None
