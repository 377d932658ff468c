"""What a message says to whom: places for a recipient's own values, other languages, what tracking is told."""

import re
from typing import Any

from django import forms
from django.http import QueryDict

from campaigns.delivery.payload import TRANSLATED, UTM
from campaigns.delivery.personal import Marks, has_places, stray_braces
from campaigns.models import Message
from subscribers.forms import check_url
from subscribers.names import languages

MOST_LANGUAGES = 20
MOST_UTM = 100
_LITERAL_HOST = re.compile(r"https?://[^/?#{}\s]+[/?#]", re.IGNORECASE)
_UTM_HELP = {
    "source": "Which tool it came from, for example truepush.",
    "medium": "The channel, for example web-push.",
    "campaign": "What it is part of, for example spring-sale.",
}


def check_places(text: str, what: str) -> str:
    """Raise ValidationError for braces that would reach a recipient."""
    if stray := stray_braces(text):
        raise forms.ValidationError(
            f"{what} has braces that are no placeholder: {stray}. "
            'Write one as {{ first_name|default:"there" }}, or take the braces away.'
        )
    return text


def check_personal_url(text: str, what: str) -> str:
    """Check an address that may have placeholders, after its host."""
    text = check_places(text.strip(), what)
    if not has_places(text):
        return check_url(text, what)
    if not _LITERAL_HOST.match(text):
        raise forms.ValidationError(
            f"{what} must begin with https:// and a host of its own; placeholders stand after it, "
            "for example https://www.example.com/for/{{ city }}."
        )
    check_url(Marks().mark(text).replace("\x00", ""), what)
    return text


class TrackingForm(forms.Form):
    """The parameters that analytics tools read, added to the message's pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in UTM:
            self.fields[f"utm_{name}"] = forms.CharField(
                max_length=MOST_UTM, required=False, label=f"utm_{name}", help_text=_UTM_HELP.get(name, "")
            )

    def read_utm(self) -> dict[str, str]:
        """Answer those that are filled in, as typed."""
        found = {}
        for name in UTM:
            text = " ".join(str(self.cleaned_data.get(f"utm_{name}", "")).split())
            try:
                found[name] = check_places(text, f"utm_{name}")
            except forms.ValidationError as error:
                self.add_error(f"utm_{name}", error)
        return {name: text for name, text in found.items() if text}

    def tracking(self) -> list[forms.BoundField]:
        return [self[f"utm_{name}"] for name in UTM]

    @property
    def has_tracking(self) -> bool:
        """Whether any of it is filled in, or wrong."""
        return any(field.value() or field.errors for field in self.tracking())


class Translation:
    """One other language as it was typed, and what is wrong with it."""

    def __init__(self, language: str, texts: dict[str, str]) -> None:
        self.language, self.texts = language, texts
        self.problems: list[str] = []

    @property
    def name(self) -> str:
        return languages().get(self.language, self.language or "a language")

    def check(self) -> None:
        """Note what is wrong."""
        if self.language not in languages():
            self.problems.append(
                f"“{self.language}” is no language that is known. Choose one of the list."
                if self.language
                else "Choose the language, or take it away."
            )
        if not any(self.texts.values()):
            self.problems.append("Write a title, a message or a page in this language, or take it away.")
        for name, most in (("title", 200), ("body", 2000), ("url", 2000)):
            if len(self.texts[name]) > most:
                self.problems.append(
                    f"The {_WORDS[name]} has {len(self.texts[name])} characters; {most} are possible."
                )
        for name in TRANSLATED:
            self._check_text(name)

    def _check_text(self, name: str) -> None:
        text = self.texts[name]
        try:
            if name == "url" and text:
                check_personal_url(text, "The page to open")
            else:
                check_places(text, f"The {_WORDS[name]}")
        except forms.ValidationError as error:
            self.problems += error.messages


_WORDS = {"title": "title", "body": "message", "url": "page to open"}


def read_translations(data: Any) -> list[Translation]:
    """Read the languages of a form that was sent: `translation_language` and the texts, as often as there are any."""
    if not isinstance(data, QueryDict):
        return []
    columns = {name: data.getlist(f"translation_{name}") for name in ("language", *TRANSLATED)}
    return [
        Translation(language, {name: _text(columns[name], number, name) for name in TRANSLATED})
        for number, language in enumerate(columns["language"])
    ]


def _text(column: list[str], number: int, name: str) -> str:
    text = (column[number] if number < len(column) else "").replace("\x00", "").replace("\r\n", "\n").strip()
    return text if name == "body" else " ".join(text.split())


def translations_of(message: Message) -> list[Translation]:
    """Give the languages of a stored message."""
    return [
        Translation(language, {name: texts.get(name, "") for name in TRANSLATED})
        for language, texts in message.translations.items()
    ]


class LanguagesForm(forms.Form):
    """Other languages: as many blocks of fields as the person has added."""

    def __init__(self, *args: Any, message: Message | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.translations = read_translations(self.data) if self.is_bound else []
        if message is not None and not self.is_bound:
            self.translations = translations_of(message)

    def read_languages(self) -> dict[str, dict[str, str]]:
        """Answer what is said in which language; what is wrong is noted with its language."""
        if len(self.translations) > MOST_LANGUAGES:
            self.add_error(
                None, f"{len(self.translations)} languages; {MOST_LANGUAGES} are possible. Take some away."
            )
        for one in self.translations:
            one.check()
            if [other.language for other in self.translations].count(one.language) > 1:
                one.problems.append(f"{one.name} is here twice. Take one of them away.")
        if any(one.problems for one in self.translations):
            self.add_error(None, "Something is wrong in another language; it is said there.")
        return {one.language: one.texts for one in self.translations}
