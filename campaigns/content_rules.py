"""What a campaign's content and audience must be, whoever brings them: a form, a copy, later the API."""

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.actions.errors import CampaignRefused
from campaigns.delivery.ab import LETTERS, MOST_VARIANTS
from campaigns.delivery.payload import DEFAULTS, MOST_BUTTONS, draft_octets
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


# What a later variant may say differently.
VARIED = ("title", "body", "url", "image_url")
NO_VARIANT: dict[str, Any] = {**dict.fromkeys(VARIED, ""), "translations": {}}


def merged(first: Content, variant: Content) -> dict[str, Any]:
    """Give what a variant sends: what it leaves empty is as in the first, in each language too."""
    translations = {
        language: {
            **first["translations"].get(language, {}),
            **_said(variant["translations"].get(language, {})),
        }
        for language in (first["translations"] | variant["translations"])
    }
    return {**first, **_said({name: variant[name] for name in VARIED}), "translations": translations}


def _said(texts: Content) -> dict[str, Any]:
    return {name: text for name, text in texts.items() if text}


def checked_variants(first: Content, variants: Sequence[Content]) -> list[dict[str, Any]]:
    """Fill in what was not said; raises CampaignRefused for too many, for one that is as the first, and for braces."""
    if len(variants) >= MOST_VARIANTS:
        raise CampaignRefused(f"{len(variants) + 1} versions; {MOST_VARIANTS} are possible. Take some away.")
    made = [{**NO_VARIANT, **variant} for variant in variants]
    for letter, variant in zip(LETTERS[1:], made, strict=False):
        if merged(first, variant) == merged(first, NO_VARIANT):
            raise CampaignRefused(
                f"Version {letter} is the same as A. Write something else, or take it away."
            )
        check_braces(merged(first, variant))
    return made


def most_octets(first: Content, variants: Sequence[Content], *, site_icon: str) -> int:
    """Count what a draft becomes: the most that any of its versions has in any language."""
    made = [first, *(merged(first, variant) for variant in variants)]
    return max(draft_octets(one, site_icon=site_icon) for one in made)


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
