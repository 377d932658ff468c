"""The form of a prompt: its fields, and blocks of other languages and of topics. What may be is said by prompts.py."""

from typing import Any

from django import forms

from subscribers.blocks import read_blocks
from subscribers.models import Prompt
from subscribers.names import languages
from subscribers.prompt_words import LANGUAGES, WRITTEN
from subscribers.prompts import (
    COLOURS,
    LIMITS,
    POSITIONS,
    WITH_TOPICS,
    PromptRefused,
    check_design,
    design_of,
    new_design,
)

# Tags that say more than a language of two letters, since texts differ.
_REGIONS = {
    "pt-BR": "Portuguese (Brazil)",
    "zh-Hans": "Chinese, simplified",
    "zh-Hant": "Chinese, traditional",
}
_PLACES = {
    "top-left": "Top left", "top": "Top", "top-right": "Top right", "bottom-left": "Bottom left", "bottom": "Bottom",
    "bottom-right": "Bottom right", "centre": "In the middle, over a dimmed page",
}  # fmt: skip
# Fields whose problem stands beside another field, or at the top.
_SHOWN_AT = {"texts": "title", "topics": None, "look": None, "when": None}


def language_choices() -> dict[str, str]:
    """Languages by tag, those first that we have texts of."""
    names = languages()
    ours = {tag: names[tag] for tag in LANGUAGES}
    others = {**{tag: name for tag, name in names.items() if tag not in ours}, **_REGIONS}
    return {**ours, **dict(sorted(others.items(), key=lambda one: one[1]))}


def _number(name: str, label: str, help_text: str = "") -> forms.IntegerField:
    least, most = LIMITS[name]
    wrong = f"Give a whole number from {least} to {most}."
    return forms.IntegerField(
        label=label, min_value=least, max_value=most, help_text=help_text,
        error_messages={"invalid": wrong, "min_value": wrong, "max_value": wrong, "required": wrong},
        widget=forms.NumberInput(attrs={"class": "form-control", "inputmode": "numeric"}),
    )  # fmt: skip


def _line(label: str, name: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=WRITTEN[name], help_text=help_text)


def _colour(label: str) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=20, widget=forms.TextInput(attrs={"type": "color", "class": "colour"})
    )  # fmt: skip


def _addresses(label: str, help_text: str) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": 2, "placeholder": "/blog/*"})
    return forms.CharField(label=label, required=False, max_length=4_500, help_text=help_text, widget=area)


class PromptForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="For you and your colleagues; visitors do not see it.")
    kind = forms.ChoiceField(choices=Prompt.Kind.choices)
    language = forms.ChoiceField(choices=lambda: language_choices().items(), label="Language of these texts")
    title = _line("Title", "title", "{site} is replaced by the name of your website.")
    text = forms.CharField(
        label="Text", required=False, max_length=WRITTEN["text"], widget=forms.Textarea(attrs={"rows": 2})
    )
    allow = _line("Agrees", "allow")
    later = _line("Says no", "later")
    position = forms.ChoiceField(choices=list(_PLACES.items()), required=False)
    accent = _colour("Colour of the button")
    own_colours = forms.BooleanField(
        required=False,
        label="Own background and text colours",
        help_text="Otherwise the prompt follows the visitor's light or dark mode.",
    )
    paper = _colour("Background")
    ink = _colour("Text colour")
    logo = forms.CharField(
        required=False, max_length=2000, help_text="Left empty, the icon of the website is shown.",
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://www.example.com/logo.png"}),
    )  # fmt: skip
    delay = _number("delay", "Seconds on the page, at least")
    scroll = _number("scroll", "Per cent of the page scrolled, at least")
    pages = _number(
        "pages", "Pages seen, at least", "Over all visits of this browser; 2 asks on the second page."
    )
    visits = _number("visits", "Visits, at least", "A visit ends after half an hour without a page.")
    exit = forms.BooleanField(
        required=False,
        label="Only when the visitor is about to leave",
        help_text="The pointer leaves through the top of the window; on a phone, a fast scroll up.",
    )
    only = _addresses(
        "Only on these pages", "One path a line; * stands for anything. Empty means everywhere."
    )
    never = _addresses("Never on these pages", "One path a line, for example /checkout/*.")
    again = forms.CharField(
        max_length=60,
        label="Ask again after days",
        help_text="After the first, second and every later “no”: 3, 7, 30.",
    )
    share = forms.IntegerField(
        required=False, min_value=1, max_value=99, label="Visitors who get B, per cent",
        widget=forms.NumberInput(attrs={"class": "form-control", "inputmode": "numeric"}),
    )  # fmt: skip

    def __init__(
        self, data: Any = None, *, prompt: Prompt | None = None, kind: str = "box", name: str = ""
    ) -> None:
        known = vars(design_of(prompt)) if prompt else new_design(kind)
        start = {"name": prompt.name if prompt else name, "share": prompt.share if prompt else 50}
        super().__init__(data, initial={**start, **as_initial(known)})
        if not (prompt and prompt.rival_id):
            del self.fields["share"]
        language = self.fields["language"]
        if isinstance(language, forms.ChoiceField) and known["language"] not in language_choices():
            language.choices = [(known["language"], known["language"]), *language_choices().items()]
        if self.is_bound:
            self.translations = read_blocks(self.data, "translation", ("language", *WRITTEN))
            self.topics = read_blocks(self.data, "topic", ("tag", "label", "others", "on"))
        else:
            self.translations = [{"language": tag, **texts} for tag, texts in known["texts"].items() if tag]
            self.topics = [_topic_block(one) for one in known["topics"]]

    @property
    def conditions(self) -> list[forms.BoundField]:
        return [self[name] for name in (*LIMITS, "exit", "again")]

    def clean(self) -> dict[str, Any]:
        """Put the parts together as prompts.py has them; what it refuses is said beside its field."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            self.design = self._design(data)
            check_design(self.design)
        except PromptRefused as error:
            self.refuse(error)
        return data

    def refuse(self, error: PromptRefused) -> None:
        place = _SHOWN_AT.get(error.place, error.place)
        self.add_error(place if place in self.fields else None, str(error))

    def _design(self, data: dict[str, Any]) -> dict[str, Any]:
        kind = data["kind"]
        colours = {name: data[name].lower() for name in COLOURS}
        if not data["own_colours"]:
            colours |= {"paper": "", "ink": ""}
        places = POSITIONS[kind]
        position = data["position"] if data["position"] in places else places[0]
        return {
            "kind": kind,
            "language": data["language"],
            "texts": {"": {name: data[name] for name in WRITTEN}, **self._translations()},
            "look": {"position": position, **colours, "logo": data["logo"].strip()},
            "when": {
                **{name: data[name] for name in LIMITS},
                "exit": data["exit"],
                "only": data["only"].split(),
                "never": data["never"].split(),
            },
            "again": _days(data["again"]),
            "topics": [_topic(one) for one in self.topics] if kind in WITH_TOPICS else [],
        }

    def _translations(self) -> dict[str, dict[str, str]]:
        made: dict[str, dict[str, str]] = {}
        for one in self.translations:
            language = one["language"]
            if not language:
                raise PromptRefused("texts", "Choose the other language, or take it away.")
            if language in made:
                name = language_choices().get(language, language)
                raise PromptRefused("texts", f"{name} is here twice. Take one of them away.")
            made[language] = {name: one[name] for name in WRITTEN}
        return made


def as_initial(design: dict[str, Any]) -> dict[str, Any]:
    """Fill the form from the parts of a design."""
    look, when = design["look"], design["when"]
    return {
        "kind": design["kind"],
        "language": design["language"],
        **design["texts"][""],
        **{**look, "accent": look["accent"] or COLOURS["accent"]},
        "own_colours": bool(look["paper"] or look["ink"]),
        "paper": look["paper"] or "#ffffff",
        "ink": look["ink"] or "#1d2939",
        **{name: when[name] for name in (*LIMITS, "exit")},
        "only": "\n".join(when["only"]),
        "never": "\n".join(when["never"]),
        "again": ", ".join(str(days) for days in design["again"]),
    }


def _days(text: str) -> list[int]:
    parts = [part for part in text.replace(",", " ").split() if part]
    if not all(part.isascii() and part.isdecimal() and len(part) < 5 for part in parts):
        raise PromptRefused("again", f"“{text:.40}” are no numbers of days. Give them as in 3, 7, 30.")
    return [int(part) for part in parts]


def _topic_block(topic: dict[str, Any]) -> dict[str, str]:
    others = "; ".join(f"{language}: {name}" for language, name in topic["label"].items() if language)
    return {
        "tag": topic["tag"],
        "label": topic["label"][""],
        "others": others,
        "on": "1" if topic["on"] else "0",
    }


def _topic(block: dict[str, str]) -> dict[str, Any]:
    """Read a block; its other names are written as `de: Nachrichten; fr: Actualités`."""
    label = {"": block["label"]}
    for part in filter(None, (one.strip() for one in block["others"].split(";"))):
        language, colon, name = part.partition(":")
        if not colon:
            raise PromptRefused(
                "topics", f"“{part:.40}” names no language. Write it as de: Nachrichten; fr: Actualités."
            )
        label[language.strip()] = name.strip()
    return {"tag": block["tag"], "label": label, "on": block["on"] != "0"}
