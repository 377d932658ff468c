"""What a campaign's content and audience must be, whoever brings them: a form, a copy, later the API."""

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.actions.errors import CampaignRefused
from campaigns.delivery.payload import DEFAULTS, MOST_BUTTONS
from campaigns.delivery.personal import stray_braces
from campaigns.whom import MOST_SEGMENTS
from subscribers.models import Segment, Site

Content = Mapping[str, Any]
# What a draft is kept with besides what travels, and what it is where nothing was said.
HEADERS: dict[str, Any] = {"urgency": "normal", "ttl": None}


def checked_content(content: Content) -> dict[str, Any]:
    """Fill in what was not said; raises CampaignRefused for what cannot be sent."""
    made = {**DEFAULTS, **HEADERS, **content}
    if len(made["buttons"]) > MOST_BUTTONS:
        raise CampaignRefused(
            f"{len(made['buttons'])} buttons; browsers show {MOST_BUTTONS} at most. Take some away."
        )
    check_braces(made)
    return made


def check_segments(site: Site, segments: Sequence[Segment], excluded: Sequence[Segment]) -> None:
    """Raise CampaignRefused for segments of another website, too many of them, or one that is wanted and left out."""
    for segment in (*segments, *excluded):
        if segment.site_id != site.pk:
            raise CampaignRefused(f"“{segment.name}” is not a segment of {site.name}. Choose another one.")
    if max(len(segments), len(excluded)) > MOST_SEGMENTS:
        raise CampaignRefused(f"More than {MOST_SEGMENTS} segments; make one whose rule joins some of them.")
    for segment in segments:
        if segment in excluded:
            raise CampaignRefused(f"“{segment.name}” is both wanted and left out. Take it away on one side.")


def check_braces(content: Content) -> None:
    """Raise CampaignRefused for braces that would reach a recipient."""
    translated = [text for texts in content["translations"].values() for text in texts.values()]
    buttons = [text for button in content["buttons"] for text in button.values()]
    own = [content[name] for name in ("title", "body", "url", "icon_url", "image_url", "badge_url")]
    for text in (*own, *content["utm"].values(), *buttons, *translated):
        if stray := stray_braces(text):
            raise CampaignRefused(
                f"“{stray}” is no placeholder. "
                'Write one as {{ first_name|default:"there" }}, or take the braces away.'
            )
