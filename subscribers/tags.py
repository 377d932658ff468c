"""Tags of subscribers: `name` or `name=value`, and how many one can have."""

from collections.abc import Iterable

MOST_TAGS = 50
MOST_CHARACTERS = 64
# All of one subscriber's together: the audience's index holds them, whose entries have at most 2,704 octets.
MOST_OCTETS = 1500


class TagsRefused(ValueError):
    """Tags that cannot be kept; the text names the tag and the remedy."""


def clean_tags(given: Iterable[str]) -> list[str]:
    """Strip, sort and bound tags, each once; raises TagsRefused."""
    tags = sorted({one for text in given if (one := " ".join(text.split()))})
    for tag in tags:
        if len(tag) > MOST_CHARACTERS:
            raise TagsRefused(
                f"“{tag[:20]}…” has {len(tag)} characters; a tag has at most {MOST_CHARACTERS}. Shorten it."
            )
        if not tag.isprintable():
            raise TagsRefused(f"{tag!r} has characters that cannot be shown. Type it anew.")
        if tag.startswith("="):
            raise TagsRefused(f"“{tag}” has no name before “=”. Write name=value.")
    if len(tags) > MOST_TAGS:
        raise TagsRefused(f"{len(tags)} tags; a subscriber has at most {MOST_TAGS}. Take some away.")
    octets = sum(len(tag.encode()) for tag in tags)
    if octets > MOST_OCTETS:
        raise TagsRefused(
            f"The tags have {octets:,} octets together; at most {MOST_OCTETS:,} are kept. Shorten or remove some."
        )
    return tags
