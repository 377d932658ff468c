"""What a prompt may be, and what is refused: with the part that is wrong, the value and the remedy."""

from typing import Any

import pytest

from subscribers.prompt_words import LANGUAGES, WRITTEN, said_words, written_words
from subscribers.prompts import MOST_TOPICS, POSITIONS, PromptRefused, check_design
from tests.subscribers.prompt_samples import design

TOPIC = {"tag": "news", "label": {"": "News"}, "on": True}
TEXTS = {"": written_words("box", "en")}
LOOK = design()["look"]
WHEN = design()["when"]


@pytest.mark.parametrize("kind", POSITIONS)
def test_a_new_prompt_of_each_kind_is_in_order_in_each_language_of_ours(kind: str) -> None:
    topics = [TOPIC] if kind == "topics" else []
    for language in LANGUAGES:
        given = design(kind, topics=topics, texts={"": written_words(kind, language)}, language=language)
        assert vars(check_design(given)) == given


def test_each_language_says_everything_within_its_limits() -> None:
    for kind in POSITIONS:
        names = set(said_words(kind, "en"))
        for language in LANGUAGES:
            texts = written_words(kind, language)
            assert {name: len(text) <= WRITTEN[name] for name, text in texts.items()} == dict.fromkeys(
                WRITTEN, True
            )
            assert (set(said_words(kind, language)), "" in said_words(kind, language).values()) == (
                names,
                False,
            )
    assert said_words("box", "pt-BR") == said_words("box", "pt")
    assert said_words("box", "sv") == {}


def test_html_in_texts_is_text() -> None:
    text = "<b onclick=x>Tea & <script>"
    checked = check_design(design(texts={"": {**TEXTS[""], "title": text}}))
    assert checked.texts[""]["title"] == text


def test_white_space_is_put_in_order_and_doubles_of_patterns_go() -> None:
    given = design(
        texts={"": {**TEXTS[""], "title": "  A \n  title "}},
        when={**WHEN, "only": ["/blog/*", "/blog/*", "*sale*"]},
    )
    checked = check_design(given)
    assert checked.texts[""]["title"] == "A title"
    assert checked.when["only"] == ["/blog/*", "*sale*"]


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        ({"kind": "popup"}, "kind", "“popup” is no kind of prompt"),
        ({"kind": None}, "kind", "“None” is no kind of prompt"),
        ({"kind": ["box"]}, "kind", "is no kind of prompt"),
        ({"language": "DE"}, "language", "“DE” is no language"),
        ({"language": ""}, "language", "“” is no language"),
        ({"extra": 1}, "kind", "“extra” is no part of a prompt"),
        ({"texts": {}}, "texts", "What everybody else reads is missing"),
        ({"texts": []}, "texts", "What everybody else reads is missing"),
        ({"texts": {"": "x"}}, "texts", "“x” is not an object"),
        ({"texts": {"": {**TEXTS[""], "title": ""}}}, "title", "visitors would see an empty place"),
        ({"texts": {"": {**TEXTS[""], "allow": " "}}}, "allow", "visitors would see an empty place"),
        ({"texts": {"": {**TEXTS[""], "title": 7}}}, "texts", "“7” is not text"),
        ({"texts": {"": {**TEXTS[""], "title": "x" * 61}}}, "texts", "has 61 characters; 60 are possible"),
        ({"texts": {"": {**TEXTS[""], "title": "a\x00b"}}}, "texts", "has characters that are none"),
        ({"texts": {"": {**TEXTS[""], "title": "a\ud800"}}}, "texts", "has characters that are none"),
        ({"texts": {"": {**TEXTS[""], "html": "x"}}}, "texts", "“html” is no part of it"),
        ({"texts": {**TEXTS, "de": {}}}, "texts", "Nothing is written in “de”"),
        ({"texts": {**TEXTS, "german": {"title": "x"}, "<b>": {"title": "x"}}}, "texts", "“<b>” is no language"),
        ({"texts": {**TEXTS, **{f"a{chr(97 + n)}": {"title": "x"} for n in range(20)}}}, "texts", "21 languages; 20"),
        ({"look": {**LOOK, "accent": "red"}}, "accent", "“red” is no colour"),
        ({"look": {**LOOK, "accent": "#2563EB"}}, "accent", "is no colour"),
        ({"look": {**LOOK, "paper": "#fff; } * { color: red"}}, "paper", "is no colour"),
        ({"look": {**LOOK, "ink": 255}}, "ink", "“255” is no colour"),
        ({"look": {**LOOK, "position": "left"}}, "position", "“left” is no place for this kind"),
        ({"look": {**LOOK, "logo": "javascript:alert(1)"}}, "logo", "is no address of a picture"),
        ({"look": {**LOOK, "logo": "http://shop.example/x.png"}}, "logo", "It begins with https://"),
        ({"look": {**LOOK, "logo": "https://user@shop.example/x.png"}}, "logo", "is no address of a picture"),
        ({"look": {**LOOK, "logo": f"https://shop.example/{'x' * 2000}"}}, "logo", "is no address of a picture"),
        ({"look": None}, "look", "“None” is not an object"),
        ({"look": {**LOOK, "shadow": "1"}}, "look", "“shadow” is no part of it"),
        ({"when": {**WHEN, "delay": "5"}}, "delay", "“5” is not a whole number from 0 to 600"),
        ({"when": {**WHEN, "delay": -1}}, "delay", "“-1” is not a whole number"),
        ({"when": {**WHEN, "scroll": 101}}, "scroll", "“101” is not a whole number from 0 to 100"),
        ({"when": {**WHEN, "pages": 0}}, "pages", "“0” is not a whole number from 1 to 100"),
        ({"when": {**WHEN, "visits": True}}, "visits", "“True” is not a whole number"),
        ({"when": {**WHEN, "visits": 1.5}}, "visits", "“1.5” is not a whole number"),
        ({"when": {**WHEN, "exit": 1}}, "exit", "“1” is neither true nor false"),
        ({"when": {**WHEN, "only": "/blog"}}, "only", "“/blog” is not a list of addresses"),
        ({"when": {**WHEN, "only": ["blog/*"]}}, "only", "“blog/*” is no path of the website"),
        ({"when": {**WHEN, "never": ["/a b"]}}, "never", "“/a b” is no path of the website"),
        ({"when": {**WHEN, "never": ["/" + "x" * 200]}}, "never", "has 201 characters; 200 are possible"),
        ({"when": {**WHEN, "never": [f"/{n}" for n in range(21)]}}, "never", "21 addresses; 20 are possible"),
        ({"when": {**WHEN, "never": [7]}}, "never", "“7” is not text"),
        ({"when": []}, "when", "“[]” is not an object"),
        ({"again": []}, "again", "Give 1 to 5 numbers of days"),
        ({"again": [1] * 6}, "again", "Give 1 to 5 numbers of days"),
        ({"again": [0]}, "again", "“0” is not a whole number from 1 to 365"),
        ({"again": "3"}, "again", "Give 1 to 5 numbers of days"),
        ({"topics": [TOPIC]}, "topics", "Only a box with topics, a bell and a button can show topics"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(changes: dict[str, Any], place: str, problem: str) -> None:
    with pytest.raises(PromptRefused) as refused:
        check_design({**design(), **changes})
    assert refused.value.place == place
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("topics", "problem"),
    [
        ([], "needs some: add at least one"),
        ("news", "“news” is not a list of topics"),
        (
            [{"tag": f"t{n}", "label": {"": "x"}} for n in range(10_000)],
            f"10,000 topics; {MOST_TOPICS} are possible",
        ),
        ([TOPIC, TOPIC], "“news” is here twice"),
        ([{**TOPIC, "tag": ""}], "A topic needs a tag"),
        ([{**TOPIC, "tag": 7}], "A topic needs a tag"),
        ([{**TOPIC, "tag": "x" * 65}], "has 65 characters; a tag has at most 64"),
        ([{**TOPIC, "label": {"de": "x"}}], "What everybody else reads is missing"),
        ([{**TOPIC, "label": {"": ""}}], "“news” needs a name that visitors read"),
        ([{**TOPIC, "label": {"": "x" * 61}}], "has 61 characters; 60 are possible"),
        ([{**TOPIC, "on": "yes"}], "“yes” is neither true nor false"),
        ([{**TOPIC, "price": 1}], "“price” is no part of it"),
        ([7], "“7” is not an object"),
    ],
)
def test_topics_that_cannot_be_are_refused(topics: Any, problem: str) -> None:
    with pytest.raises(PromptRefused) as refused:
        check_design(design("topics", topics=topics))
    assert refused.value.place == "topics"
    assert problem in str(refused.value)
