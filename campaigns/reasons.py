"""The reasons of the ledger in words for people."""

from typing import NamedTuple, TypedDict

from campaigns.delivery.outcomes import Answer, Skip


class Reason(TypedDict):
    label: str
    text: str
    count: int


_SKIPS = {
    Skip.CAPPED.value: "had as many messages as one may get",
    Skip.QUIET.value: "it was quiet time there",
    Skip.GAP.value: "had a message too short a time before",
    Skip.HOLD_OUT.value: "held out to measure the effect",
    Skip.UNSUBSCRIBED.value: "unsubscribed before it was sent",
    Skip.KEY_PAUSED.value: "paused together with the website's key",
    Skip.ERASED.value: "erased before it was sent",
}
_ANSWERS = {answer.label: answer.words for answer in Answer}
_SHOWN = ("failed", "expired", "skipped")


def in_words(reasons: dict[str, int]) -> list[Reason]:
    """Turn `Send.reasons` ({"failed server_error 503": 3}) into sentences, the most frequent first.

    Subscriptions that are gone are a figure of their own and not a failure, so they are left out here.
    """
    found: list[Reason] = []
    for key, count in reasons.items():
        outcome, _, rest = key.partition(" ")
        if outcome in _SHOWN:
            found.append({"label": outcome.capitalize(), "text": _sentence(outcome, rest), "count": count})
    return sorted(found, key=lambda reason: (-reason["count"], reason["text"]))


def _sentence(outcome: str, rest: str) -> str:
    if outcome == "skipped":
        text = _SKIPS.get(rest, rest)
    elif outcome == "expired":
        text = "the message's time was over before it could be sent"
    else:
        label, _, status = rest.partition(" ")
        words = _ANSWERS.get(label, label)
        text = f"{words} (HTTP {status})" if status else words
    return text[:1].upper() + text[1:]


class Said(NamedTuple):
    """A reason in our words, and the push service's own, which templates escape."""

    words: str
    quote: str = ""


def reason_in_words(outcome: str, reason: str) -> Said:
    """Say the deciding reason of one recipient."""
    head, _, quote = reason.partition(": ")
    if outcome == "skipped" or not reason:
        return Said(_SKIPS.get(reason, reason))
    if outcome == "expired":
        return Said("the message's time was over before it could be sent")
    label, _, status = head.partition(" ")
    words = _ANSWERS.get(label, head)
    return Said(f"{words} (HTTP {status})" if status.isdecimal() else words, quote)
