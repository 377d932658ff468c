"""What a prompt may be: its parts as JSON, strictly checked, and what settings.json says of it.

Nothing is mended silently but white space: a design comes from a form, from a copy, or from a program that ought to
know what was wrong with it. Texts stay texts: they are never parsed, and the page puts them in as text.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from subscribers.languages import read_language
from subscribers.models import Prompt, Site
from subscribers.prompt_words import WRITTEN, said_words, written_words
from subscribers.tags import TagsRefused, clean_tags
from truepush.lib.hostname import url_problem

MOST_LANGUAGES = 20
# With as many languages a form has fewer fields than a request may (settings.DATA_UPLOAD_MAX_NUMBER_FIELDS).
MOST_TOPICS = 15
MOST_LABEL = 60
MOST_PATTERNS = 20
MOST_PATTERN = 200
MOST_WAITS = 5
MOST_LOGO = 2000
# Kinds that show topics to choose.
WITH_TOPICS = ("topics", "bell", "button")
# Which of the written texts a kind shows, and which of them it cannot do without.
SHOWN_TEXTS: dict[str, tuple[str, ...]] = {
    "box": tuple(WRITTEN),
    "topics": tuple(WRITTEN),
    "bar": tuple(WRITTEN),
    "backdrop": ("title", "text"),
    "native": ("title",),
    "bell": ("text", "allow"),
    "button": ("allow", "text"),
}
_NEEDED = ("title", "allow", "later")
_CORNERS = ("top-left", "top", "top-right", "bottom-left", "bottom", "bottom-right", "centre")
# The first is the one that a new prompt has.
POSITIONS: dict[str, tuple[str, ...]] = {
    "box": ("top", *(place for place in _CORNERS if place != "top")),
    "topics": ("centre", *(place for place in _CORNERS if place != "centre")),
    "bar": ("top", "bottom"),
    "bell": ("bottom-right", "bottom-left"),
    "backdrop": ("",),
    "native": ("",),
    "button": ("",),
}
# They offer, and stand on the page all the time; the other kinds ask.
SWITCHES = ("bell", "button")
COLOURS = {"accent": "#2b6bea", "ink": "", "paper": ""}
# Seconds on the page, per cent of it, pages and visits of the visitor: at least, and at most.
LIMITS = {"delay": (0, 600), "scroll": (0, 100), "pages": (1, 100), "visits": (1, 100)}
AGAIN = (3, 7, 30)
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class PromptRefused(ValueError):
    """Something of a prompt cannot be; `place` names the part, the text the value and the remedy."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(problem)
        self.place = place


@dataclass(frozen=True)
class Design:
    """All of a prompt that its makers choose; what `check_design` has let pass."""

    kind: str
    language: str
    texts: dict[str, dict[str, str]]
    look: dict[str, str]
    when: dict[str, Any]
    again: list[int]
    topics: list[dict[str, Any]]


# What a visitor sees of it: a change of these is another version.
SEEN = ("kind", "language", "texts", "look", "topics")


def new_design(kind: str, language: str = "en") -> dict[str, Any]:
    """What a new prompt of this kind begins with."""
    return {
        "kind": kind,
        "language": language,
        "texts": {"": written_words(kind, language)},
        "look": {"position": POSITIONS[kind][0], **COLOURS, "logo": ""},
        "when": {name: least for name, (least, _) in LIMITS.items()}
        | {"exit": False, "only": [], "never": []},
        "again": list(AGAIN),
        "topics": [],
    }


def design_of(prompt: Prompt) -> Design:
    return Design(**{name: getattr(prompt, name) for name in Design.__dataclass_fields__})


def check_design(given: Mapping[str, Any]) -> Design:
    """Check a design whole; raises PromptRefused for the first part that is wrong."""
    if unknown := set(given) - set(Design.__dataclass_fields__):
        raise PromptRefused("kind", f"“{min(map(str, unknown))[:40]}” is no part of a prompt. Leave it out.")
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in POSITIONS:
        raise PromptRefused(
            "kind", f"{_shown(kind)} is no kind of prompt. Choose one of {', '.join(POSITIONS)}."
        )
    language = given.get("language", "en")
    if not isinstance(language, str) or not language or read_language(language) != language:
        raise PromptRefused("language", f"{_shown(language)} is no language. Give a tag such as de or pt-BR.")
    topics = _topics(given.get("topics", []))
    if kind == "topics" and not topics:
        raise PromptRefused("topics", "A box with topics needs some: add at least one.")
    if topics and kind not in WITH_TOPICS:
        raise PromptRefused(
            "topics", "Only a box with topics, a bell and a button can show topics. Take them away."
        )
    return Design(
        kind=kind,
        language=language,
        texts=_texts(kind, given.get("texts")),
        look=_look(kind, given.get("look")),
        when=_when(given.get("when")),
        again=_again(given.get("again")),
        topics=topics,
    )


def _shown(value: Any) -> str:
    return f"“{value!s:.40}”"


def _mapping(value: Any, place: str, known: Iterable[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise PromptRefused(place, f"{_shown(value)} is not an object. Give one.")
    if unknown := set(value) - set(known):
        raise PromptRefused(place, f"{_shown(min(unknown))} is no part of it. Leave it out.")
    return value


def _text(value: Any, place: str, most: int) -> str:
    if not isinstance(value, str):
        raise PromptRefused(place, f"{_shown(value)} is not text. Give text.")
    text = " ".join(value.split())
    if len(text) > most:
        raise PromptRefused(
            place, f"“{text[:20]}…” has {len(text):,} characters; {most} are possible. Shorten it."
        )
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise PromptRefused(place, f"{text[:20]!r} has characters that are none. Type it anew.")
    return text


def _by_language(value: Any, place: str) -> dict[str, Any]:
    """An object by language tags, with what is for everybody else under ""."""
    if not isinstance(value, dict) or "" not in value:
        raise PromptRefused(place, "What everybody else reads is missing. Give it under an empty language.")
    if len(value) > MOST_LANGUAGES:
        raise PromptRefused(
            place, f"{len(value):,} languages; {MOST_LANGUAGES} are possible. Take some away."
        )
    for tag in value:
        if not isinstance(tag, str) or (tag and read_language(tag) != tag):
            raise PromptRefused(place, f"{_shown(tag)} is no language. Give a tag such as de or pt-BR.")
    return value


def _texts(kind: str, value: Any) -> dict[str, dict[str, str]]:
    made = {}
    for language, given in _by_language(value, "texts").items():
        texts = _mapping(given, "texts", WRITTEN)
        made[language] = {name: _text(texts.get(name, ""), "texts", most) for name, most in WRITTEN.items()}
        if language and not any(made[language].values()):
            raise PromptRefused(
                "texts", f"Nothing is written in “{language}”. Write something, or take it away."
            )
    for name in _NEEDED:
        if name in SHOWN_TEXTS[kind] and not made[""][name]:
            raise PromptRefused(name, "Write something here: visitors would see an empty place.")
    return made


def _look(kind: str, value: Any) -> dict[str, str]:
    look = _mapping(value, "look", ("position", *COLOURS, "logo"))
    position = look.get("position", POSITIONS[kind][0])
    if position not in POSITIONS[kind]:
        raise PromptRefused("position", f"{_shown(position)} is no place for this kind. Choose another one.")
    for name in COLOURS:
        colour = look.get(name, "")
        if not isinstance(colour, str) or (colour and not _COLOUR.fullmatch(colour)):
            raise PromptRefused(name, f"{_shown(colour)} is no colour. Give six digits as in #2563eb.")
    logo = look.get("logo", "")
    if not isinstance(logo, str) or len(logo) > MOST_LOGO or (logo and url_problem(logo)):
        raise PromptRefused("logo", f"{_shown(logo)} is no address of a picture. It begins with https://.")
    return {"position": position, **{name: look.get(name, "") for name in COLOURS}, "logo": logo}


def _when(value: Any) -> dict[str, Any]:
    when = _mapping(value, "when", (*LIMITS, "exit", "only", "never"))
    made: dict[str, Any] = {
        name: _whole(when.get(name, least), name, least, most) for name, (least, most) in LIMITS.items()
    }
    leaving = when.get("exit", False)
    if not isinstance(leaving, bool):
        raise PromptRefused("exit", f"{_shown(leaving)} is neither true nor false.")
    return {
        **made,
        "exit": leaving,
        **{name: _patterns(when.get(name, []), name) for name in ("only", "never")},
    }


def _whole(value: Any, place: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise PromptRefused(place, f"{_shown(value)} is not a whole number from {least} to {most}.")
    return value


def _patterns(value: Any, place: str) -> list[str]:
    if not isinstance(value, list):
        raise PromptRefused(place, f"{_shown(value)} is not a list of addresses. Give one.")
    if len(value) > MOST_PATTERNS:
        raise PromptRefused(place, f"{len(value):,} addresses; {MOST_PATTERNS} are possible. Use *.")
    made = [_text(one, place, MOST_PATTERN) for one in value]
    for one in made:
        if not one.startswith(("/", "*")) or " " in one:
            raise PromptRefused(
                place,
                f"{_shown(one)} is no path of the website. Begin with /, as in /blog/*, without spaces.",
            )
    return list(dict.fromkeys(made))


def _again(value: Any) -> list[int]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_WAITS:
        raise PromptRefused("again", f"Give 1 to {MOST_WAITS} numbers of days, as in 3, 7, 30.")
    return [_whole(days, "again", 1, 365) for days in value]


def _topics(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise PromptRefused("topics", f"{_shown(value)} is not a list of topics. Give one.")
    if len(value) > MOST_TOPICS:
        raise PromptRefused("topics", f"{len(value):,} topics; {MOST_TOPICS} are possible. Take some away.")
    made = [_topic(one) for one in value]
    tags = [one["tag"] for one in made]
    if twice := next((tag for tag in tags if tags.count(tag) > 1), None):
        raise PromptRefused("topics", f"“{twice}” is here twice. Take one of them away.")
    return made


def _topic(value: Any) -> dict[str, Any]:
    topic = _mapping(value, "topics", ("tag", "label", "on"))
    tag, is_on = topic.get("tag"), topic.get("on", True)
    try:
        tags = clean_tags([tag]) if isinstance(tag, str) else []
    except TagsRefused as error:
        raise PromptRefused("topics", str(error)) from None
    if not tags:
        raise PromptRefused("topics", "A topic needs a tag: whoever chooses it gets it.")
    if not isinstance(is_on, bool):
        raise PromptRefused("topics", f"{_shown(is_on)} is neither true nor false.")
    given = _by_language(topic.get("label"), "topics")
    label = {language: _text(name, "topics", MOST_LABEL) for language, name in given.items()}
    if not all(label.values()):
        raise PromptRefused("topics", f"“{tags[0]}” needs a name that visitors read.")
    return {"tag": tags[0], "label": label, "on": is_on}


def live_prompts(site: Site) -> list[dict[str, Any]] | None:
    """What settings.json lists, in one query; None for a website that never set one live: it keeps the default bell."""
    rows = {one.pk: one for one in Prompt.objects.filter(site=site)}
    if not any(one.live_at for one in rows.values()):
        return None
    rivals = {one.rival_id for one in rows.values()}
    first = [one for one in rows.values() if one.is_live and one.pk not in rivals]
    return [as_json(one, rows.get(one.rival_id or 0), site) for one in first]


def as_json(prompt: Prompt, rival: Prompt | None, site: Site) -> dict[str, Any]:
    """One prompt as the website's pages get it, with its rival if that is live."""
    made = {**_seen(prompt, site), "when": prompt.when, "again": prompt.again}
    if rival and rival.is_live:
        made |= {"rival": _seen(rival, site), "share": prompt.share}
    return made


def _seen(prompt: Prompt, site: Site) -> dict[str, Any]:
    """What a visitor sees: a language says all, what is not written in it as the default does."""
    design = design_of(prompt)
    texts = {
        language: {
            **said_words(design.kind, language or design.language),
            **design.texts[""],
            **{name: text for name, text in given.items() if text},
        }
        for language, given in design.texts.items()
    }
    return {
        "id": prompt.pk,
        "version": prompt.version,
        "kind": design.kind,
        "language": design.language,
        "texts": texts,
        "look": {**design.look, "logo": design.look["logo"] or site.icon_url},
        "topics": design.topics,
    }
