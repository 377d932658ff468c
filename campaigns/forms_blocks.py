"""Blocks of fields that a person adds to the composer as often as needed: other languages, and other versions."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from campaigns.content_rules import VARIED
from campaigns.delivery.ab import LETTERS, MOST_VARIANTS
from campaigns.delivery.payload import TRANSLATED
from campaigns.forms_personal import check_personal_url, check_places
from campaigns.models import Message
from subscribers.blocks import read_blocks
from subscribers.names import languages

MOST_LANGUAGES = 20
_LIMITS = {"title": 200, "body": 2000, "url": 2000, "image_url": 2000}
_WORDS = {"title": "title", "body": "message", "url": "page to open", "image_url": "large image"}
_ADDRESSES = ("url", "image_url")


class Block:
    """Texts as they were typed, and what is wrong with them."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.problems: list[str] = []

    def check_texts(self) -> None:
        for name, text in self.texts.items():
            if len(text) > _LIMITS[name]:
                self.problems.append(
                    f"The {_WORDS[name]} has {len(text)} characters; {_LIMITS[name]} are possible."
                )
            try:
                if name in _ADDRESSES and text:
                    check_personal_url(text, f"The {_WORDS[name]}")
                else:
                    check_places(text, f"The {_WORDS[name]}")
            except forms.ValidationError as error:
                self.problems += error.messages


class Translation(Block):
    """One other language of one version."""

    def __init__(self, language: str, texts: dict[str, str], variant: int = 0) -> None:
        super().__init__(texts)
        self.language, self.variant = language, variant

    @property
    def name(self) -> str:
        return languages().get(self.language, self.language or "a language")

    @property
    def letter(self) -> str:
        return LETTERS[self.variant]

    def check(self, versions: int) -> None:
        """Note what is wrong."""
        if self.language not in languages():
            self.problems.append(
                f"“{self.language}” is no language that is known. Choose one of the list."
                if self.language
                else "Choose the language, or take it away."
            )
        if self.variant > versions:
            self.problems.append(f"There is no version {self.letter}. Choose another one, or take it away.")
        if not any(self.texts.values()):
            self.problems.append("Write a title, a message or a page in this language, or take it away.")
        self.check_texts()


class Version(Block):
    """A further version of the message: what it leaves empty is as in the first. `number` counts from 1."""

    def __init__(self, number: int, texts: dict[str, str]) -> None:
        super().__init__(texts)
        self.letter = LETTERS[min(number, len(LETTERS) - 1)]

    def check(self) -> None:
        if not any(self.texts.values()):
            self.problems.append("Write what this version says differently, or take it away.")
        self.check_texts()


def _variant(text: str) -> int:
    return (
        int(text)
        if len(text) == 1 and text.isascii() and text.isdecimal() and int(text) < MOST_VARIANTS
        else 0
    )


class BlocksForm(forms.Form):
    """Other languages and other versions: as many blocks of fields as the person has added."""

    def __init__(self, *args: Any, stored: Sequence[Message] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound:
            self.versions = [
                Version(number, texts)
                for number, texts in enumerate(read_blocks(self.data, "version", VARIED), 1)
            ]
            self.translations = [
                Translation(one.pop("language"), one, _variant(self._of_block(number)))
                for number, one in enumerate(read_blocks(self.data, "translation", ("language", *TRANSLATED)))
            ]
        else:
            self.versions = [
                Version(message.variant, {name: getattr(message, name) for name in VARIED})
                for message in stored[1:]
            ]
            self.translations = [
                Translation(language, {name: texts.get(name, "") for name in TRANSLATED}, message.variant)
                for message in stored
                for language, texts in message.translations.items()
            ]

    def _of_block(self, number: int) -> str:
        given = self.data.getlist("translation_variant") if isinstance(self.data, QueryDict) else []
        return given[number] if number < len(given) else ""

    def read_languages(self) -> dict[int, dict[str, dict[str, str]]]:
        """Answer what is said in which language, by version; what is wrong is noted with its language."""
        if len(self.translations) > MOST_LANGUAGES:
            self.add_error(
                None, f"{len(self.translations)} languages; {MOST_LANGUAGES} are possible. Take some away."
            )
        known = [(one.language, one.variant) for one in self.translations]
        for one in self.translations:
            one.check(len(self.versions))
            if known.count((one.language, one.variant)) > 1:
                one.problems.append(f"{one.name} is here twice. Take one of them away.")
        if any(one.problems for one in self.translations):
            self.add_error(None, "Something is wrong in another language; it is said there.")
        found: dict[int, dict[str, dict[str, str]]] = {}
        for one in self.translations:
            found.setdefault(one.variant, {})[one.language] = one.texts
        return found

    def read_versions(self, said: dict[int, dict[str, dict[str, str]]]) -> list[dict[str, Any]]:
        """Answer the further versions with their languages; what is wrong is noted with its version."""
        if len(self.versions) >= MOST_VARIANTS:
            self.add_error(
                None, f"{len(self.versions) + 1} versions; {MOST_VARIANTS} are possible. Take some away."
            )
        for number, one in enumerate(self.versions, 1):
            if not (number in said and not any(one.texts.values())):
                one.check()  # one that differs in a language alone says nothing itself
        if any(one.problems for one in self.versions):
            self.add_error(None, "Something is wrong in another version; it is said there.")
        return [
            {**one.texts, "translations": said.get(number, {})} for number, one in enumerate(self.versions, 1)
        ]
