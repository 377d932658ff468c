"""What somebody who approves a campaign has to see: every version in every language, and how it is to go out."""

from collections.abc import Iterator
from typing import Any

from campaigns.actions.new_send import Speed
from campaigns.delivery.ab import LETTERS, AbTest
from campaigns.delivery.payload import in_language
from campaigns.delivery.personal import with_defaults
from campaigns.models import Campaign, Purpose
from subscribers.names import languages


def shown(content: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each frozen variant as it reads, in its default language and in the others: {"label", "title", "body", ...}."""
    for place, variant in enumerate(content):
        version = f"Version {LETTERS[place]}" if len(content) > 1 else ""
        yield {"label": version, **_read(variant)}
        for code in variant["translations"]:
            name = languages().get(code, code)
            label = f"{version}, {name}" if version else name
            yield {"label": label, **_read(in_language(variant, code))}


def _read(variant: dict[str, Any]) -> dict[str, Any]:
    texts = {name: with_defaults(variant[name]) for name in ("title", "body", "url")}
    buttons = [f"{with_defaults(one['title'])}: {with_defaults(one['url'])}" for one in variant["buttons"]]
    return {
        **texts,
        "icon": variant["icon_url"],
        "image": with_defaults(variant["image_url"]),
        "buttons": buttons,
    }


def in_words(campaign: Campaign) -> list[str]:
    """How it is to go out besides its time, a line for each."""
    speed = Speed.from_json(campaign.wish)
    lines = []
    if campaign.purpose == Purpose.SERVICE:
        lines.append("A service message: caps and quiet hours do not hold it back.")
    if days := campaign.leave_out.get("dormant_days"):
        lines.append(f"Not to who was not seen for {days} days.")
    if campaign.leave_out.get("had"):
        lines.append("Not to who had it already.")
    if speed.per_minute:
        lines.append(f"At most {speed.per_minute:,} messages a minute.")
    if speed.spread_minutes:
        lines.append(f"Spread over {speed.spread_minutes:,} minutes.")
    if canary := speed.canary:
        few = f"{canary.number:,} people" if canary.number else f"{canary.percent:g} %"
        then = "goes on by itself" if canary.then == "go" else "asks"
        lines.append(f"To {few} first; after {canary.minutes:,} minutes it {then}.")
    return [*lines, *(_test(speed.ab) if speed.ab else [])]


def _test(ab: AbTest) -> Iterator[str]:
    if ab.shares:
        parts = ", ".join(f"{letter} {share} %" for letter, share in zip(LETTERS, ab.shares, strict=False))
        what = "Times" if ab.delays else "Versions"
        yield f"{what} are tried in parts: {parts}."
    for delay in ab.delays:
        hours, minutes = divmod(delay, 60)
        yield f"One of them {hours} h {minutes} min later."
    if ab.first:
        then = "goes to the rest" if ab.then == "go" else "is asked about"
        yield f"On {ab.first:g} % first; after {ab.minutes:,} minutes what most {ab.metric} {then}."
    if ab.hold_out:
        yield f"{ab.hold_out:g} % are held out and get nothing."
